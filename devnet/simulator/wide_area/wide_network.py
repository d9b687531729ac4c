"""Links of the world's length, with what they carry counted and what it costs to handle charged.

A message leaves when the sender has computed it and its uplink has sent what was before it, takes
the regions' delay, and is read when the receiver has handled what came before. Nothing gets lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from devnet.simulator.network import CALM, SimNetwork
from devnet.simulator.schedule import MS
from devnet.simulator.sim_peers import SimPeer
from devnet.simulator.wide_area.costs import Costs
from devnet.simulator.wide_area.regions import (
    JITTER,
    ONE_WAY_MS,
    UPLINK_BITS_PER_SECOND,
    region_of,
)
from devnet.simulator.wire import PROPOSING, VOTING
from devnet.simulator.world import World
from ledger.codec import encode
from ledger.types import PublicKey, Signature
from node.p2p import CertificateMessage, Message

if TYPE_CHECKING:
    from devnet.simulator.machine import Machine

HANDLING_US: Final = 60
"""Reading, decoding and handling a message besides its signatures, on one core; see `bench network`
for the measured whole."""

OVERHEAD_BYTES: Final = 60
"""TCP, TLS and WebSocket around each message."""

REFERENCE_BYTES: Final = 18
"""A transaction in a compact proposal."""


class WideNetwork(SimNetwork):
    """Between regions; see the module."""

    def __init__(self, world: World, costs: Costs, load: int) -> None:
        """Prepare.

        Args:
            world: the simulation.
            costs: of this machine.
            load: transfers that every proposal is charged for, on the links and in execution,
                beside those that are really in it.
        """
        super().__init__(world, CALM)
        self.costs = costs
        self.messages = 0
        """Messages that a block needs: votes, proposals, certificates."""
        self.bytes = 0
        """Bytes of these, with overhead."""
        self.verified = 0
        """Signatures verified, by all nodes together."""
        self._load = load
        self._sizes: dict[int, tuple[Message, int]] = {}
        self._free_us: dict[int, float] = {}
        self._uplink_us: dict[int, float] = {}
        self._spent_us: dict[int, float] = {}

    def count(self, public_key: PublicKey, message: bytes, signature: Signature) -> bool:
        """Count a verification that the node which acts now makes, and charge it."""
        self.verified += 1
        acting = int(self.world.acting[1:])
        self._spent_us[acting] = self._spent_us.get(acting, 0.0) + self.costs.signature_us
        return self.world.signing.check(public_key, message, signature)

    # ------------------------------------------------------------ messages

    def transmit(self, sender: Machine, peer: SimPeer, message: Message) -> None:
        """Put a message on a link."""
        self.sent += 1
        size = self._size_of(message)
        if isinstance(message, (*VOTING, CertificateMessage)):
            self.messages += 1
            self.bytes += size
        now_us = self.world.schedule.now_us
        ready_us = now_us + self._spent_us.get(sender.number, 0.0)
        if isinstance(message, PROPOSING):
            ready_us += self._load * self.costs.transfer_us  # The leader has built it first.
        starts_us = max(ready_us, self._uplink_us.get(sender.number, 0.0))
        leaves_us = starts_us + size * 8 / UPLINK_BITS_PER_SECOND * 1e6
        self._uplink_us[sender.number] = leaves_us
        way_us = ONE_WAY_MS[region_of(sender.number)][region_of(peer.machine.number)] * MS
        arrives_us = leaves_us + way_us * (1 + JITTER * self._chance.random())
        self.world.schedule.at(round(arrives_us), self._reach, sender, peer, message)

    def _reach(self, sender: Machine, peer: SimPeer, message: Message) -> None:
        """Let a message wait until its receiver has handled those before it."""
        number, now_us = peer.machine.number, self.world.schedule.now_us
        starts_us = max(now_us, self._free_us.get(number, 0.0))
        cost_us: float = HANDLING_US
        if isinstance(message, PROPOSING):
            cost_us += self._load * self.costs.transfer_us
        self._free_us[number] = starts_us + cost_us
        self.world.schedule.at(round(starts_us + cost_us), self._handle, sender, peer, message)

    def _handle(self, sender: Machine, peer: SimPeer, message: Message) -> None:
        number = peer.machine.number
        self._spent_us[number] = 0.0
        self._arrive(sender, peer, message)
        spent_us = self._spent_us.pop(number, 0.0)
        self._free_us[number] = max(
            self._free_us.get(number, 0.0), self.world.schedule.now_us + spent_us
        )

    def _size_of(self, message: Message) -> int:
        """Return the bytes on the wire; a broadcast is encoded once."""
        known = self._sizes.get(id(message))
        if known is not None and known[0] is message:
            return known[1]
        size = len(encode(message)) + OVERHEAD_BYTES
        if isinstance(message, PROPOSING):
            size += self._load * REFERENCE_BYTES
        if len(self._sizes) > 64:
            self._sizes.clear()
        self._sizes[id(message)] = (message, size)
        return size

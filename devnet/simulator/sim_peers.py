"""One process's peers: what `node.p2p.PeerNetwork` is to a node, without sockets.

At most one connection to each key, as in the real transport, so of twins each node sees one.
"""

from __future__ import annotations

from asyncio import Future
from collections import deque
from typing import TYPE_CHECKING, Any

from devnet.simulator.conduct import Conduct
from devnet.simulator.loop import SimLoop
from ledger.types import PublicKey
from node.p2p import Message, PeerFault, PeerHandler, Role

if TYPE_CHECKING:
    from devnet.simulator.machine import Machine
    from devnet.simulator.network import SimNetwork


class SimPeer:
    """One end of a connection; implements `node.p2p.Peer`."""

    is_outbound = True

    def __init__(self, peers: SimPeers, machine: Machine) -> None:
        """Be the peer on a machine."""
        self._peers = peers
        self.machine = machine
        """Where the other end is."""
        self.key: PublicKey = machine.public_key
        self.address = machine.name
        self.is_open = True
        """Whether messages still pass."""
        self.other_end: SimPeer
        """What the other process knows this one by."""
        self._waiting: deque[Message] = deque()
        self._wake: Future[None] | None = None

    @property
    def role(self) -> Role:
        """VALIDATOR if its key is in the set that the node named."""
        return Role.VALIDATOR if self.key in self._peers.validators else Role.FOLLOWER

    def send(self, message: Message) -> bool:
        """Put a message on the link; never waits."""
        return self._peers.send(self, message)

    def arrive(self, message: Message) -> None:
        """Have the node read a message after those before it."""
        if not self.is_open:
            return
        self._waiting.append(message)
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def read(self, loop: SimLoop, handler: PeerHandler) -> None:
        """Hand messages over one after the other, until the connection closes."""
        while self.is_open:
            while self._waiting:
                message = self._waiting.popleft()
                try:
                    await handler.received(self, message)
                except PeerFault as fault:
                    self._peers.report_fault(self, fault.code, provable=fault.provable)
            self._wake = loop.create_future()
            await self._wake

    def close(self) -> None:
        """End this end."""
        self.is_open = False
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)


class SimPeers:
    """The connected peers of one process."""

    addresses: tuple[str, ...] = ()

    def __init__(
        self, machine: Machine, network: SimNetwork, conduct: Conduct, loop: SimLoop
    ) -> None:
        """Begin with nobody."""
        self.handler: PeerHandler
        """Takes what peers send; set before `start`."""
        self.validators: frozenset[PublicKey] = frozenset()
        """Keys that count as validators now."""
        self._machine = machine
        self.network = network
        """All links."""
        self._conduct = conduct
        self._loop = loop
        self._peers: dict[PublicKey, SimPeer] = {}
        self._promised: dict[PublicKey, SimPeer] = {}
        self._is_closed = False
        self._readers: dict[PublicKey, Any] = {}

    async def start(self) -> None:
        """Connect to whoever is there."""
        self.network.join(self._machine)

    async def stop(self) -> None:
        """A simulated process is never stopped in good order."""

    # ------------------------------------------------------------ for the node

    def peers(self) -> tuple[SimPeer, ...]:
        """Return the connected peers."""
        return tuple(self._peers.values())

    def peer_of(self, key: PublicKey) -> SimPeer | None:
        """Return the connected peer with this key."""
        return self._peers.get(key)

    def broadcast(
        self, message: Message, *, to: Role | None = None, but: SimPeer | None = None
    ) -> None:
        """Put a message on all links, or those to peers of a role."""
        for peer in self.peers():
            if peer is not but and (to is None or peer.role is to):
                peer.send(message)

    def report_fault(self, peer: SimPeer, code: str, *, provable: bool) -> None:
        """Have the checkers look at an accusation; the connection stays, so that more comes."""
        machine = self._machine
        machine.tell(lambda: f"accuses {peer.machine.name} of {code}")
        machine.world.watcher.on_fault(machine, peer.machine, code, provable=provable)

    def set_validators(self, keys: frozenset[PublicKey]) -> None:
        """Say who counts as a validator from now on."""
        self.validators = keys

    # ------------------------------------------------------------ for the network

    def send(self, peer: SimPeer, message: Message) -> bool:
        """Put on a link what the conduct makes of a message."""
        if self._is_closed or not peer.is_open:
            return False
        for actual in self._conduct.outgoing(peer, message):
            self.network.transmit(self._machine, peer, actual)
        return True

    def inject(self, peer: SimPeer, message: Message) -> None:
        """Put a message on a link that the node knows nothing of."""
        if not self._is_closed and peer.is_open:
            self.network.transmit(self._machine, peer, message)

    def knows(self, key: PublicKey) -> SimPeer | None:
        """Return the end of a connection to a key, if this process noticed it or not."""
        return self._peers.get(key) or self._promised.get(key)

    def promise(self, peer: SimPeer) -> None:
        """Note a connection that this process is about to notice; a stopped one takes its time."""
        self._promised[peer.key] = peer

    def connect(self, peer: SimPeer) -> None:
        """Take a new peer."""
        self._promised.pop(peer.key, None)
        self._peers[peer.key] = peer
        self.handler.connected(peer)
        self._loop.create_task(peer.read(self._loop, self.handler))

    def disconnect(self, peer: SimPeer) -> None:
        """Let a peer go."""
        if self._peers.get(peer.key) is peer:
            del self._peers[peer.key]
            peer.close()
            self.handler.disconnected(peer)

    def receive(self, peer: SimPeer, message: Message) -> None:
        """Take a message off a link."""
        if self._conduct.incoming(peer, message):
            peer.arrive(message)

    def close(self) -> None:
        """Fall silent: the process has ended."""
        self._is_closed = True
        ends = (*self.peers(), *self._promised.values())
        self.network.leave(self._machine, ends)
        for peer in ends:
            peer.close()

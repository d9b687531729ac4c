"""A peer whose key is proved: its connection, and what waits to be sent to it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ledger.types import Hash, PublicKey
from node.p2p.buckets import TokenBucket
from node.p2p.config import Limits
from node.p2p.errors import LinkEnded, QueueFull, short
from node.p2p.frames import encode_frame
from node.p2p.kinds import KINDS, Kind
from node.p2p.messages import Message
from node.p2p.metrics import PeerMetrics
from node.p2p.peer import Role
from node.p2p.rates import Rates
from node.p2p.send_queue import Queued, SendQueue
from node.p2p.wire import Wire

RECORDS_PER_SECOND: Final = 1
RECORDS_BURST: Final = 20
"""`PeerRecords` that are looked at; verifying what one holds can take 10 ms."""


@dataclass(frozen=True, slots=True)
class Proved:
    """What a finished hello says about the other end."""

    key: PublicKey
    """Its key."""
    role: Role
    """What it claims to be."""
    process: Hash
    """Hash of its TLS certificate; another one after its process was started again."""
    is_outbound: bool
    """Whether this node dialled."""
    address: str
    """The other end of the socket."""
    neighbourhood: str
    """What limits for each address count it to; empty if the socket did not say."""


class Link:
    """A connected peer; see `peer.Peer` for what the rest of the node may use."""

    def __init__(
        self,
        wire: Wire,
        proved: Proved,
        limits: Limits,
        metrics: PeerMetrics,
        *,
        is_validator: Callable[[PublicKey], bool],
        now_ms: int,
    ) -> None:
        """Take over a wire whose hello is done.

        Args:
            wire: the connection.
            proved: what the hello said.
            limits: bounds of one peer.
            metrics: counts what goes out.
            is_validator: tells whether a key is in the validator set now.
            now_ms: monotonic time.
        """
        self._wire = wire
        self._metrics = metrics
        self._is_validator = is_validator
        self._limits = limits
        self._queue = SendQueue(limits.queue_bytes_max, limits.transaction_queue_bytes_max)
        self.proved = proved
        self.records_rate = TokenBucket(RECORDS_PER_SECOND, RECORDS_BURST, now_ms)
        """How often it may tell addresses."""
        self.is_guest = False
        """Whether it is a guest; see `treat_as`."""
        self._taken = asyncio.Event()
        self.is_introduced = False
        """Whether the handler has heard of it."""
        self.gone = asyncio.Event()
        """Set when the link has ended and the handler knows."""
        wire.on_writable = self._flush
        wire.on_round_trip = metrics.observe_round_trip

    @property
    def key(self) -> PublicKey:
        """Its key."""
        return self.proved.key

    @property
    def role(self) -> Role:
        """VALIDATOR if it claims so and is in the set now."""
        is_validator = self.proved.role is Role.VALIDATOR and self._is_validator(self.key)
        return Role.VALIDATOR if is_validator else Role.FOLLOWER

    @property
    def is_outbound(self) -> bool:
        """Whether this node dialled."""
        return self.proved.is_outbound

    @property
    def address(self) -> str:
        """Where the other end of the socket is."""
        return self.proved.address

    @property
    def ended(self) -> LinkEnded | None:
        """Why it ended, or None while it lasts."""
        return self._wire.ended

    @property
    def is_shown(self) -> bool:
        """Whether the rest of the node may know of it: between the two calls of the handler."""
        return self.is_introduced and self.ended is None

    @property
    def queue_bytes(self) -> int:
        """Bytes that wait to be sent."""
        return self._queue.bytes + self._wire.unsent_bytes

    @property
    def held_bytes(self) -> int:
        """Bytes that the peer makes this node hold, received and unsent."""
        return self._wire.held_bytes + self.queue_bytes

    def __repr__(self) -> str:
        """Show key and address."""
        return f"Link({short(self.key)} at {self.address})"

    def treat_as(self, rates: Rates, *, is_guest: bool) -> None:
        """Set what the peer may cost from now on; a guest's role can change while it is here."""
        limits = self._limits
        self.is_guest = is_guest
        self._queue.bytes_max = limits.guest_queue_bytes_max if is_guest else limits.queue_bytes_max
        self._wire.pace(rates)
        self._taken.set()

    def send(self, message: Message) -> bool:
        """Queue a message; see `peer.Peer.send`."""
        return self.send_frame(KINDS[type(message)], encode_frame(message))

    def send_frame(self, kind: Kind, data: bytes) -> bool:
        """Queue an encoded message."""
        if self.ended is not None:
            return False
        dropped = self._queue.dropped
        queued = self._queue.push(kind, data)
        if self._queue.dropped > dropped:
            self._metrics.count_dropped(self._queue.dropped - dropped)
        if queued is Queued.FULL:
            self.end(QueueFull(f"{self._queue.bytes} bytes wait"))
        self._flush()
        return queued is Queued.YES

    async def receive(self) -> bytes:
        """Return the next frame; of a guest, once it took what it was sent before.

        So a guest that asks and does not read makes this node hold one answer. Of other peers that
        cannot be wanted: two ends that wait for each other's reading would wait for ever.

        Raises:
            LinkEnded: there is none any more.
        """
        while self.is_guest and self._queue.owed_bytes and self.ended is None:
            self._taken.clear()
            await self._taken.wait()
        return await self._wire.receive()

    def end(self, reason: LinkEnded) -> None:
        """Disconnect; the first reason stands."""
        self._queue.clear()
        self._wire.end(reason)

    async def until_ended(self) -> LinkEnded:
        """Wait until it ends; return why."""
        return await self._wire.until_ended()

    def tick(self) -> None:
        """Look whether the peer is there and keeps up."""
        self._wire.tick()

    def forgive_silence(self) -> None:
        """See `Wire.forgive_silence`."""
        self._wire.forgive_silence()

    def _flush(self) -> None:
        while self._wire.is_writable and (waiting := self._queue.pop()):
            kind, data = waiting
            self._metrics.count_sent(kind.name, len(data))
            self._wire.write(data)
        if not self._queue.owed_bytes:
            self._taken.set()

"""Builders for tests of peers: networks on real sockets, and a handler that remembers."""

import asyncio
import hashlib
import inspect
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from ledger.keys import KeyPair
from node.p2p import (
    Limits,
    Message,
    NodeIdentity,
    P2PConfig,
    Peer,
    PeerNetwork,
    Role,
    TransactionsMessage,
)
from node.ports import Clock, SystemClock

GENESIS = hashlib.sha256(b"genesis of the tests of peers").digest()
"""Digest of the chain that everybody is on."""

PATIENCE = 20.0
"""Seconds after which a test gives up; nothing here should take a second."""

QUICK = Limits(
    ping_ms=100,
    silent_ms=2_000,
    stuck_ms=1_000,
    backoff_first_ms=10,
    backoff_max_ms=100,
    accepts_per_second=10_000,
    accepts_per_address_per_second=10_000,
    guests_frames_per_second=100_000,
    guests_bytes_per_second=64 * 1_048_576,
)
"""Limits under which a test need not wait long, and is not limited where it does not mean it."""


def key_pair(number: int) -> KeyPair:
    """Return one of a row of fixed keys."""
    return KeyPair(hashlib.sha256(f"peer {number}".encode()).digest())


def transactions(*texts: bytes) -> TransactionsMessage:
    """Return a message that is easy to recognise."""
    return TransactionsMessage(texts)


async def eventually(is_so: Callable[[], object]) -> None:
    """Look again and again until something is so; fail when it is not in time."""
    async with asyncio.timeout(PATIENCE):
        while not is_so():  # noqa: ASYNC110 - anything may be waited for, not only what has events
            await asyncio.sleep(0.002)


@dataclass
class Handler:
    """Remembers peers and messages."""

    events: list[tuple[str, Peer]] = field(default_factory=list)
    """``connected`` and ``disconnected`` in order."""
    messages: list[Message] = field(default_factory=list)
    """What was received, in order."""
    senders: list[Peer] = field(default_factory=list)
    """From whom."""
    react: Callable[[Peer, Message], object] | None = None
    """Called with each message; may raise, or return something to await."""

    def connected(self, peer: Peer) -> None:
        self.events.append(("connected", peer))

    def disconnected(self, peer: Peer) -> None:
        self.events.append(("disconnected", peer))

    async def received(self, peer: Peer, message: Message) -> None:
        self.messages.append(message)
        self.senders.append(peer)
        if self.react is not None:
            result = self.react(peer, message)
            if inspect.isawaitable(result):
                await result

    def happened(self) -> list[str]:
        """Return the names of the events."""
        return [name for name, _ in self.events]


@dataclass
class Node:
    """A network with what a test looks at."""

    keys: KeyPair
    network: PeerNetwork
    handler: Handler
    registry: CollectorRegistry

    @property
    def address(self) -> str:
        """Where it listens."""
        return self.network.addresses[0]

    @property
    def key(self) -> bytes:
        """Its key."""
        return self.keys.public_key

    def peer(self, other: "Node") -> Peer:
        """Return another node as this one sees it."""
        peer = self.network.peer_of(other.key)
        assert peer is not None
        return peer

    def sees(self, *others: "Node") -> bool:
        """Return whether exactly these are its peers."""
        return {p.key for p in self.network.peers()} == {other.key for other in others}

    def measured(self, name: str, **labels: str) -> float:
        """Return a metric, 0 when nothing was counted."""
        return self.registry.get_sample_value(name, labels) or 0.0

    def ended(self, stage: str, code: str) -> float:
        """Return how many connections ended at a stage with a code."""
        return self.measured("aitbc_p2p_ended_connections_total", stage=stage, code=code)


def make_node(
    number: int,
    *,
    role: Role = Role.FOLLOWER,
    peers: Iterable[str] = (),
    listen: tuple[str, ...] = ("127.0.0.1:0",),
    limits: Limits = QUICK,
    genesis: bytes = GENESIS,
    advertise: str | None = None,
    clock: Clock | None = None,
) -> Node:
    """Return a node that is not started; its key follows from its number."""
    keys, handler, registry = key_pair(number), Handler(), CollectorRegistry()
    network = PeerNetwork(
        NodeIdentity(keys, role),
        genesis,
        P2PConfig(listen=listen, peers=tuple(peers), advertise=advertise, limits=limits),
        clock=clock or SystemClock(),
        handler=handler,
        registry=registry,
        jitter=random.Random(number),
    )
    return Node(keys, network, handler, registry)

"""Peers in memory that implement the transport's interface, each message through its real codec."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from ledger.codec import encode
from ledger.keys import KeyPair
from ledger.types import PublicKey
from node.p2p import KINDS, Message, PeerFault, Role


class Handler(Protocol):
    def connected(self, peer: Any) -> None: ...
    def disconnected(self, peer: Any) -> None: ...
    def received(self, peer: Any, message: Any) -> Any: ...


@dataclass(eq=False)
class MemoryPeer:
    """How one node sees another."""

    near: "MemoryNode"
    far: "MemoryNode"
    is_outbound: bool = True
    address: str = "memory:0"
    is_taking: bool = True
    """Whether `send` has room."""

    @property
    def key(self) -> PublicKey:
        return self.far.keys.public_key

    @property
    def role(self) -> Role:
        return Role.VALIDATOR if self.far.is_validator else Role.FOLLOWER

    def send(self, message: Message) -> bool:
        if not self.is_taking or (self.near, self.far) in self.near.hub.mute:
            return self.is_taking
        kind = KINDS[type(message)]
        frame = encode(message)
        assert len(frame) <= kind.bytes_max
        self.far.hub.sent[type(message).__name__] += 1
        self.far.hub.sent_bytes += len(frame)
        self.far.waiting.put_nowait((self.near, kind.codec.decode(frame)))
        return True


@dataclass(eq=False)
class MemoryNode:
    """One node's transport; messages are handled one by one, as a read loop does."""

    hub: "Hub"
    keys: KeyPair
    is_validator: bool
    handler: Handler | None = None
    links: dict["MemoryNode", MemoryPeer] = field(default_factory=dict)
    faults: list[tuple[PublicKey, str, bool]] = field(default_factory=list)
    received: list[tuple["MemoryNode", Message]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.waiting: asyncio.Queue[tuple[MemoryNode, Message]] = asyncio.Queue()

    def peers(self) -> tuple[MemoryPeer, ...]:
        return tuple(self.links.values())

    def peer_of(self, key: PublicKey) -> MemoryPeer | None:
        return next((peer for peer in self.links.values() if peer.key == key), None)

    def broadcast(
        self, message: Message, *, to: Role | None = None, but: Any | None = None
    ) -> None:
        for peer in self.peers():
            if to in (None, peer.role) and peer is not but:
                peer.send(message)

    def report_fault(self, peer: Any, code: str, *, provable: bool) -> None:
        self.faults.append((peer.key, code, provable))
        self.hub.cut(self, peer.far)

    async def handle_one(self) -> None:
        sender, message = self.waiting.get_nowait()
        peer = self.links.get(sender)
        if peer is None:
            return  # Nothing follows once a peer is gone.
        self.received.append((sender, message))
        assert self.handler is not None
        try:
            result = self.handler.received(peer, message)
            if asyncio.iscoroutine(result):
                await result
        except PeerFault as fault:
            self.report_fault(peer, fault.code, provable=fault.provable)


class Hub:
    """All nodes, which links are up, and which are mute: up, and losing all that is sent."""

    def __init__(self) -> None:
        self.nodes: list[MemoryNode] = []
        self.mute: set[tuple[MemoryNode, MemoryNode]] = set()
        self.sent: Counter[str] = Counter()
        self.sent_bytes = 0
        self.is_busy: list[Callable[[], bool]] = []
        """Tell whether a node works on something that came in or has something to send."""

    def node(self, number: int, *, is_validator: bool = True) -> MemoryNode:
        node = MemoryNode(self, KeyPair(bytes([100 + number]) * 32), is_validator)
        self.nodes.append(node)
        return node

    def connect(self, one: MemoryNode, other: MemoryNode) -> None:
        for near, far in ((one, other), (other, one)):
            near.links[far] = MemoryPeer(near, far, is_outbound=near is one)
        for near, far in ((one, other), (other, one)):
            assert near.handler is not None
            near.handler.connected(near.links[far])

    def connect_all(self) -> None:
        for at, one in enumerate(self.nodes):
            for other in self.nodes[at + 1 :]:
                self.connect(one, other)

    def cut(self, one: MemoryNode, other: MemoryNode) -> None:
        for near, far in ((one, other), (other, one)):
            peer = near.links.pop(far, None)
            if peer is not None:
                assert near.handler is not None
                near.handler.disconnected(peer)

    async def settle(self) -> None:
        """Deliver until no node has anything to do any more."""
        quiet = 0
        while quiet < 3:
            await asyncio.sleep(0)
            quiet += 1
            for node in self.nodes:
                while not node.waiting.empty():
                    quiet = 0
                    await node.handle_one()
            if any(is_busy() for is_busy in self.is_busy):
                quiet = 0

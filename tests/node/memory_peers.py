"""Peers in memory: what `node.p2p` promises, for nodes that share an event loop.

Every message is encoded and decoded on its way, messages of one peer are handled one after another,
and a link can be cut. What sockets, TLS and limits add is tested in tests/p2p.
"""

import asyncio
from dataclasses import dataclass, field

from ledger.codec import encode
from ledger.types import PublicKey
from node.p2p import Message, NodeIdentity, Peer, PeerFault, PeerHandler, Role
from node.p2p.kinds import KINDS


@dataclass(eq=False)
class Wire:
    """One end's view of a connection; implements `node.p2p.Peer`."""

    home: "MemoryPeers"
    away: "MemoryPeers"
    is_outbound: bool = True
    address: str = "memory:1"
    queue: asyncio.Queue[tuple[type[Message], bytes]] = field(default_factory=asyncio.Queue)
    reading: asyncio.Task[None] | None = None

    @property
    def key(self) -> PublicKey:
        return self.away.identity.keys.public_key

    @property
    def role(self) -> Role:
        claims = self.away.identity.role is Role.VALIDATOR
        return Role.VALIDATOR if claims and self.key in self.home.validators else Role.FOLLOWER

    def send(self, message: Message) -> bool:
        other = self.away.wires.get(self.home.identity.keys.public_key)
        if other is None:
            return False
        self.home.hub.counts[type(message).__name__] = (
            self.home.hub.counts.get(type(message).__name__, 0) + 1
        )
        other.queue.put_nowait((type(message), encode(message)))
        return True

    async def read(self) -> None:
        while True:
            kind, data = await self.queue.get()
            try:
                await self.home.handler.received(self, KINDS[kind].codec.decode(data))
            except PeerFault as fault:
                self.home.report_fault(self, fault.code, provable=fault.provable)
                return


class MemoryPeers:
    """One node's transport."""

    def __init__(self, hub: "MemoryHub", identity: NodeIdentity, handler: PeerHandler) -> None:
        self.hub = hub
        self.identity = identity
        self.handler = handler
        self.validators: frozenset[PublicKey] = frozenset()
        self.wires: dict[PublicKey, Wire] = {}
        self.faults: list[tuple[str, bool]] = []

    @property
    def addresses(self) -> tuple[str, ...]:
        return ()

    async def start(self) -> None:
        self.hub.up(self)

    async def stop(self) -> None:
        self.hub.down(self)

    def peers(self) -> tuple[Peer, ...]:
        return tuple(self.wires.values())

    def peer_of(self, key: PublicKey) -> Peer | None:
        return self.wires.get(key)

    def broadcast(
        self, message: Message, *, to: Role | None = None, but: Peer | None = None
    ) -> None:
        for wire in list(self.wires.values()):
            if wire is not but and to in (None, wire.role):
                wire.send(message)

    def report_fault(self, peer: Peer, code: str, *, provable: bool) -> None:
        self.faults.append((code, provable))
        wire = self.wires.get(peer.key)
        if wire:
            self.hub.cut(self, wire.away)

    def set_validators(self, keys: frozenset[PublicKey]) -> None:
        self.validators = keys


class MemoryHub:
    """Connects everybody who is up with everybody else, but for pairs that are kept apart."""

    def __init__(self) -> None:
        self.nodes: list[MemoryPeers] = []
        self.counts: dict[str, int] = {}
        """Messages sent, by kind."""

    def up(self, node: MemoryPeers) -> None:
        for other in self.nodes:
            self.join(node, other)
        self.nodes.append(node)

    def down(self, node: MemoryPeers) -> None:
        if node in self.nodes:
            self.nodes.remove(node)
        for wire in list(node.wires.values()):
            self.cut(node, wire.away)

    def join(self, one: MemoryPeers, other: MemoryPeers) -> None:
        for home, away in ((one, other), (other, one)):
            home.wires[away.identity.keys.public_key] = Wire(home, away)
        for home, away in ((one, other), (other, one)):
            wire = home.wires[away.identity.keys.public_key]
            home.handler.connected(wire)
            wire.reading = asyncio.get_running_loop().create_task(wire.read())

    def cut(self, one: MemoryPeers, other: MemoryPeers) -> None:
        for home, away in ((one, other), (other, one)):
            wire = home.wires.pop(away.identity.keys.public_key, None)
            if wire:
                if wire.reading and wire.reading is not asyncio.current_task():
                    wire.reading.cancel()
                home.handler.disconnected(wire)

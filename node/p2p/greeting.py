"""The hello on a wire: who says what when, from both ends."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from ssl import SSLObject
from typing import Final

from ledger.hashing import Tags
from ledger.types import Hash
from node.p2p.addresses import neighbourhood
from node.p2p.certificates import certificate_hash_of
from node.p2p.errors import OwnAddress
from node.p2p.hello import Channel, Hello, Side
from node.p2p.link import Proved
from node.p2p.peer import NodeIdentity
from node.p2p.wire import Wire
from node.ports import Clock

NONCE_BYTES: Final = 32

Check = Callable[[Proved], None]
"""Raises a `HelloRefused` if a peer is not wanted."""


@dataclass(frozen=True, slots=True)
class Greeter:
    """Says hello for this node, at either end."""

    identity: NodeIdentity
    """Who this node is."""
    tags: Tags
    """Of its chain."""
    certificate_hash: Hash
    """Of its TLS certificate."""
    clock: Clock
    """For the expiry of proofs."""

    async def as_dialler(self, wire: Wire, address: str, check: Check) -> Proved:
        """Say hello on a connection that this node made.

        Args:
            wire: connected, before its first frame.
            address: what was dialled.
            check: called with what the other end claims, before this node proves anything.

        Raises:
            LinkEnded: the other end is not wanted, does not want this node, or is gone.
        """
        await wire.opened()
        hello, process = self._begin(wire, Side.DIALLER)
        wire.write(hello.opening())
        opening = hello.read_opening(await wire.receive())
        claimed = Proved(
            key=opening.key,
            role=opening.role,
            process=process,
            is_outbound=True,
            address=address,
            neighbourhood=_neighbourhood(wire),
        )
        check(claimed)
        wire.write(hello.proof(opening, self.clock.wall_ms()))
        hello.check_proof(opening, await wire.receive(), self.clock.wall_ms())
        return claimed

    async def as_listener(self, wire: Wire, address: str, near: str, check: Check) -> Proved:
        """Say hello on a connection that another made.

        Args:
            wire: connected, before its first frame.
            address: where it comes from.
            near: what limits count it to.
            check: called when the other end has proved its key, before this node proves its own.

        Raises:
            LinkEnded: as for `as_dialler`.
        """
        await wire.opened()
        hello, process = self._begin(wire, Side.LISTENER)
        opening = hello.read_opening(await wire.receive())
        wire.write(hello.opening())
        hello.check_proof(opening, await wire.receive(), self.clock.wall_ms())
        proved = Proved(
            key=opening.key,
            role=opening.role,
            process=process,
            is_outbound=False,
            address=address,
            neighbourhood=near,
        )
        check(proved)
        wire.write(hello.proof(opening, self.clock.wall_ms()))
        return proved

    def _begin(self, wire: Wire, side: Side) -> tuple[Hello, Hash]:
        """Return a hello of its own nonce, and the other end's certificate hash.

        Raises:
            OwnAddress: both ends are this process.
        """
        tls = wire.transport.get_extra_info("ssl_object")
        assert isinstance(tls, SSLObject)
        process = certificate_hash_of(tls)
        if process == self.certificate_hash:
            raise OwnAddress("the address is this node's own")
        channel = Channel(side, self.certificate_hash, process)
        nonce = secrets.token_bytes(NONCE_BYTES)
        return Hello(self.identity, self.tags, channel, nonce), process


def _neighbourhood(wire: Wire) -> str:
    """Return where the other end of a socket is."""
    name = wire.transport.get_extra_info("peername")
    return neighbourhood(str(name[0])) if name else ""

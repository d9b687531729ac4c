"""What the adapter needs of the transport; `node.p2p.PeerNetwork` is all of it."""

from typing import Protocol

from ledger.types import PublicKey
from node.p2p import Message, Peer, Role


class Peers(Protocol):
    """The connected peers of this node. Nothing here waits."""

    def peers(self) -> tuple[Peer, ...]:
        """Return the connected peers."""

    def peer_of(self, key: PublicKey) -> Peer | None:
        """Return the connected peer with this key."""

    def broadcast(
        self, message: Message, *, to: Role | None = None, but: Peer | None = None
    ) -> None:
        """Queue a message for all peers, or those of a role; it is encoded once."""

    def report_fault(self, peer: Peer, code: str, *, provable: bool) -> None:
        """Disconnect a peer, and ban it if the fault is provable."""

    def set_validators(self, keys: frozenset[PublicKey]) -> None:
        """Say who counts as a validator from now on."""


class Transport(Peers, Protocol):
    """The transport as a part of the node."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it listens, ``host:port``."""

    async def start(self) -> None:
        """Listen, and begin to dial."""

    async def stop(self) -> None:
        """Stop listening and dialling, disconnect all peers."""

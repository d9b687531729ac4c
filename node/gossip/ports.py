"""What gossip needs of the transport and of the pool."""

from collections.abc import Sequence
from typing import Protocol

from coordinator.ports import SubmitOutcome
from ledger.transaction import IdentifiedTransaction
from ledger.types import Hash, PublicKey
from node.p2p import Message, Peer, Role
from node.pool_index import PooledTransaction


class Peers(Protocol):
    """The connected peers of this node; `node.p2p.PeerNetwork` is one. Nothing here waits."""

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


class Pool(Protocol):
    """The transactions of this node; `node.mempool.Mempool` is one."""

    async def add(
        self, signed: Sequence[bytes], source: str = "", digests: Sequence[Hash] | None = None
    ) -> list[SubmitOutcome]:
        """Admit signed transactions in the order of T7, each with an outcome.

        Args:
            signed: the bytes of each; hostile.
            source: who sent them.
            digests: SHA-256 of each, if the caller has them.
        """

    def get(self, transaction_id: Hash) -> PooledTransaction | None:
        """Return a pooled transaction."""

    def referred_to(self, reference: bytes) -> PooledTransaction | None:
        """Return the pooled transaction that peers call by a reference."""

    def referred_to_each(
        self, references: Sequence[bytes]
    ) -> Sequence[IdentifiedTransaction | None]:
        """Return what each of several references is of; None where nothing is pooled."""

    def lacks(self, reference: bytes) -> bool:
        """Return whether a reference is of nothing that is pooled or lately became final here."""

    async def verify_ahead(self, transactions: Sequence[IdentifiedTransaction]) -> None:
        """Verify signatures of a block that is about to be executed, off the event loop."""

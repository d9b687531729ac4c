"""What the parts of a node need of each other, as small protocols."""

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from consensus import Certificate, Committee, Vote
from coordinator.ports import SubmitOutcome
from ledger.hashing import Tags
from ledger.store import StoredBlock, StoredHead
from ledger.transaction import IdentifiedTransaction
from ledger.transition import ChainView
from ledger.types import Address, Amount, Epoch, Hash, Height, PublicKey, TimestampMs, View


class FinalStore(Protocol):
    """Durable final blocks, as recovery reads them; `ledger.store.ChainStore` is one."""

    @property
    def tags(self) -> Tags:
        """Tags of the chain."""

    def head(self) -> StoredHead | None:
        """Return the newest durable block."""

    def header_at(self, height: Height) -> StoredHead | None:
        """Return the header of a height, None above the head or where it was not kept."""

    def epoch_end_before(self, epoch: Epoch) -> StoredHead | None:
        """Return the last block of the newest epoch before this one; None in the first (E3)."""

    def final_blocks(self, after_height: Height, limit: int) -> list[StoredBlock]:
        """Return blocks after_height+1 …, in order: at most `limit`, fewer if they are large."""

    def load_records(self) -> tuple[StoredHead, dict[bytes, bytes]]:
        """Return the head with the records of the state after it, by state key."""

    def recent_ids(self, now_ms: TimestampMs) -> Iterable[tuple[Hash, TimestampMs]]:
        """Return (id, valid_until_ms) of the transactions that expire at this time or later."""


class Views(Protocol):
    """The states that admission to the pool is judged by; `node.block_tree.BlockTree` is one."""

    @property
    def final_view(self) -> ChainView:
        """The newest final block that is durable, and the state after it."""

    @property
    def head_view(self) -> ChainView:
        """The newest executed block, final or not, that the next block would extend."""


@dataclass(frozen=True, slots=True)
class FoundWork:
    """What a search for work in the pool found."""

    reference: bytes | None = None
    """A transaction that a block could contain now, as peers call it; None if none was found."""
    source: str = ""
    """Who sent it; empty for this node itself."""
    is_unsure: bool = False
    """Whether nothing was found, and not everything was looked at: search again."""


class Pool(Protocol):
    """Transactions that wait for a block; `node.mempool.Mempool` is one."""

    async def add(
        self, signed: Sequence[bytes], source: str = "", digests: Sequence[Hash] | None = None
    ) -> list[SubmitOutcome]:
        """Admit canonical signed transactions in the order of T7, each with an outcome.

        Args:
            signed: the bytes of each; hostile.
            source: who sent them, for the budget of wrong signatures; empty for this node itself.
            digests: SHA-256 of each, if the caller has them.
        """

    def candidates(self, limit: int, excluded: Collection[Hash]) -> Sequence[IdentifiedTransaction]:
        """Return at most `limit` pooled transactions for a block, best first.

        Args:
            limit: most to return.
            excluded: ids of transactions in the block's unfinal ancestors.
        """

    def find_work(self, view: ChainView, excluded: Collection[Hash]) -> FoundWork:
        """Look for a transaction that a block on a view could contain now (E12).

        Args:
            view: the block's parent.
            excluded: ids of transactions in the parent and its unfinal ancestors.
        """

    def doubt(self, refused: Sequence[Hash]) -> None:
        """Note what the state of a block that is being built refuses; `settle` judges it (T8)."""

    def contains(self, transaction_id: Hash) -> bool:
        """Return whether a transaction is pooled."""

    def is_verified(self, signed: IdentifiedTransaction) -> bool:
        """Return whether exactly these signed bytes were verified before (T3)."""

    def pooled_spend(self, address: Address) -> Amount:
        """Return what the pooled transactions of a sender would spend."""

    def release(self, final_ids: Sequence[Hash]) -> None:
        """Let go what a block contains that is about to be the final one; `settle` comes next."""

    def settle(self) -> None:
        """Drop what the state of a new final block refuses or its time expires.

        Called after `Views.final_view` has moved to that block (T8).
        """


class Network(Protocol):
    """How a node reaches its peers. Nothing here waits and nothing here fails."""

    def enter_epoch(self, committee: Committee) -> None:
        """Note whom the member numbers mean from now on."""

    def broadcast(self, message: Vote | Certificate, block: bytes | None = None) -> None:
        """Send a vote or certificate to all peers, a proposal's block beside it."""

    def send(self, member: int, message: Certificate) -> None:
        """Send a certificate to one member."""

    def fetch_certificates(self, views: Sequence[View], ask: int | None) -> None:
        """Ask a member, or anyone, for any certificate of these views."""

    def fetch_block(self, block_id: Hash) -> None:
        """Ask anyone for a block by its id."""

    def share_work(self, leader: PublicKey, found: FoundWork) -> None:
        """Tell a leader of a transaction before it is held to its time because of it (E12)."""

    def report_fault(self, sender: int | None, code: str) -> None:
        """Note that a peer sent what no honest peer sends."""


class NoPeers:
    """The network of a chain with one validator and no followers."""

    def enter_epoch(self, committee: Committee) -> None:
        """There is nobody to be told apart."""

    def broadcast(self, message: Vote | Certificate, block: bytes | None = None) -> None:
        """Nobody listens."""

    def send(self, member: int, message: Certificate) -> None:
        """Nobody listens."""

    def fetch_certificates(self, views: Sequence[View], ask: int | None) -> None:
        """Nobody answers; a single validator lacks no certificate."""

    def fetch_block(self, block_id: Hash) -> None:
        """Nobody answers; a single validator lacks no block."""

    def share_work(self, leader: PublicKey, found: FoundWork) -> None:
        """The leader is this node."""

    def report_fault(self, sender: int | None, code: str) -> None:
        """There is no peer to blame."""


class Clock(Protocol):
    """The two clocks of a node."""

    def wall_ms(self) -> TimestampMs:
        """Return milliseconds since the Unix epoch; may jump. Stamps blocks (S5)."""

    def monotonic_ms(self) -> int:
        """Return milliseconds that never go back. Drives timeouts."""


class SystemClock:
    """The machine's clocks."""

    def wall_ms(self) -> TimestampMs:
        """Return milliseconds since the Unix epoch."""
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        """Return milliseconds since some moment before the process started."""
        return time.monotonic_ns() // 1_000_000

"""The read side of the index.

Every list is paged by key and costs the same however long the chain is.
Lists come newest first. The first page has `before=None`; each further page passes the position of
the last row that it has. An `IndexReader` may be used from several threads.
"""

from ledger.store.read_models import (
    ActivityRow,
    BlockRow,
    ChainStats,
    Found,
    HourRow,
    JobPhase,
    JobRow,
    MinerRow,
    OutcomeRow,
    Position,
    ReceiptRow,
    TransactionRow,
)
from ledger.types import Address, Hash, Height, TimestampMs

PAGE_MAX = 1_000
"""Most rows that a query returns, whatever `limit` says."""


class IndexReader:
    """Answers questions about final blocks from the index that `Indexer` writes."""

    def __init__(self, url: str) -> None:
        """Open the index at an SQLAlchemy URL; the indexer must have made it.

        Raises:
            StoreMissing: there is no index there yet.
            SchemaTooNew, SchemaTooOld: another version of this program made it.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Give the connections back."""
        raise NotImplementedError

    def indexed_height(self) -> int:
        """Return the height up to which everything below holds; -1 before genesis."""
        raise NotImplementedError

    def blocks(self, before_height: Height | None = None, limit: int = 25) -> list[BlockRow]:
        """Return blocks, newest first."""
        raise NotImplementedError

    def block_at(self, height: Height) -> BlockRow | None:
        """Return the block at a height."""
        raise NotImplementedError

    def block_by_id(self, block_id: Hash) -> BlockRow | None:
        """Return the block of an id."""
        raise NotImplementedError

    def transactions(
        self,
        before: tuple[int, int] | None = None,
        limit: int = 25,
        *,
        height: Height | None = None,
        address: Address | None = None,
    ) -> list[TransactionRow]:
        """Return transactions, newest first: all, of one block, or that concern an account.

        Args:
            before: position of the previous page's last row.
            limit: most rows.
            height: only this block's.
            address: only those that the account signed, receives from, or is party to.

        Raises:
            FilterUnsupported: both `height` and `address`.
        """
        raise NotImplementedError

    def transaction(self, transaction_id: Hash) -> TransactionRow | None:
        """Return a final transaction."""
        raise NotImplementedError

    def outcomes(
        self,
        before: tuple[int, int] | None = None,
        limit: int = 100,
        *,
        height: Height | None = None,
        object_id: bytes | None = None,
    ) -> list[OutcomeRow]:
        """Return outcomes, newest first: all, of one block, or of one job, miner or retirement."""
        raise NotImplementedError

    def outcomes_of(self, transaction: TransactionRow) -> list[OutcomeRow]:
        """Return what a transaction did, in order."""
        raise NotImplementedError

    def job(self, job_id: Hash) -> JobRow | None:
        """Return a job, live or ended."""
        raise NotImplementedError

    def jobs(
        self,
        before: tuple[int, int] | None = None,
        limit: int = 25,
        *,
        client: Address | None = None,
        miner: Address | None = None,
        phase: JobPhase | None = None,
    ) -> list[JobRow]:
        """Return jobs, newest submission first.

        Args:
            before: position of the previous page's last row.
            limit: most rows.
            client: only this client's.
            miner: only those whose last assignment went to this miner.
            phase: only those in this phase; goes with either of the others.

        Raises:
            FilterUnsupported: both `client` and `miner`.
        """
        raise NotImplementedError

    def receipt(self, receipt_id: Hash) -> ReceiptRow | None:
        """Return a receipt."""
        raise NotImplementedError

    def receipt_of_job(self, job_id: Hash) -> ReceiptRow | None:
        """Return the receipt of a job; None if it has none."""
        raise NotImplementedError

    def receipts(
        self,
        before: tuple[int, int] | None = None,
        limit: int = 25,
        *,
        client: Address | None = None,
        provider: Address | None = None,
    ) -> list[ReceiptRow]:
        """Return receipts, newest first; of a client, of a miner, or of both together."""
        raise NotImplementedError

    def miner(self, address: Address) -> MinerRow | None:
        """Return a miner, registered or retired."""
        raise NotImplementedError

    def miner_by_name(self, name: str) -> MinerRow | None:
        """Return who holds a name, without regard to case; else who held it last."""
        raise NotImplementedError

    def miners(self, before: tuple[int, int] | None = None, limit: int = 25) -> list[MinerRow]:
        """Return miners, newest registration first, retired ones included."""
        raise NotImplementedError

    def account_activity(
        self, address: Address, before: tuple[int, int] | None = None, limit: int = 25
    ) -> list[ActivityRow]:
        """Return what concerned an account, newest first."""
        raise NotImplementedError

    def find(self, hex_prefix: str, limit: int = 10) -> list[Found]:
        """Return blocks, transactions, receipts and jobs whose id starts with some hex digits.

        Args:
            hex_prefix: 6 to 64 hex digits, any case; anything else finds nothing.
            limit: most objects of each kind.
        """
        raise NotImplementedError

    def stats(self) -> ChainStats:
        """Return the totals."""
        raise NotImplementedError

    def hours(self, before_ms: TimestampMs | None = None, limit: int = 24) -> list[HourRow]:
        """Return hourly statistics, newest first; hours without a block have no row."""
        raise NotImplementedError


__all__ = ["PAGE_MAX", "IndexReader", "Position"]

"""Types on the wire of statistics and of the explorer's arrays."""

from coordinator.http.money import format_text
from coordinator.http.times import format_time
from coordinator.stats import model
from coordinator.wire import MoneyText, TimeText, View, transaction_text
from ledger.keys import format_address
from ledger.store import BlockRow, TransactionRow


class NetworkStats(View, kw_only=True, frozen=True):
    """Counts that anybody may see."""

    total_jobs: int
    """Jobs whose escrow was ever locked."""
    active_miners: int
    """Miners registered on the chain."""
    total_receipts: int
    """Final receipts."""
    block_height: int
    """Height of the newest final block."""


class Block(View, kw_only=True, frozen=True):
    """A final block."""

    height: int
    """Its height."""
    hash: str
    """Its id, hex."""
    timestamp: TimeText
    """Its time."""
    transactions: int
    """How many it has."""


class Transaction(View, kw_only=True, frozen=True):
    """A final transaction."""

    transaction_id: str
    """Its id."""
    hash: str
    """The same as hex."""
    type: str
    """What it does, such as submit_job."""
    sender: str
    """Address that signed it."""
    fee: MoneyText
    """AITBC of fee."""
    block_height: int
    """Block that holds it."""
    timestamp: TimeText
    """Time of the block."""


def stats_view(stats: model.NetworkStats) -> NetworkStats:
    """Return the counts."""
    return NetworkStats(
        total_jobs=stats.total_jobs,
        active_miners=stats.active_miners,
        total_receipts=stats.total_receipts,
        block_height=stats.block_height,
    )


def block_view(block: BlockRow) -> Block:
    """Return a block."""
    return Block(
        height=block.height,
        hash=block.block_id.hex(),
        timestamp=format_time(block.timestamp_ms),
        transactions=block.header.transaction_count,
    )


def transaction_view(transaction: TransactionRow) -> Transaction:
    """Return a transaction."""
    return Transaction(
        transaction_id=transaction_text(transaction.transaction_id),
        hash=transaction.transaction_id.hex(),
        type=transaction.action,
        sender=format_address(transaction.sender),
        fee=format_text(transaction.fee),
        block_height=transaction.height,
        timestamp=format_time(transaction.timestamp_ms),
    )

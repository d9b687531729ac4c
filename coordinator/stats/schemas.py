"""Types on the wire of statistics and of the explorer's arrays."""

from msgspec import UNSET, UnsetType

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


class MarketplaceStats(View, kw_only=True, frozen=True):
    """Counts over the marketplace; `total_jobs` is the sum of the next three."""

    total_jobs: int
    """Active, completed and failed jobs."""
    active_jobs: int
    """Jobs that are queued or running."""
    completed_jobs: int
    """Jobs with a receipt."""
    failed_jobs: int
    """Jobs that failed."""
    average_completion_time: float
    """Mean seconds from escrow to receipt."""
    total_volume: MoneyText
    """AITBC paid for jobs."""
    active_miners: int
    """Miners registered on the chain."""
    cancelled_jobs: int | UnsetType = UNSET
    """Jobs that their clients cancelled; outside `total_jobs`."""
    expired_jobs: int | UnsetType = UNSET
    """Jobs whose time ran out; outside `total_jobs`."""


class ServiceStats(View, kw_only=True, frozen=True):
    """What a miner did for one service: the counts behind its score."""

    service: str
    """The service."""
    attempts: int
    """Jobs that it was given."""
    completed: int
    """Jobs that it finished."""
    faults: int
    """Attempts that ended without a receipt by its fault."""
    settled: int
    """Receipts that were paid."""
    refuted: int
    """Receipts whose dispute ended against it."""
    average_completion_time: float
    """Mean seconds from assignment to receipt."""
    total_earned: MoneyText
    """AITBC."""
    reliability: float
    """Lower bound of the share of attempts that it finishes, 0 to 1."""
    correctness: float
    """Lower bound of the share of its receipts that stand, 0 to 1."""
    reputation: float
    """Both together, 0 to 5."""


class MinerStats(View, kw_only=True, frozen=True):
    """What a miner did."""

    miner_id: str
    """Its name."""
    reputation: float
    """0 to 5, of all services together; docs/reputation.md has the formula."""
    total_jobs: int
    """Jobs that it was given."""
    success_rate: float
    """Share that it finished of the attempts that were its to finish; 0.0 before the first."""
    average_completion_time: float
    """Mean seconds from assignment to receipt; 0.0 before the first."""
    total_earned: MoneyText
    """AITBC that jobs paid it."""
    active_since: TimeText
    """When it was registered."""
    services: list[ServiceStats] | UnsetType = UNSET
    """By service."""


def market_view(stats: model.MarketStats, *, extended: bool) -> MarketplaceStats:
    """Return the marketplace's counts; the documents' own fields only, unless extended (V5)."""
    return MarketplaceStats(
        total_jobs=stats.total,
        active_jobs=stats.active,
        completed_jobs=stats.completed,
        failed_jobs=stats.failed,
        average_completion_time=stats.average_completion_s,
        total_volume=format_text(stats.volume),
        active_miners=stats.active_miners,
        cancelled_jobs=stats.cancelled if extended else UNSET,
        expired_jobs=stats.expired if extended else UNSET,
    )


def miner_stats_view(stats: model.MinerStats, *, extended: bool) -> MinerStats:
    """Return what a miner did; the document's own fields only, unless extended (V5)."""
    return MinerStats(
        miner_id=stats.miner,
        reputation=stats.weights.reputation,
        total_jobs=stats.attempts,
        success_rate=round(stats.success_rate, 4),
        average_completion_time=stats.average_completion_s,
        total_earned=format_text(stats.earned),
        active_since=format_time(stats.registered_ms),
        services=[_service_view(each) for each in stats.services] if extended else UNSET,
    )


def _service_view(record: model.ServiceRecord) -> ServiceStats:
    return ServiceStats(
        service=record.service,
        attempts=record.attempts,
        completed=record.completed,
        faults=record.faults,
        settled=record.settled,
        refuted=record.refuted,
        average_completion_time=model.seconds_each(record.work_ms, record.completed),
        total_earned=format_text(record.earned),
        reliability=round(record.weights.reliability, 4),
        correctness=round(record.weights.correctness, 4),
        reputation=record.weights.reputation,
    )


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

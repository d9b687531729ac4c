"""Numbers about the network, the marketplace and its miners."""

from dataclasses import dataclass

from coordinator.stats.reputation import Weights
from ledger.types import Amount, Height, TimestampMs


@dataclass(frozen=True, slots=True)
class NetworkStats:
    """Counts that anybody may see."""

    total_jobs: int
    """Jobs whose escrow was ever locked on the chain."""
    active_miners: int
    """Miners that are registered on the chain."""
    total_receipts: int
    """Final receipts."""
    block_height: Height
    """Height of the newest final block."""
    as_of_height: Height
    """Height that the other numbers follow."""


@dataclass(frozen=True, slots=True)
class MarketStats:
    """Counts over the jobs of this coordinator whose escrow was ever locked."""

    active: int
    """Jobs that are queued or running."""
    completed: int
    """Jobs with a receipt."""
    failed: int
    """Jobs that their coordinator ended."""
    cancelled: int
    """Jobs that their clients ended."""
    expired: int
    """Jobs whose time ran out."""
    completion_ms: int
    """Sum over completed jobs, from the block of the escrow to that of the receipt."""
    volume: Amount
    """Nait that was paid to miners and to the coordinator."""
    active_miners: int
    """Miners that are registered now."""
    as_of_height: Height
    """Height that the numbers follow."""

    @property
    def total(self) -> int:
        """Active, completed and failed ones, as document 000 adds them up."""
        return self.active + self.completed + self.failed

    @property
    def average_completion_s(self) -> float:
        """Mean time to completion in seconds; 0.0 before the first."""
        return seconds_each(self.completion_ms, self.completed)


@dataclass(frozen=True, slots=True)
class ServiceRecord:
    """What a miner did for one service."""

    service: str
    """The service."""
    attempts: int
    """Assignments."""
    completed: int
    """Of these, how many ended with a receipt."""
    faults: int
    """How many ended without one by the miner's fault."""
    settled: int
    """Receipts that were paid."""
    refuted: int
    """Receipts whose dispute ended against the miner."""
    work_ms: int
    """Sum over completed attempts, from the assignment's block to the receipt's."""
    earned: Amount
    """Nait."""
    weights: Weights
    """The same counts, the older ones faded."""


@dataclass(frozen=True, slots=True)
class MinerStats:
    """What a miner did for jobs of this coordinator."""

    miner: str
    """Its name."""
    registered_ms: TimestampMs
    """Time of the block that registered it."""
    services: tuple[ServiceRecord, ...]
    """By service."""
    weights: Weights
    """All services together."""
    as_of_height: Height = 0
    """Height that the numbers follow."""

    @property
    def attempts(self) -> int:
        """Jobs that it was given."""
        return sum(each.attempts for each in self.services)

    @property
    def completed(self) -> int:
        """Jobs that it finished."""
        return sum(each.completed for each in self.services)

    @property
    def success_rate(self) -> float:
        """Share of the attempts that were its to finish that it finished; 0.0 before the first."""
        judged = self.completed + sum(each.faults for each in self.services)
        return self.completed / judged if judged else 0.0

    @property
    def average_completion_s(self) -> float:
        """Mean time from assignment to receipt in seconds; 0.0 before the first."""
        return seconds_each(sum(each.work_ms for each in self.services), self.completed)

    @property
    def earned(self) -> Amount:
        """Nait that jobs paid it."""
        return sum(each.earned for each in self.services)


def seconds_each(total_ms: int, count: int) -> float:
    """Return a mean of times in seconds with one decimal; 0.0 of none."""
    return round(total_ms / count / 1_000, 1) if count else 0.0

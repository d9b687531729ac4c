"""What is said of a job before it is submitted."""

from dataclasses import dataclass

from coordinator.jobs.model import Eligibility, JobSpec
from ledger.types import Amount, TimestampMs


@dataclass(frozen=True, slots=True)
class Quote:
    """A job as it would be accepted now. It binds nobody: miners, prices and the queue move."""

    spec: JobSpec
    """What would be done."""
    price: Amount | None
    """Nait that the cheapest miner would be paid, which leaves the rest to the client; the price of
    the offer that the job names; None if no miner could be given the job (P2)."""
    max_price: Amount
    """Nait that would be locked (P1)."""
    fee: Amount
    """Nait of the fees: the submission's, and the acceptance's where an offer is named."""
    available: Amount
    """Nait that the client's wallet can spend now."""
    eligibility: Eligibility
    """Which of the registered miners could be given it."""
    ready: int
    """Of the eligible miners, how many were heard of in the last minute."""
    queued_ahead: int
    """Jobs of the same service that wait; 0 where the job names an offer."""
    start_ms: TimestampMs | None
    """When it would be begun; None if no eligible miner was heard of."""
    completion_ms: TimestampMs | None
    """When it would be done."""

    @property
    def is_possible(self) -> bool:
        """Whether a registered miner could be given it."""
        return self.eligibility.eligible > 0

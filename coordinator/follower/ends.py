"""How the end of a job reads in the job's row."""

from dataclasses import asdict, dataclass
from typing import Final

from coordinator.database.prepared import Value
from coordinator.jobs.model import JobPhase
from ledger.actions import Reason
from ledger.outcomes import RULED, Outcome, OutcomeKind
from ledger.types import Amount

CANCELLED_TEXT: Final = "Cancelled by user"
"""Exactly so in the reference document (J4 of the API)."""

EXPIRED_TEXT: Final = "Job exceeded TTL without completion"
"""Exactly so in the reference document (J1 of the API)."""

REASON_TEXT: Final = {
    Reason.UNSPECIFIED: "The coordinator ended the job",
    Reason.BAD_INPUT: "The input cannot be processed",
    Reason.RUNNER_FAILED: "The miner's runner failed",
    Reason.MINER_DRAINING: "The miner is shutting down",
    Reason.LEASE_EXPIRED: "The miner did not finish in time",
    Reason.HEARTBEAT_MISSED: "The miner went silent",
    Reason.NO_PAYLOAD: "The input never arrived at the coordinator",
    Reason.ATTEMPTS_EXHAUSTED: "The job failed on several miners",
    Reason.RESULT_NOT_DELIVERED: "The result was not delivered",
    Reason.RESULT_MALFORMED: "The result failed the structural checks",
    Reason.NO_SOURCE: "There is no source for the program",
    Reason.PAYLOAD_MISMATCH: "The input does not match its digest",
}
"""One sentence for each reason code of the chain."""

assert set(REASON_TEXT) == set(Reason), "every reason has a text"


@dataclass(frozen=True, slots=True)
class End:
    """Columns of a job's row."""

    paid_miner: Amount
    """Nait."""
    paid_coordinator: Amount
    """Nait."""
    refunded: Amount
    """Nait."""
    phase: str | None = None
    """Where the job is; None leaves it."""
    error_code: str | None = None
    """Why it has no result."""
    error_message: str | None = None
    """The same for the client."""

    def columns(self) -> dict[str, Value]:
        """Return the columns that change."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def end_of(outcome: Outcome, locked: Amount, miner_message: str) -> End:
    """Return the columns of a job's row that its end decides.

    They tell what became of the job's price. The bond of a client's dispute, which the same end
    gives to its winner (J13), is no part of that.

    Args:
        outcome: the end, one of `ledger.outcomes.JOB_ENDS`.
        locked: the job's own escrow in nait.
        miner_message: what the miner said when it gave up; off chain, for the client.
    """
    amounts = outcome.amounts
    bond = sum(amounts) - locked
    match outcome.kind:
        case OutcomeKind.JOB_SETTLED:
            won, returned = (bond, 0) if outcome.code == RULED else (0, bond)
            miner, coordinator, client = amounts
            return End(miner - won, coordinator, client - returned)
        case OutcomeKind.JOB_REFUNDED:
            return End(0, 0, amounts[0] - bond)
        case OutcomeKind.JOB_FAILED:
            reason = Reason(outcome.code)
            text = REASON_TEXT[reason] + (f": {miner_message}" if miner_message else "")
            return _unpaid(amounts[0], JobPhase.FAILED, reason.name, text)
        case OutcomeKind.JOB_CANCELLED:
            # The miner's share is there only if an attempt was running.
            miner = amounts[0] if len(amounts) == 2 else 0
            told = (JobPhase.CANCELLED.value, "CANCELLED", CANCELLED_TEXT)
            return End(miner, 0, amounts[-1], *told)
        case OutcomeKind.JOB_EXPIRED:
            return _unpaid(amounts[0], JobPhase.EXPIRED, "EXPIRED", EXPIRED_TEXT)
        case _:
            raise AssertionError(f"{outcome.kind.name} does not end a job")


def _unpaid(refunded: Amount, phase: JobPhase, code: str, message: str) -> End:
    return End(0, 0, refunded, phase.value, code, message)

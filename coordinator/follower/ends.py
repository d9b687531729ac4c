"""How the end of a job reads in the job's row."""

from typing import Final

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


def end_of(outcome: Outcome, locked: Amount, miner_message: str) -> dict[str, object]:
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
            return _money(miner=miner - won, coordinator=coordinator, client=client - returned)
        case OutcomeKind.JOB_REFUNDED:
            return _money(client=amounts[0] - bond)
        case OutcomeKind.JOB_FAILED:
            reason = Reason(outcome.code)
            text = REASON_TEXT[reason] + (f": {miner_message}" if miner_message else "")
            return _money(client=amounts[0]) | _error(JobPhase.FAILED, reason.name, text)
        case OutcomeKind.JOB_CANCELLED:
            # The miner's share is there only if an attempt was running.
            miner = amounts[0] if len(amounts) == 2 else 0
            error = _error(JobPhase.CANCELLED, "CANCELLED", CANCELLED_TEXT)
            return _money(miner=miner, client=amounts[-1]) | error
        case OutcomeKind.JOB_EXPIRED:
            error = _error(JobPhase.EXPIRED, "EXPIRED", EXPIRED_TEXT)
            return _money(client=amounts[0]) | error
        case _:
            raise AssertionError(f"{outcome.kind.name} does not end a job")


def _money(*, miner: int = 0, coordinator: int = 0, client: int) -> dict[str, object]:
    return {"paid_miner": miner, "paid_coordinator": coordinator, "refunded": client}


def _error(phase: JobPhase, code: str, message: str) -> dict[str, object]:
    return {"phase": phase.value, "error_code": code, "error_message": message}

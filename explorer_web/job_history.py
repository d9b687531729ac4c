"""A job's life from its outcome records: who moved it, when, and by which transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from explorer_web.facts import Json
from explorer_web.outcomes import TITLES, outcome_json, outcome_sentence
from explorer_web.sentences import Sentence, account, plain
from explorer_web.words import REASONS
from ledger.actions import AssignJob, ReleaseJob
from ledger.outcomes import JOB_ENDS, OutcomeKind
from ledger.store import PAGE_MAX, IndexReader, JobRow, Moment, OutcomeRow, TransactionRow
from ledger.types import Address, Amount, Hash, TimestampMs

BY_ITSELF: Final[Sentence] = ("the ledger, by itself",)
"""Who moved a job when its time came."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to a job."""

    row: OutcomeRow
    """Its outcome record."""
    cause: TransactionRow | None
    """The transaction that did it; None for automatic work."""
    title: str
    """What it is called."""
    words: Sentence
    """What it did."""
    who: Sentence
    """Who moved the job."""

    @property
    def json(self) -> Json:
        """The step in the JSON twin."""
        outcome = outcome_json(self.row)
        assert isinstance(outcome, dict)
        return {**outcome, "words": plain(self.words), "by": plain(self.who)}


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One assignment of a job, and how it ended."""

    number: int
    """Attempt, from 1."""
    miner: Address
    """Who got it."""
    price_cap: Amount
    """Most that its receipt may claim."""
    lease_end_ms: TimestampMs
    """Until then only the miner may end it."""
    transaction_id: Hash
    """The assignment's transaction."""
    assigned: Moment
    """When it began."""
    ended: Moment | None
    """When it ended; None while it runs."""
    how: str
    """How it ended, in a word."""

    @property
    def json(self) -> Json:
        """The attempt in the JSON twin."""
        return {
            "attempt": self.number,
            "miner": plain((account(self.miner),)),
            "price_cap": str(self.price_cap),
            "lease_end_ms": self.lease_end_ms,
            "transaction_id": self.transaction_id.hex(),
            "assigned_ms": self.assigned.timestamp_ms,
            "ended_ms": self.ended.timestamp_ms if self.ended else None,
            "how": self.how,
        }


def read_steps(index: IndexReader, job: JobRow) -> list[Step]:
    """Return what happened to a job, oldest first.

    The ledger bounds the number of a job's attempts (J10), so one read has all of it.
    """
    rows = index.outcomes(limit=PAGE_MAX, object_id=job.job_id)
    causes = index.causes_of(rows)
    return [_step(job, row, causes.get(row.cause) if row.cause else None) for row in reversed(rows)]


def _step(job: JobRow, row: OutcomeRow, cause: TransactionRow | None) -> Step:
    words = outcome_sentence(row.outcome)
    if cause is not None and isinstance(action := cause.content.transaction.action, ReleaseJob):
        words = (*words, f" Reason: {REASONS[action.reason]}.")
    who = BY_ITSELF if cause is None else (f"{_role(job, cause)} ", account(cause.sender))
    return Step(row, cause, TITLES[row.outcome.kind], words, who)


def _role(job: JobRow, cause: TransactionRow) -> str:
    """Return in which role a transaction's sender acted on a job."""
    if cause.sender == job.coordinator and cause.action not in {"post_receipt", "submit_job"}:
        return "the coordinator"
    return "the client" if cause.sender == job.client else "the miner"


def attempts_of(job: JobRow, steps: Sequence[Step]) -> list[AttemptRow]:
    """Return a job's assignments, oldest first."""
    starts = [at for at, step in enumerate(steps) if _is(step, OutcomeKind.JOB_ASSIGNED)]
    return [_attempt(job, steps[start], steps[start + 1 :]) for start in starts]


def _attempt(job: JobRow, start: Step, later: Sequence[Step]) -> AttemptRow:
    outcome, cause = start.row.outcome, start.cause
    assert cause is not None
    action = cause.content.transaction.action
    # The lease of a job that was taken from an offer lasts until its deadline (J25).
    deadline_ms = job.terms.deadline_ms
    lease_end_ms = action.lease_end_ms if isinstance(action, AssignJob) else deadline_ms
    end = next((step for step in later if step.row.outcome.kind in _ATTEMPT_ENDS), None)
    return AttemptRow(
        number=outcome.code,
        miner=outcome.parties[0],
        price_cap=outcome.amounts[0],
        lease_end_ms=lease_end_ms,
        transaction_id=cause.transaction_id,
        assigned=Moment(start.row.height, start.row.timestamp_ms),
        ended=Moment(end.row.height, end.row.timestamp_ms) if end else None,
        how=_ATTEMPT_ENDS[end.row.outcome.kind] if end else "running",
    )


_ATTEMPT_ENDS: Final[dict[OutcomeKind, str]] = {
    OutcomeKind.RECEIPT_POSTED: "receipt posted",
    OutcomeKind.JOB_RELEASED: "given back",
    OutcomeKind.JOB_ASSIGNED: "taken away",
    **{kind: f"job {TITLES[kind].lower()}" for kind in JOB_ENDS},
}
"""What can come after an assignment, and what it means for the attempt."""


def _is(step: Step, kind: OutcomeKind) -> bool:
    return step.row.outcome.kind is kind

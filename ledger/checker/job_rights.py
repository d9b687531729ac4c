"""When an action on a job can have been right: state, time, signer, reference (3, 4).

The second writing of the job table's conditions.
"""

from collections.abc import Mapping
from typing import Final

from ledger.actions import (
    AcceptReceipt,
    AssignJob,
    AttestReceipt,
    CancelJob,
    DisputeReceipt,
    FailJob,
    JobAction,
    PostReceipt,
    ReleaseJob,
)
from ledger.checker.broken import Invariant, require, require_equal
from ledger.checker.meaning import last_moment_ms
from ledger.records import Job, JobState
from ledger.types import Address, TimestampMs

Q, R, C, D = JobState.QUEUED, JobState.RUNNING, JobState.RECEIPT_IN, JobState.DISPUTED

PHASES: Final[Mapping[type[JobAction], tuple[JobState, ...]]] = {
    AssignJob: (Q, R),
    ReleaseJob: (R,),
    PostReceipt: (R,),
    AttestReceipt: (C, D),
    AcceptReceipt: (C, D),
    DisputeReceipt: (C,),
    FailJob: (Q, R),
    CancelJob: (Q, R),
}
"""States in which an action can do something."""


def check_right(
    what: str, job: Job, sender: Address, action: JobAction, now_ms: TimestampMs
) -> None:
    """Check that an action could be done to a job.

    Raises:
        InvariantBroken: the job's state, the time, the signer, or the attempt or receipt that the
            action names, does not allow it.
    """
    phases = PHASES[type(action)]
    require(Invariant.ONE_ENDING, what, job.state in phases, f"one of {phases}", job.state)
    last_ms = last_moment_ms(job)
    assert last_ms is not None
    require(Invariant.DUE, what, now_ms <= last_ms, f"time ≤ {last_ms}", now_ms)
    right = sender in _signers(job, action, now_ms)
    require(Invariant.ONE_ENDING, what, right, "a signer with the right", sender)
    named, expected = _reference(job, action)
    require_equal(Invariant.ONE_ENDING, f"{what}: attempt or receipt", expected, named)


def _reference(job: Job, action: JobAction) -> tuple[int | bytes, int | bytes]:
    """Return the attempt or the receipt that an action names, and the one it must name."""
    match action:
        case AssignJob():
            return action.attempt, job.attempt + 1
        case ReleaseJob() | PostReceipt() | FailJob():
            return action.attempt, job.attempt
        case AttestReceipt() | AcceptReceipt() | DisputeReceipt():
            assert job.receipt is not None
            return action.receipt_id, job.receipt.receipt_id
        case CancelJob():
            return b"", b""


def _signers(job: Job, action: JobAction, now_ms: TimestampMs) -> set[Address]:
    """Return who has the right to an action on a job now (J3, J8)."""
    miner = {job.assignment.miner} if job.assignment else set()
    leased = job.assignment is not None and now_ms <= job.assignment.lease_end_ms
    match action:
        case CancelJob() | AcceptReceipt():
            return {job.client}
        case PostReceipt():
            return miner
        case ReleaseJob():
            return miner if leased else miner | {job.coordinator}
        case AssignJob() | FailJob():
            return set() if leased else {job.coordinator}
        case AttestReceipt() | DisputeReceipt():
            return {job.coordinator}

"""When an action on a job can have been right: state, time, signer, reference (3, 4).

The second writing of the job table's conditions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ledger.actions import (
    AcceptOffer,
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
from ledger.checker.meaning import last_moment_ms, moved_ms
from ledger.records import Gap, Job, JobState
from ledger.types import Address, TimestampMs


@dataclass(frozen=True, slots=True)
class Moment:
    """When something is done."""

    now_ms: TimestampMs
    """Time of the block."""
    halt: Gap | None
    """Record of a halt that the block works under (J12)."""


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
    AcceptOffer: (Q,),
}
"""States in which an action can do something."""


def check_right(what: str, job: Job, sender: Address, action: JobAction, at: Moment) -> None:
    """Check that an action could be done to a job.

    Raises:
        InvariantBroken: the job's state, the time, the signer, or the attempt or receipt that the
            action names, does not allow it.
    """
    phases = PHASES[type(action)]
    require(Invariant.ONE_ENDING, what, job.state in phases, f"one of {phases}", job.state)
    check_in_time(what, job, at)
    right = sender in _signers(job, action, at)
    require(Invariant.ONE_ENDING, what, right, "a signer with the right", sender)
    named, expected = _reference(job, action)
    require_equal(Invariant.ONE_ENDING, f"{what}: attempt or receipt", expected, named)


def check_in_time(what: str, job: Job, at: Moment) -> None:
    """Check that a job's time is not over (J12, J16).

    Raises:
        InvariantBroken: it is.
    """
    last_ms = last_moment_ms(job)
    assert last_ms is not None
    last_ms = moved_ms(last_ms, at.halt)
    require(Invariant.DUE, what, at.now_ms <= last_ms, f"time ≤ {last_ms}", at.now_ms)


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
        case AcceptOffer():
            return min(job.attempt, job.attempts_max - 1), job.attempt
        case CancelJob():
            return b"", b""


def _signers(job: Job, action: JobAction, at: Moment) -> set[Address]:
    """Return who has the right to an action on a job now (J3, J8)."""
    miner = {job.assignment.miner} if job.assignment else set()
    leased = job.assignment is not None and at.now_ms <= moved_ms(
        job.assignment.lease_end_ms, at.halt
    )
    match action:
        case CancelJob() | AcceptReceipt() | AcceptOffer():
            return {job.client}
        case PostReceipt():
            return miner
        case ReleaseJob():
            return miner if leased else miner | {job.coordinator}
        case AssignJob() | FailJob():
            return set() if leased else {job.coordinator}
        case DisputeReceipt():
            bonded = {job.client} if action.bond == job.dispute_bond else set()
            return {job.coordinator} if action.bond == 0 else bonded
        case AttestReceipt():
            return {job.coordinator}

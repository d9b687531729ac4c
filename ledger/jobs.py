"""What may happen to a live job: the table of states and actions.

A job is QUEUED, RUNNING, RECEIPT_IN or DISPUTED until it ends; then it leaves the state, and its
outcome record tells how it ended (J29). `TABLE` decides every cell: a rejection, or a step of
`ledger.job_steps` with the states it leads to. Every action on a job is checked in one order:

    JOB_UNKNOWN → role → cell → attempt or receipt id → time → amounts

All times are read through the credit of a halt (J12, `ledger.gap`), here and in the steps.
`docs/job-states.md` is rendered from this table.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ledger import job_steps as steps
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
from ledger.due import job_limit_ms
from ledger.environment import Cause, Environment
from ledger.gap import credited
from ledger.job_rejections import (
    AlreadyAssigned,
    AttemptsExhausted,
    AttemptStale,
    CellRefused,
    DeadlinePassed,
    InDispute,
    JobUnknown,
    LeaseLive,
    NoReceipt,
    NotAssignedMiner,
    NotClient,
    NotCoordinator,
    NotDisputed,
    NotRunning,
    ReceiptExists,
    ReceiptMismatch,
)
from ledger.records import Gap, Job, JobState, Table, state_key
from ledger.state import State
from ledger.types import Address, Hash, TimestampMs


class Row(StrEnum):
    """An action with the role that takes it."""

    ASSIGN = "assign (coordinator)"
    ACCEPT_OFFER = "accept_offer (client)"
    RELEASE_BY_MINER = "release (assigned miner)"
    RELEASE_BY_COORDINATOR = "release (coordinator)"
    POST_RECEIPT = "post_receipt (assigned miner)"
    ATTEST = "attest (coordinator)"
    ACCEPT = "accept_receipt (client)"
    DISPUTE_BY_CLIENT = "dispute (client, with the bond)"
    DISPUTE_BY_COORDINATOR = "dispute (coordinator)"
    RESOLVE = "resolve (ballot)"
    FAIL = "fail (coordinator)"
    CANCEL = "cancel (client)"


class Ending(StrEnum):
    """How a job leaves the state."""

    SETTLED = "settled"
    REFUNDED = "refunded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


Target = JobState | Ending
"""Where a step leads."""


@dataclass(frozen=True, slots=True)
class Step:
    """A cell that allows its action."""

    apply: Callable[[steps.JobCall], None]
    """Checks amounts and terms, then changes the state; last in the order of checks."""
    leads_to: tuple[Target, ...]
    """The states it may lead to."""
    when: str = ""
    """The condition besides the job's limit, for the documents."""
    after_lease: bool = False
    """Whether it must wait until the lease is over, else LEASE_LIVE (J8)."""
    by_deadline: bool = False
    """Whether the deadline is its limit too, although the state's own limit may be later."""


Cell = Step | type[CellRefused]
"""What the table says about an action in a state."""

Q, R, C, D = JobState.QUEUED, JobState.RUNNING, JobState.RECEIPT_IN, JobState.DISPUTED

TABLE: Final[Mapping[Row, Mapping[JobState, Cell]]] = {
    Row.ASSIGN: {
        Q: Step(steps.assign, (R,), "now ≤ deadline; first time now ≤ start_by", by_deadline=True),
        R: Step(
            steps.assign, (R,), "lease_end < now ≤ deadline", after_lease=True, by_deadline=True
        ),
        C: ReceiptExists,
        D: ReceiptExists,
    },
    Row.ACCEPT_OFFER: {
        Q: Step(
            steps.accept_offer,
            (R,),
            "now ≤ deadline; first time now ≤ start_by; at the offer's price",
            by_deadline=True,
        ),
        R: AlreadyAssigned,
        C: ReceiptExists,
        D: ReceiptExists,
    },
    Row.RELEASE_BY_MINER: {
        Q: NotRunning,
        R: Step(steps.release, (Q,), "now ≤ end"),
        C: ReceiptExists,
        D: ReceiptExists,
    },
    Row.RELEASE_BY_COORDINATOR: {
        Q: NotRunning,
        R: Step(steps.release, (Q,), "lease_end < now ≤ end", after_lease=True),
        C: ReceiptExists,
        D: ReceiptExists,
    },
    Row.POST_RECEIPT: {
        Q: NotRunning,
        R: Step(steps.post_receipt, (C,), "now ≤ end"),
        C: ReceiptExists,
        D: ReceiptExists,
    },
    Row.ATTEST: {
        Q: NoReceipt,
        R: NoReceipt,
        C: Step(
            steps.attest,
            (C, Ending.SETTLED),
            "settled by a delivery when now ≥ receipt + dispute window, else recorded",
        ),
        D: Step(steps.attest_disputed, (D,), "recorded"),
    },
    Row.ACCEPT: {
        Q: NoReceipt,
        R: NoReceipt,
        C: Step(steps.settle, (Ending.SETTLED,), "now ≤ due"),
        D: Step(steps.settle, (Ending.SETTLED,), "now ≤ due; the bond returns"),
    },
    Row.DISPUTE_BY_CLIENT: {
        Q: NoReceipt,
        R: NoReceipt,
        C: Step(steps.dispute_with_bond, (D,), "now ≤ due; locks the bond"),
        D: InDispute,
    },
    Row.DISPUTE_BY_COORDINATOR: {
        Q: NoReceipt,
        R: NoReceipt,
        C: Step(steps.dispute, (D,), "now ≤ due"),
        D: InDispute,
    },
    Row.RESOLVE: {
        Q: NotDisputed,
        R: NotDisputed,
        C: NotDisputed,
        D: Step(
            steps.rule, (Ending.SETTLED, Ending.REFUNDED), "now ≤ due; the bond is the winner's"
        ),
    },
    Row.FAIL: {
        Q: Step(steps.fail, (Ending.FAILED,), "now ≤ deadline; before the first, now ≤ start_by"),
        R: Step(steps.fail, (Ending.FAILED,), "lease_end < now ≤ end", after_lease=True),
        C: ReceiptExists,
        D: ReceiptExists,
    },
    Row.CANCEL: {
        Q: Step(
            steps.cancel_queued,
            (Ending.CANCELLED,),
            "now ≤ deadline; before the first, now ≤ start_by",
        ),
        R: Step(steps.cancel_running, (Ending.CANCELLED,), "now ≤ end; compensation ≤ limit"),
        C: ReceiptExists,
        D: ReceiptExists,
    },
}
"""Every action in every state. The last word on a cell; the steps only add amounts and terms."""

AUTOMATIC: Final[Mapping[JobState, Step]] = {
    Q: Step(steps.expire, (Ending.EXPIRED,), "now > deadline; before the first, now > start_by"),
    R: Step(steps.expire, (Ending.EXPIRED,), "now > end"),
    C: Step(steps.settle, (Ending.SETTLED,), "now > due"),
    D: Step(steps.end_dispute, (Ending.SETTLED, Ending.REFUNDED), "now > due; settled if attested"),
}
"""What the sweep does to a job that is due, in every state (J17)."""


def find_job(state: State, job_id: Hash) -> Job:
    """Return a live job.

    Raises:
        JobUnknown: none has this id.
    """
    job = state.get(state_key(Table.JOB, job_id))
    if job is None:
        raise JobUnknown(job_id)
    assert isinstance(job, Job)
    return job


def apply_job_action(env: Environment, cause: Cause, action: JobAction) -> None:
    """Check an action on a live job in the order of the rules, and carry it out.

    Raises:
        TransactionRejected: of `ledger.job_rejections`; nothing has changed then.
    """
    job = find_job(env.state, action.job_id)
    step = step_of(_row(env.state, job, cause.sender, action), action.job_id, job)
    _check_reference(job, action)
    check_time(job, env.now_ms, env.state.gap, step)
    step.apply(steps.JobCall(env, cause.transaction_id, cause.sender, action.job_id, job, action))


def apply_due_job(env: Environment, job_id: Hash, job: Job) -> None:
    """Carry out what is due of a job: automatic work, which nothing refuses."""
    step = AUTOMATIC[job.state]
    step.apply(steps.JobCall(env, b"", b"", job_id, job, None))


def step_of(row: Row, job_id: Hash, job: Job) -> Step:
    """Return what a row does in a job's state.

    Raises:
        CellRefused: of the cell's own class.
    """
    cell = TABLE[row][job.state]
    if not isinstance(cell, Step):
        raise cell(job_id, job.state)
    return cell


def _row(state: State, job: Job, sender: Address, action: JobAction) -> Row:
    """Return the row of an action; the sender must have the role that the row names.

    In a state without an assignment nobody is, or is not, the assigned miner: the cell speaks.
    """
    match action:
        case PostReceipt():
            _check_assigned(job, sender)
            return Row.POST_RECEIPT
        case ReleaseJob():
            # The coordinator may be the miner as well; then it has the miner's better right.
            if sender != job.coordinator or _is_assigned(job, sender):
                _check_assigned(job, sender)
                return Row.RELEASE_BY_MINER
            _check_coordinator(state, job, sender)
            return Row.RELEASE_BY_COORDINATOR
        case AcceptReceipt() | CancelJob() | AcceptOffer():
            if sender != job.client:
                raise NotClient(sender)
            return _CLIENT_ROWS[type(action)]
        case DisputeReceipt():
            # Whoever is both disputes as coordinator, for nothing, unless it names a bond.
            if sender == job.client and (action.bond or sender != job.coordinator):
                return Row.DISPUTE_BY_CLIENT
            if action.bond:
                raise NotClient(sender)
            _check_coordinator(state, job, sender)
            return Row.DISPUTE_BY_COORDINATOR
        case AssignJob() | AttestReceipt() | FailJob():
            _check_coordinator(state, job, sender)
            return _COORDINATOR_ROWS[type(action)]


_CLIENT_ROWS: Final[Mapping[type[JobAction], Row]] = {
    AcceptReceipt: Row.ACCEPT,
    CancelJob: Row.CANCEL,
    AcceptOffer: Row.ACCEPT_OFFER,
}

_COORDINATOR_ROWS: Final[Mapping[type[JobAction], Row]] = {
    AssignJob: Row.ASSIGN,
    AttestReceipt: Row.ATTEST,
    FailJob: Row.FAIL,
}


def _is_assigned(job: Job, sender: Address) -> bool:
    return job.assignment is not None and job.assignment.miner == sender


def _check_assigned(job: Job, sender: Address) -> None:
    if job.assignment is not None and job.assignment.miner != sender:
        raise NotAssignedMiner(sender)


def _check_coordinator(state: State, job: Job, sender: Address) -> None:
    """Check that the sender coordinates this job, and is still a coordinator (J15)."""
    if sender != job.coordinator or state.get(state_key(Table.COORDINATOR, sender)) is None:
        raise NotCoordinator(sender)


def _check_reference(job: Job, action: JobAction) -> None:
    """Check the attempt (J9, J10) or the receipt id (J2) that the action names."""
    match action:
        case AssignJob():
            if action.attempt != job.attempt + 1:
                raise AttemptStale(action.attempt, job.attempt + 1)
            if action.attempt > job.attempts_max:
                raise AttemptsExhausted(job.attempts_max)
        case AcceptOffer():
            if job.attempt >= job.attempts_max:
                raise AttemptsExhausted(job.attempts_max)
        case ReleaseJob() | PostReceipt() | FailJob():
            if action.attempt != job.attempt:
                raise AttemptStale(action.attempt, job.attempt)
        case AttestReceipt() | AcceptReceipt() | DisputeReceipt():
            assert job.receipt is not None
            if action.receipt_id != job.receipt.receipt_id:
                raise ReceiptMismatch(action.receipt_id, job.receipt.receipt_id)
        case CancelJob():
            pass  # A client ends the job, whatever its attempt.


def check_time(job: Job, now_ms: TimestampMs, gap: Gap | None, step: Step) -> None:
    """Compare now with the job's times under a halt's record (J8, J12, J16).

    Raises:
        DeadlinePassed: what is due is the sweep's alone.
        LeaseLive: as it says.
    """
    limit_ms = credited(job_limit_ms(job), gap)
    if step.by_deadline:
        limit_ms = min(limit_ms, credited(job.deadline_ms, gap))
    if now_ms > limit_ms:
        raise DeadlinePassed(limit_ms, now_ms)
    if step.after_lease:
        assert job.assignment is not None
        lease_end_ms = credited(job.assignment.lease_end_ms, gap)
        if now_ms <= lease_end_ms:
            raise LeaseLive(lease_end_ms, now_ms)

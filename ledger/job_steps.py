"""The steps of the job table: amounts and terms, then the change and its outcome record.

`ledger.jobs` has checked the job, the role, the cell, the attempt or receipt id and the time
before a step runs. A step raises before its first write, or not at all. Every ending releases the
whole escrow in the same block and takes the job out of the state (J29).
"""

from dataclasses import dataclass
from typing import TypeVar

from msgspec.structs import replace

from ledger.accounts import credit
from ledger.actions import (
    AcceptOffer,
    AssignJob,
    AttestationKind,
    AttestReceipt,
    CancelJob,
    DisputeReceipt,
    FailJob,
    JobAction,
    PostReceipt,
    ReleaseJob,
    UnitType,
)
from ledger.due import later_ms
from ledger.environment import Environment
from ledger.gap import credited
from ledger.job_rejections import AlreadyAttested, CompensationAboveLimit, DisputeBondMismatch
from ledger.job_terms import check_acceptance, check_assignment, check_receipt
from ledger.miners import count_in_flight, find_miner
from ledger.open_offers import find_offer, take_slot
from ledger.outcomes import RULED, OutcomeKind
from ledger.records import (
    Assignment,
    DisputeRecord,
    Job,
    JobState,
    ReceiptRecord,
    Table,
    state_key,
)
from ledger.settlement import Split, cancelled, compensation, refunded, settled
from ledger.types import Address, Hash, TimestampMs


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the authorities decided about a dispute, by ballot."""

    for_miner: bool
    """Whether the receipt is paid; else the client is refunded."""


ActionT = TypeVar("ActionT", bound=JobAction | Ruling)


@dataclass(frozen=True, slots=True)
class JobCall:
    """One action on one job, or one due job."""

    env: Environment
    """The block in execution."""
    cause: bytes
    """Id of the transaction; empty for automatic work."""
    sender: Address
    """Who signed it; empty for automatic work."""
    job_id: Hash
    """The job's id."""
    job: Job
    """The job as it is before."""
    action: "JobAction | Ruling | None"
    """The action; None for automatic work."""

    def credited(self, limit_ms: TimestampMs) -> TimestampMs:
        """Return until when one of the job's limits counts in this block (J12)."""
        return credited(limit_ms, self.env.state.gap)

    def action_as(self, kind: type[ActionT]) -> ActionT:
        """Return the action; the table calls a step with the action of its row only."""
        assert isinstance(self.action, kind)
        return self.action

    def put(self, job: Job) -> None:
        """Write the job as it is after."""
        self.env.state.put(state_key(Table.JOB, self.job_id), job)

    def record(self, kind: OutcomeKind, code: int, *shares: tuple[Address, int]) -> None:
        """Add the outcome record of this step."""
        self.env.record(kind, self.cause, self.job_id, code, *shares)


def assign(call: JobCall) -> None:
    """QUEUED or RUNNING → RUNNING with the next attempt (J1, J5, J7)."""
    action, job, state = call.action_as(AssignJob), call.job, call.env.state
    check_assignment(job, action, find_miner(state, action.miner), call.env.now_ms)
    if job.assignment is not None:
        count_in_flight(state, job.assignment.miner, -1)
    count_in_flight(state, action.miner, +1)
    assignment = Assignment(
        miner=action.miner,
        price_cap=action.price_cap,
        unit_type=action.unit_type,
        unit_price=action.unit_price,
        lease_end_ms=action.lease_end_ms,
    )
    call.put(replace(job, state=JobState.RUNNING, attempt=action.attempt, assignment=assignment))
    call.record(OutcomeKind.JOB_ASSIGNED, action.attempt, (action.miner, action.price_cap))


def accept_offer(call: JobCall) -> None:
    """QUEUED → RUNNING with an offer's miner and price; one slot of the offer is taken (J25)."""
    action, job, state = call.action_as(AcceptOffer), call.job, call.env.state
    offer = find_offer(state, action.offer_id)
    check_acceptance(job, action, offer, find_miner(state, offer.miner), call.env.now_ms)
    take_slot(call.env, call.cause, action.offer_id, offer)
    count_in_flight(state, offer.miner, +1)
    # J6 protects the chosen miner until the client's own deadline: a shorter lease would let
    # whoever accepts and cancels use up its slots for nothing.
    assignment = Assignment(
        miner=offer.miner,
        price_cap=offer.price,
        unit_type=UnitType.NONE,
        unit_price=0,
        lease_end_ms=job.deadline_ms,
    )
    attempt = job.attempt + 1
    call.put(replace(job, state=JobState.RUNNING, attempt=attempt, assignment=assignment))
    call.record(OutcomeKind.JOB_ASSIGNED, attempt, (offer.miner, offer.price))


def release(call: JobCall) -> None:
    """RUNNING → QUEUED: the attempt ends without a receipt, the next one may follow."""
    job, assignment = call.job, _assignment_of(call.job)
    count_in_flight(call.env.state, assignment.miner, -1)
    call.put(replace(job, state=JobState.QUEUED, assignment=None))
    assert call.action_as(ReleaseJob).attempt == job.attempt
    call.record(OutcomeKind.JOB_RELEASED, job.attempt, (assignment.miner, 0))


def post_receipt(call: JobCall) -> None:
    """RUNNING → RECEIPT_IN, to settle by itself when auto-settle and dispute windows are over."""
    action, job = call.action_as(PostReceipt), call.job
    check_receipt(job, _assignment_of(job), action)
    window_ms = max(job.auto_settle_ms, job.dispute_ms)
    receipt = ReceiptRecord(
        receipt_id=call.cause,
        received_ms=call.env.now_ms,
        price=action.price,
        delivery_attested=False,
        rerun_attested=False,
        due_ms=later_ms(call.env.now_ms, window_ms),
    )
    call.put(replace(job, state=JobState.RECEIPT_IN, receipt=receipt))
    call.record(OutcomeKind.RECEIPT_POSTED, job.attempt, (call.sender, action.price))


def attest(call: JobCall) -> None:
    """Record an attestation; a delivery settles at once when the dispute window is over (J3, J4).

    A delivery before that moves the due time to the window's end; a re-run moves nothing.
    """
    _record_attestation(call)
    receipt = _receipt_of(call.job)
    if call.action_as(AttestReceipt).kind is not AttestationKind.DELIVERY:
        call.put(replace(call.job, receipt=replace(receipt, rerun_attested=True)))
        return
    window_end_ms = later_ms(receipt.received_ms, call.job.dispute_ms)
    attested = replace(
        call.job, receipt=replace(receipt, delivery_attested=True, due_ms=window_end_ms)
    )
    # Without a window there is nothing that a halt could have taken from the client (J12).
    if not call.job.dispute_ms or call.env.now_ms >= call.credited(window_end_ms):
        _settle(call, attested)
    else:
        call.put(attested)


def attest_disputed(call: JobCall) -> None:
    """Record an attestation while a dispute is open; it decides how the dispute ends (J3)."""
    _record_attestation(call)
    receipt = _receipt_of(call.job)
    if call.action_as(AttestReceipt).kind is AttestationKind.DELIVERY:
        receipt = replace(receipt, delivery_attested=True)
    else:
        receipt = replace(receipt, rerun_attested=True)
    call.put(replace(call.job, receipt=receipt))


def settle(call: JobCall) -> None:
    """RECEIPT_IN or DISPUTED → settled: the client accepted, or the window is over."""
    _settle(call, call.job)


def dispute(call: JobCall) -> None:
    """RECEIPT_IN → DISPUTED by the coordinator, without a bond (J3); it ends in time (J13)."""
    action = call.action_as(DisputeReceipt)
    due_ms = later_ms(call.env.now_ms, call.job.resolve_ms)
    opened = DisputeRecord(opener=call.sender, bond=action.bond, due_ms=due_ms)
    call.put(replace(call.job, state=JobState.DISPUTED, dispute=opened))
    call.record(OutcomeKind.RECEIPT_DISPUTED, action.reason, (call.sender, action.bond))


def dispute_with_bond(call: JobCall) -> None:
    """RECEIPT_IN → DISPUTED by the client; its bond has been debited with the fee (J13)."""
    bond = call.action_as(DisputeReceipt).bond
    if bond != call.job.dispute_bond:
        raise DisputeBondMismatch(bond, call.job.dispute_bond)
    dispute(call)


def rule(call: JobCall) -> None:
    """DISPUTED → settled or refunded, as the authorities say; the bond is the winner's (J13)."""
    if call.action_as(Ruling).for_miner:
        _settle(call, call.job, ruled=True)
    else:
        _refund_dispute(call, ruled=True)


def end_dispute(call: JobCall) -> None:
    """DISPUTED → settled if attested, else refunded: nobody ruled in time (J13)."""
    if _receipt_of(call.job).delivery_attested:
        _settle(call, call.job)
    else:
        _refund_dispute(call)


def fail(call: JobCall) -> None:
    """QUEUED or RUNNING → failed, with the coordinator's reason; the client gets all back."""
    split = refunded(call.job.max_price)
    _end(call, call.job, split)
    reason = call.action_as(FailJob).reason
    call.record(OutcomeKind.JOB_FAILED, reason, (call.job.client, split.client))


def cancel_queued(call: JobCall) -> None:
    """QUEUED → cancelled; nobody works on it, so the client gets all back."""
    split = refunded(call.job.max_price)
    _end(call, call.job, split)
    call.record(OutcomeKind.JOB_CANCELLED, 0, (call.job.client, split.client))


def cancel_running(call: JobCall) -> None:
    """RUNNING → cancelled; the miner is owed compensation while its lease runs (J5, J6)."""
    job, assignment = call.job, _assignment_of(call.job)
    lease_over = call.env.now_ms > call.credited(assignment.lease_end_ms)
    owed = compensation(assignment.price_cap, job.cancel_bp, lease_over=lease_over)
    limit = call.action_as(CancelJob).compensation_max
    if owed > limit:
        raise CompensationAboveLimit(owed, limit)
    split = cancelled(job.max_price, owed)
    _end(call, job, split)
    miner, client = (assignment.miner, split.miner), (job.client, split.client)
    call.record(OutcomeKind.JOB_CANCELLED, 0, miner, client)


def expire(call: JobCall) -> None:
    """QUEUED or RUNNING → expired; the client gets all back."""
    split = refunded(call.job.max_price)
    _end(call, call.job, split)
    call.record(OutcomeKind.JOB_EXPIRED, 0, (call.job.client, split.client))


def _settle(call: JobCall, job: Job, *, ruled: bool = False) -> None:
    """End a job whose receipt is paid; after a ruling the bond is the miner's."""
    receipt, assignment = _receipt_of(job), _assignment_of(job)
    split = settled(
        job.max_price,
        receipt.price,
        job.share_bp,
        attested=receipt.delivery_attested,
        bond=_bond_of(job),
        bond_lost=ruled,
    )
    _end(call, job, split)
    call.record(
        OutcomeKind.JOB_SETTLED,
        RULED if ruled else 0,
        (assignment.miner, split.miner),
        (job.coordinator, split.coordinator),
        (job.client, split.client),
    )


def _refund_dispute(call: JobCall, *, ruled: bool = False) -> None:
    """End a job whose dispute the miner lost; the client gets the escrow and its bond back."""
    split = refunded(call.job.max_price, _bond_of(call.job))
    _end(call, call.job, split)
    code = RULED if ruled else 0
    call.record(OutcomeKind.JOB_REFUNDED, code, (call.job.client, split.client))


def _end(call: JobCall, job: Job, split: Split) -> None:
    """Release the whole escrow and take the job out of the state (J29)."""
    locked = job.max_price + _bond_of(job)
    assert split.miner + split.coordinator + split.client == locked, "an ending splits all"
    state = call.env.state
    if job.assignment is not None:
        count_in_flight(state, job.assignment.miner, -1)
        credit(state, job.assignment.miner, split.miner)
    credit(state, job.coordinator, split.coordinator)
    credit(state, job.client, split.client)
    state.put(state_key(Table.JOB, call.job_id), None)


def _record_attestation(call: JobCall) -> None:
    """Check that the kind is new, and add the outcome record."""
    kind, receipt = call.action_as(AttestReceipt).kind, _receipt_of(call.job)
    delivery = kind is AttestationKind.DELIVERY
    if receipt.delivery_attested if delivery else receipt.rerun_attested:
        raise AlreadyAttested(kind.name.lower())
    call.record(OutcomeKind.RECEIPT_ATTESTED, kind, (call.sender, 0))


def _assignment_of(job: Job) -> Assignment:
    assert job.assignment is not None, "a job beyond QUEUED has an assignment"
    return job.assignment


def _receipt_of(job: Job) -> ReceiptRecord:
    assert job.receipt is not None, "a job beyond RUNNING has a receipt"
    return job.receipt


def _bond_of(job: Job) -> int:
    return 0 if job.dispute is None else job.dispute.bond

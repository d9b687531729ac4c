"""A block's effect on jobs, followed from its transactions (invariants 2, 4, 5).

Every job that the block touches is carried along: what an action may have done to it, which outcome
record that must have left, and what the job's record must be when the block ends.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from ledger.actions import (
    AcceptOffer,
    AcceptReceipt,
    AssignJob,
    AttestationKind,
    AttestReceipt,
    CancelJob,
    DisputeReceipt,
    FailJob,
    JobAction,
    PostReceipt,
    ReleaseJob,
    SubmitJob,
    UnitType,
)
from ledger.checker.broken import Invariant, require, require_equal
from ledger.checker.job_rights import Moment, check_in_time, check_right
from ledger.checker.market import Market
from ledger.checker.meaning import (
    grace_ms,
    moved_ms,
    owed_on_cancel,
    shares_of,
    window_end_ms,
    worth,
)
from ledger.hashing import Tags
from ledger.outcomes import JOB_ENDS, Outcome, OutcomeKind
from ledger.params import Parameters
from ledger.records import (
    Assignment,
    DisputeRecord,
    Gap,
    Job,
    JobState,
    ReceiptRecord,
    Record,
    Table,
    state_key,
)
from ledger.types import Address, Epoch, Hash, TimestampMs

Q, R, C, D = JobState.QUEUED, JobState.RUNNING, JobState.RECEIPT_IN, JobState.DISPUTED

AUTOMATIC: Final = b""
"""Cause of an outcome that no transaction caused."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a block's effects depend on besides the records."""

    now_ms: TimestampMs
    """Time of the block."""
    parameters: Parameters
    """Parameters of the parent's state (S6)."""
    validators: int
    """Members of the parent's validator set (J11)."""
    halt: Gap | None
    """Record of a halt that the block works under (J12)."""
    tags: Tags
    """Tags of the chain."""
    epoch: Epoch
    """Epoch of the block."""
    epoch_start_ms: TimestampMs
    """Time from which it counts."""
    ends_epoch: bool
    """Whether the block is its last (E3)."""

    @property
    def moment(self) -> Moment:
        """When the block is."""
        return Moment(self.now_ms, self.halt)


class JobWalk:
    """Jobs during one block; untouched ones are those of the parent's state."""

    def __init__(self, records: Mapping[bytes, Record], setting: Setting, market: Market) -> None:
        """Start from the parent's records, which are read only."""
        self._records = records
        self._setting = setting
        self._market = market
        self.touched: dict[Hash, Job | None] = {}
        """Jobs that the block touched, as they must be by now; None for ended ones."""
        self._locked: dict[Hash, int] = {}

    def submit(self, cause: Hash, client: Address, action: SubmitJob) -> list[Outcome]:
        """Enter the job of a submission with the rules in force (E4, J27)."""
        known = cause in self.touched or state_key(Table.JOB, cause) in self._records
        require(Invariant.ONE_ENDING, f"job {cause.hex()}", not known, "a new id", cause)
        parameters = self._setting.parameters
        self.touched[cause] = Job(
            client,
            action.coordinator,
            action.service,
            action.payload_digest,
            action.max_price,
            action.start_by_ms,
            action.deadline_ms,
            action.dispute_ms,
            action.streamed,
            action.verification,
            parameters.coordinator_share_bp,
            10_000 if action.streamed else parameters.cancel_bp,
            grace_ms(parameters.delta_ms, self._setting.validators),
            parameters.auto_settle_ms,
            parameters.resolve_ms,
            parameters.dispute_bond,
            parameters.attempts_max,
            JobState.QUEUED,
            0,
            None,
            None,
            None,
        )
        return [Outcome(OutcomeKind.JOB_LOCKED, cause, cause, 0, (client,), (action.max_price,))]

    def end_due(self, job_id: Hash) -> list[Outcome]:
        """End a job whose time is over (J17)."""
        job = self._live(job_id)
        if job.state in (Q, R):
            return [self._refund(OutcomeKind.JOB_EXPIRED, AUTOMATIC, job_id, 0)]
        attested = job.receipt is not None and job.receipt.delivery_attested
        if job.state is D and not attested:
            return [self._refund(OutcomeKind.JOB_REFUNDED, AUTOMATIC, job_id, 0)]
        return [self._pay(AUTOMATIC, job_id)]

    def act(self, cause: Hash, sender: Address, action: JobAction) -> list[Outcome]:
        """Carry an action on a live job along; return the outcome records that it must leave.

        Raises:
            InvariantBroken: the job's state, the signer, the attempt, the receipt or the time
                does not allow it.
        """
        job_id = action.job_id
        job = self._live(job_id)
        what = f"{type(action).__name__} on job {job_id.hex()}"
        check_right(what, job, sender, action, self._setting.moment)
        match action:
            case AssignJob():
                return self._assign(cause, job, action)
            case AcceptOffer():
                return self._accept_offer(cause, job, action)
            case ReleaseJob():
                return self._release(cause, job, action)
            case PostReceipt():
                return self._post(cause, job, action)
            case AttestReceipt():
                return self._attest(cause, job, action)
            case DisputeReceipt():
                return self._dispute(cause, sender, job, action)
            case AcceptReceipt():
                return [self._pay(cause, job_id)]
            case FailJob():
                code = int(action.reason)
                return [self._refund(OutcomeKind.JOB_FAILED, cause, job_id, code)]
            case CancelJob():
                return [self._cancel(cause, job, action)]

    def may_rule(self, job_id: Hash) -> bool:
        """Return whether there is a dispute to rule on at this point of the block."""
        key = state_key(Table.JOB, job_id)
        job = self.touched[job_id] if job_id in self.touched else self._records.get(key)
        if not isinstance(job, Job) or job.dispute is None:
            return False
        return self._setting.now_ms <= moved_ms(job.dispute.due_ms, self._setting.halt)

    def rule(self, cause: bytes, job_id: Hash, *, for_miner: bool) -> list[Outcome]:
        """Carry a ruling of the authorities out (J13); return the outcome that it must leave.

        Raises:
            InvariantBroken: there is no dispute to rule on, or its time is over.
        """
        job, what = self._live(job_id), f"ruling on job {job_id.hex()}"
        require(Invariant.ONE_ENDING, what, job.state is D, "a disputed job", job.state)
        check_in_time(what, job, self._setting.moment)
        if for_miner:
            return [self._pay(cause, job_id, ruled=True)]
        return [self._refund(OutcomeKind.JOB_REFUNDED, cause, job_id, 1)]

    def check_endings(self, outcomes: Sequence[Outcome]) -> None:
        """Check that each ended job ends once, and that the parts are all that was locked.

        Raises:
            InvariantBroken: 4 does not hold.
        """
        ends = [outcome for outcome in outcomes if outcome.kind in JOB_ENDS]
        ended = Counter(outcome.object_id for outcome in ends)
        require_equal(Invariant.ONE_ENDING, "jobs that end", Counter(self._locked.keys()), ended)
        for outcome in ends:
            what, locked = (
                f"parts of job {outcome.object_id.hex()}",
                self._locked[outcome.object_id],
            )
            require_equal(Invariant.ONE_ENDING, what, locked, sum(outcome.amounts))

    def _live(self, job_id: Hash) -> Job:
        """Return a job as it is at this point of the block; it must not have ended (4)."""
        record = (
            self.touched[job_id]
            if job_id in self.touched
            else self._records.get(state_key(Table.JOB, job_id))
        )
        what = f"job {job_id.hex()}"
        require(Invariant.ONE_ENDING, what, isinstance(record, Job), "a live job", record)
        assert isinstance(record, Job)
        return record

    def _assign(self, cause: Hash, job: Job, action: AssignJob) -> list[Outcome]:
        assignment = Assignment(
            action.miner,
            action.price_cap,
            action.unit_type,
            action.unit_price,
            action.lease_end_ms,
        )
        self.touched[action.job_id] = replace(
            job, state=R, attempt=job.attempt + 1, assignment=assignment
        )
        kind, told = OutcomeKind.JOB_ASSIGNED, ((action.miner,), (action.price_cap,))
        return [Outcome(kind, cause, action.job_id, job.attempt + 1, *told)]

    def _accept_offer(self, cause: Hash, job: Job, action: AcceptOffer) -> list[Outcome]:
        miner, taken = self._market.take(cause, action)
        assignment = Assignment(miner, action.price, UnitType.NONE, 0, job.deadline_ms)
        self.touched[action.job_id] = replace(
            job, state=R, attempt=job.attempt + 1, assignment=assignment
        )
        kind, told = OutcomeKind.JOB_ASSIGNED, ((miner,), (action.price,))
        return [taken, Outcome(kind, cause, action.job_id, job.attempt + 1, *told)]

    def _release(self, cause: Hash, job: Job, action: ReleaseJob) -> list[Outcome]:
        assert job.assignment is not None
        self.touched[action.job_id] = replace(job, state=Q, assignment=None)
        kind, told = OutcomeKind.JOB_RELEASED, ((job.assignment.miner,), (0,))
        return [Outcome(kind, cause, action.job_id, job.attempt, *told)]

    def _post(self, cause: Hash, job: Job, action: PostReceipt) -> list[Outcome]:
        assert job.assignment is not None
        if job.assignment.unit_type is not UnitType.NONE:
            by_unit = (action.units_micro * job.assignment.unit_price + 999_999) // 1_000_000
            price = min(by_unit, job.assignment.price_cap)
            require_equal(Invariant.FIELDS, "price by unit (J1)", price, action.price)
        now_ms = self._setting.now_ms
        due_ms = window_end_ms(now_ms, max(job.auto_settle_ms, job.dispute_ms))
        receipt = ReceiptRecord(cause, now_ms, action.price, False, False, due_ms)
        self.touched[action.job_id] = replace(job, state=C, receipt=receipt)
        kind, told = OutcomeKind.RECEIPT_POSTED, ((job.assignment.miner,), (action.price,))
        return [Outcome(kind, cause, action.job_id, job.attempt, *told)]

    def _attest(self, cause: Hash, job: Job, action: AttestReceipt) -> list[Outcome]:
        receipt = job.receipt
        assert receipt is not None
        window_ms = window_end_ms(receipt.received_ms, job.dispute_ms)
        delivery = action.kind is AttestationKind.DELIVERY
        again = receipt.delivery_attested if delivery else receipt.rerun_attested
        require(Invariant.ONE_ENDING, "attestation (J3)", not again, "the first of its kind", cause)
        if not delivery:
            receipt = replace(receipt, rerun_attested=True)
        elif job.state is C:
            receipt = replace(receipt, delivery_attested=True, due_ms=window_ms)
        else:
            receipt = replace(receipt, delivery_attested=True)
        self.touched[action.job_id] = replace(job, receipt=receipt)
        told = ((job.coordinator,), (0,))
        record = Outcome(
            OutcomeKind.RECEIPT_ATTESTED, cause, action.job_id, int(action.kind), *told
        )
        over = job.dispute_ms == 0 or self._setting.now_ms >= moved_ms(
            window_ms, self._setting.halt
        )
        if delivery and job.state is C and over:
            return [record, self._pay(cause, action.job_id)]
        return [record]

    def _dispute(
        self, cause: Hash, opener: Address, job: Job, action: DisputeReceipt
    ) -> list[Outcome]:
        due_ms = window_end_ms(self._setting.now_ms, job.resolve_ms)
        dispute = DisputeRecord(opener, action.bond, due_ms)
        self.touched[action.job_id] = replace(job, state=D, dispute=dispute)
        kind, told = OutcomeKind.RECEIPT_DISPUTED, ((opener,), (action.bond,))
        return [Outcome(kind, cause, action.job_id, int(action.reason), *told)]

    def _pay(self, cause: bytes, job_id: Hash, *, ruled: bool = False) -> Outcome:
        job = self._live(job_id)
        assert job.assignment is not None
        parties = (job.assignment.miner, job.coordinator, job.client)
        shares = shares_of(job, ruled=ruled)
        told = Outcome(OutcomeKind.JOB_SETTLED, cause, job_id, int(ruled), parties, shares)
        return self._end(job, told)

    def _refund(self, kind: OutcomeKind, cause: bytes, job_id: Hash, code: int) -> Outcome:
        job = self._live(job_id)
        return self._end(job, Outcome(kind, cause, job_id, code, (job.client,), (worth(job),)))

    def _cancel(self, cause: Hash, job: Job, action: CancelJob) -> Outcome:
        kind, job_id = OutcomeKind.JOB_CANCELLED, action.job_id
        if job.assignment is None:
            return self._refund(kind, cause, job_id, 0)
        owed = owed_on_cancel(job, self._setting.now_ms, self._setting.halt)
        limit = action.compensation_max
        require(Invariant.ONE_ENDING, "compensation (J6)", owed <= limit, f"≤ {limit}", owed)
        parties, amounts = (job.assignment.miner, job.client), (owed, job.max_price - owed)
        return self._end(job, Outcome(kind, cause, job_id, 0, parties, amounts))

    def _end(self, job: Job, told: Outcome) -> Outcome:
        self.touched[told.object_id] = None
        self._locked[told.object_id] = worth(job)
        return told

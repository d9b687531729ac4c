"""What outcome records mean for the rows of jobs, receipts and miners.

Each kind of outcome has one function in `_STEPS`; a test asserts that no kind is without. The
blocks have been executed by the rules already: what they refer to exists.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ledger.actions import (
    AcceptOffer,
    Action,
    AssignJob,
    AttestationKind,
    PostReceipt,
    Reason,
    RegisterMiner,
    ReleaseJob,
    SubmitJob,
    UpdateMiner,
)
from ledger.codec import Codec, encode
from ledger.outcomes import JOB_ENDS, Outcome, OutcomeKind
from ledger.params import TRANSACTION_BYTES_MAX
from ledger.store.columns import id_prefix
from ledger.store.entries import JobEntry, MinerEntry, ReceiptEntry
from ledger.store.tally import Tally
from ledger.store.work_models import (
    JobPhase,
    Payment,
)
from ledger.types import Address, Hash, Height, TimestampMs

_TERMS: Final = Codec(SubmitJob, TRANSACTION_BYTES_MAX)


@dataclass(frozen=True, slots=True)
class Event:
    """An outcome with what surrounds it."""

    outcome: Outcome
    """The record."""
    height: Height
    """Height of its block."""
    timestamp_ms: TimestampMs
    """Time of its block."""
    position: int
    """Position of the transaction that caused it; that of the outcome for automatic work."""
    sender: Address
    """Who signed that transaction; empty for automatic work."""
    action: Action | None
    """What it did; None for automatic work."""


@dataclass(frozen=True, slots=True)
class History:
    """The entries that a batch of blocks concerns; all that it touches is written back."""

    jobs: dict[Hash, JobEntry]
    """Jobs by id."""
    receipts: dict[int, ReceiptEntry]
    """Receipts by position."""
    miners: dict[Address, MinerEntry]
    """Miners by address."""
    tally: Tally
    """Counters."""
    starts_late: bool = False
    """Whether the index lacks the chain's first blocks: what began in them is passed over."""

    def follow(self, event: Event) -> None:
        """Change the entries as an outcome says."""
        if not (self.starts_late and self._began_earlier(event)):
            _STEPS[event.outcome.kind](self, event)

    def _began_earlier(self, event: Event) -> bool:
        """Return whether an outcome is about a job or a miner that the index does not know."""
        kind, job = event.outcome.kind, self.jobs.get(event.outcome.object_id)
        if kind in _OF_ATTEMPTS:
            return job is None or event.outcome.parties[0] not in self.miners
        if kind in _OF_RECEIPTS:
            return job is None or job.receipt_position is None
        if kind in JOB_ENDS:
            return job is None
        return kind in _OF_MINERS and event.sender not in self.miners

    def job_locked(self, event: Event) -> None:
        """A job begins."""
        job_id, terms = event.outcome.object_id, event.action
        assert isinstance(terms, SubmitJob)
        self.jobs[job_id] = JobEntry(
            position=event.position,
            id_prefix=id_prefix(job_id),
            job_id=job_id,
            client=event.sender,
            terms=encode(terms),
            submitted_ms=event.timestamp_ms,
        )
        self.tally.add("jobs")
        self.tally.add("locked", terms.max_price)
        self.tally.move_phase(None, JobPhase.QUEUED)

    def job_assigned(self, event: Event) -> None:
        """An attempt begins; the one before it, if it was still running, is lost."""
        job = self.jobs[event.outcome.object_id]
        self._lose_attempt(job, timed_out=True)
        if not job.attempt:
            self.tally.add("assigned")
            self.tally.add("wait_ms", event.timestamp_ms - job.submitted_ms)
        (job.miner,), (job.price_cap,) = event.outcome.parties, event.outcome.amounts
        job.attempt = event.outcome.code
        action = event.action
        if isinstance(action, AcceptOffer):
            # The lease of a job that was taken from an offer lasts until its deadline (J25).
            job.lease_end_ms = _TERMS.decode(job.terms).deadline_ms
        else:
            job.lease_end_ms = action.lease_end_ms if isinstance(action, AssignJob) else None
        job.assigned_height, job.assigned_ms = event.height, event.timestamp_ms
        self._enter(job, JobPhase.RUNNING)
        self.miners[job.miner].assignments += 1
        self.tally.add_work(job.miner, "attempts")

    def job_released(self, event: Event) -> None:
        """An attempt ends without a receipt."""
        job = self.jobs[event.outcome.object_id]
        self._enter(job, JobPhase.QUEUED)
        (address,) = event.outcome.parties
        miner = self.miners[address]
        miner.released += 1
        reason = event.action.reason if isinstance(event.action, ReleaseJob) else Reason.UNSPECIFIED
        miner.timeouts += reason in _TIMEOUTS
        self.tally.add_reason(event.outcome.kind, reason)
        if reason not in BLAMELESS:
            self.tally.add_work(address, "faults")

    def receipt_posted(self, event: Event) -> None:
        """A receipt is in."""
        content = event.action
        assert isinstance(content, PostReceipt)
        miner = self.miners[event.sender]
        self.receipts[event.position] = ReceiptEntry(
            position=event.position,
            id_prefix=id_prefix(event.outcome.cause),
            receipt_id=event.outcome.cause,
            timestamp_ms=event.timestamp_ms,
            client=content.client,
            miner=event.sender,
            miner_name=miner.name,
            custody=miner.custody,
            content=encode(content),
        )
        job = self.jobs[event.outcome.object_id]
        job.receipt_position, job.receipt_id = event.position, event.outcome.cause
        job.received_ms = event.timestamp_ms
        self._enter(job, JobPhase.COMPLETED)
        miner.receipts += 1
        self.tally.add_work(event.sender, "completed")
        assert job.assigned_ms is not None, "a receipt is of an attempt"
        self.tally.add("worked_ms", event.timestamp_ms - job.assigned_ms)
        self.tally.add("receipts")

    def receipt_attested(self, event: Event) -> None:
        """The coordinator vouched for a receipt."""
        receipt = self._receipt_of(self.jobs[event.outcome.object_id])
        assert receipt is not None
        cause = event.outcome.cause
        if event.outcome.code == AttestationKind.DELIVERY:
            receipt.delivery_height, receipt.delivery_ms = event.height, event.timestamp_ms
            receipt.delivery_id = cause
        else:
            receipt.rerun_height, receipt.rerun_ms = event.height, event.timestamp_ms
            receipt.rerun_id = cause
            self.miners[receipt.miner].reruns += 1

    def receipt_disputed(self, event: Event) -> None:
        """Settlement is frozen; a client's bond is locked beside the escrow."""
        job = self.jobs[event.outcome.object_id]
        (job.disputed_by,), (job.dispute_bond,) = event.outcome.parties, event.outcome.amounts
        job.disputed_height, job.disputed_ms = event.height, event.timestamp_ms
        job.dispute_reason = event.outcome.code
        self.tally.add("locked", job.dispute_bond)
        receipt = self._receipt_of(job)
        assert receipt is not None
        job.payment = receipt.payment = Payment.DISPUTED

    def job_settled(self, event: Event) -> None:
        """A receipt is paid."""
        miner, coordinator, client = event.outcome.amounts
        paid = (miner, coordinator, client)
        job = self._end(event, Payment.RELEASED, JobPhase.COMPLETED, paid)
        assert job.miner is not None or self.starts_late
        if job.miner is not None:
            self.miners[job.miner].settled += 1
            self.tally.add_work(job.miner, "settled")

    def job_refunded(self, event: Event) -> None:
        """A dispute ended against the miner."""
        paid = (0, 0, event.outcome.amounts[-1])
        job = self._end(event, Payment.REFUNDED, JobPhase.COMPLETED, paid)
        self.tally.add_reason(event.outcome.kind, 0)
        if job.miner is not None:
            self.miners[job.miner].refuted += 1
            self.tally.add_work(job.miner, "refuted")

    def job_failed(self, event: Event) -> None:
        """The coordinator gave the job up."""
        self._lose_attempt(self.jobs[event.outcome.object_id])
        self._end(event, Payment.REFUNDED, JobPhase.FAILED, (0, 0, event.outcome.amounts[-1]))
        self.tally.add_reason(event.outcome.kind, event.outcome.code)

    def job_cancelled(self, event: Event) -> None:
        """The client ended it; a running miner is compensated."""
        *compensation, client = event.outcome.amounts
        self._end(event, Payment.REFUNDED, JobPhase.CANCELLED, (sum(compensation), 0, client))
        self.tally.add_reason(event.outcome.kind, 0)

    def job_expired(self, event: Event) -> None:
        """The clock ended it."""
        self._lose_attempt(self.jobs[event.outcome.object_id], timed_out=True)
        self._end(event, Payment.REFUNDED, JobPhase.EXPIRED, (0, 0, event.outcome.amounts[-1]))
        self.tally.add_reason(event.outcome.kind, 0)

    def miner_registered(self, event: Event) -> None:
        """A miner enters, or enters again with the record that it left."""
        action = event.action
        assert isinstance(action, RegisterMiner)
        known = self.miners.get(event.sender)
        entry = MinerEntry(
            miner=event.sender,
            position=event.position,
            name=action.name,
            name_key=action.name.lower(),
            active=1,
            capabilities_digest=action.capabilities_digest,
            price_floor=action.price_floor,
            bond=action.bond,
            custody=action.custody,
            registered_ms=event.timestamp_ms,
        )
        if known is not None:
            entry.assignments, entry.receipts = known.assignments, known.receipts
            entry.settled, entry.released = known.settled, known.released
            entry.lost, entry.earned = known.lost, known.earned
            entry.timeouts, entry.refuted = known.timeouts, known.refuted
            entry.reruns = known.reruns
        self.miners[event.sender] = entry
        self.tally.add("miners")

    def miner_updated(self, event: Event) -> None:
        """A miner offers something else."""
        action = event.action
        assert isinstance(action, UpdateMiner)
        miner = self.miners[event.sender]
        miner.capabilities_digest = action.capabilities_digest
        miner.price_floor = action.price_floor

    def miner_retired(self, event: Event) -> None:
        """A miner leaves; its row stays."""
        miner = self.miners[event.sender]
        miner.active = 0
        miner.retired_height, miner.retired_ms = event.height, event.timestamp_ms
        self.tally.add("miners", -1)

    def bond_returned(self, event: Event) -> None:
        """A bond is back with its owner; the account's activity shows it."""

    def units_issued(self, event: Event) -> None:
        """An account got new units; its activity shows it."""

    def offered(self, event: Event) -> None:
        """An offer came, lost a slot or left; activity and outcomes show it."""

    def governed(self, event: Event) -> None:
        """Authorities decided: `ballot_history` keeps those rows, not these."""

    def _receipt_of(self, job: JobEntry) -> ReceiptEntry | None:
        return None if job.receipt_position is None else self.receipts[job.receipt_position]

    def _enter(self, job: JobEntry, phase: JobPhase) -> None:
        self.tally.move_phase(job.phase, phase)
        job.phase = phase

    def _lose_attempt(self, job: JobEntry, *, timed_out: bool = False) -> None:
        """Count a running attempt against its miner."""
        if job.phase == JobPhase.RUNNING:
            assert job.miner is not None
            miner = self.miners[job.miner]
            miner.lost += 1
            miner.timeouts += timed_out
            self.tally.add_work(job.miner, "faults")

    def _end(
        self,
        event: Event,
        payment: Payment,
        phase: JobPhase,
        paid: tuple[int, int, int],
    ) -> JobEntry:
        """Close a job and its receipt with what miner, coordinator and client got."""
        miner, coordinator, client = paid
        job = self.jobs[event.outcome.object_id]
        self._enter(job, phase)
        job.payment = payment
        job.ended_height, job.ended_ms = event.height, event.timestamp_ms
        job.end_kind, job.end_code = event.outcome.kind, event.outcome.code
        job.paid_miner, job.paid_coordinator, job.paid_client = miner, coordinator, client
        if miner and job.miner is not None:
            self.miners[job.miner].earned += miner
            self.tally.add("earned", miner)
            self.tally.add_work(job.miner, "earned", miner)
        receipt = self._receipt_of(job)
        if receipt is not None:
            receipt.payment = payment
            receipt.settled_height, receipt.settled_ms = event.height, event.timestamp_ms
            receipt.paid_miner, receipt.paid_coordinator = miner, coordinator
            receipt.paid_client = client
        settled = event.outcome.kind is OutcomeKind.JOB_SETTLED
        self.tally.end_job(settled=settled, paid=miner + coordinator, refunded=client)
        return job


BLAMELESS: Final = frozenset(
    {Reason.BAD_INPUT, Reason.MINER_DRAINING, Reason.NO_PAYLOAD, Reason.NO_SOURCE}
)
"""Reasons of a release that are not the miner's fault; see docs/reputation.md."""

_TIMEOUTS: Final = frozenset({Reason.LEASE_EXPIRED, Reason.HEARTBEAT_MISSED})
"""Reasons of a release that say that the miner was not heard from in time."""

_OF_ATTEMPTS: Final = frozenset(
    {OutcomeKind.JOB_ASSIGNED, OutcomeKind.JOB_RELEASED, OutcomeKind.RECEIPT_POSTED}
)
"""Kinds whose first party is the miner of an attempt."""

_OF_RECEIPTS: Final = frozenset({OutcomeKind.RECEIPT_ATTESTED, OutcomeKind.RECEIPT_DISPUTED})
"""Kinds that are about a receipt that is in."""

_OF_MINERS: Final = frozenset({OutcomeKind.MINER_UPDATED, OutcomeKind.MINER_RETIRED})
"""Kinds that change a miner; `MINER_REGISTERED` begins one."""

_STEPS: Final[dict[OutcomeKind, Callable[[History, Event], None]]] = {
    OutcomeKind.JOB_LOCKED: History.job_locked,
    OutcomeKind.JOB_ASSIGNED: History.job_assigned,
    OutcomeKind.JOB_RELEASED: History.job_released,
    OutcomeKind.RECEIPT_POSTED: History.receipt_posted,
    OutcomeKind.RECEIPT_ATTESTED: History.receipt_attested,
    OutcomeKind.RECEIPT_DISPUTED: History.receipt_disputed,
    OutcomeKind.JOB_SETTLED: History.job_settled,
    OutcomeKind.JOB_REFUNDED: History.job_refunded,
    OutcomeKind.JOB_FAILED: History.job_failed,
    OutcomeKind.JOB_CANCELLED: History.job_cancelled,
    OutcomeKind.JOB_EXPIRED: History.job_expired,
    OutcomeKind.MINER_REGISTERED: History.miner_registered,
    OutcomeKind.MINER_UPDATED: History.miner_updated,
    OutcomeKind.MINER_RETIRED: History.miner_retired,
    OutcomeKind.BOND_RETURNED: History.bond_returned,
    OutcomeKind.UNITS_ISSUED: History.units_issued,
    OutcomeKind.OFFER_POSTED: History.offered,
    OutcomeKind.OFFER_ACCEPTED: History.offered,
    OutcomeKind.OFFER_WITHDRAWN: History.offered,
    OutcomeKind.OFFER_EXPIRED: History.offered,
    OutcomeKind.BALLOT_OPENED: History.governed,
    OutcomeKind.BALLOT_VOTED: History.governed,
    OutcomeKind.BALLOT_PASSED: History.governed,
    OutcomeKind.BALLOT_EXPIRED: History.governed,
    OutcomeKind.VALIDATOR_ADDED: History.governed,
    OutcomeKind.VALIDATOR_REMOVED: History.governed,
    OutcomeKind.VALIDATOR_ACCUSED: History.governed,
    OutcomeKind.COORDINATOR_ADDED: History.governed,
    OutcomeKind.COORDINATOR_REMOVED: History.governed,
    OutcomeKind.PARAMETER_CHANGED: History.governed,
}

"""What a final block does to the coordinator's tables.

Every change of a chain-derived column is made here and nowhere else, from outcome records and the
transactions that caused them. It is a function of the block and the tables, so replaying the chain
into emptied columns gives the same again (K2).
"""

from collections.abc import Callable, Mapping
from typing import ClassVar, Final, TypeVar

from sqlalchemy import Connection

from coordinator.database.prepared import Value
from coordinator.database.tables import attestations, jobs, receipts
from coordinator.events.changes import JobChanges
from coordinator.follower.attempts import (
    begin_attempt,
    end_attempts,
    forget_attempts,
    void_attempts,
)
from coordinator.follower.ends import end_of
from coordinator.follower.sheet import JobRow, Sheet
from coordinator.jobs.model import JobPhase
from coordinator.jobs.spends import count_ends
from coordinator.jobs.store import fail_unescrowed, insert_foreign_job
from coordinator.leases.phase import AttemptPhase
from coordinator.marketplace.effects import OFFER_KINDS, follow_offer, lose_acceptances
from coordinator.marketplace.store import delete_offer
from coordinator.miners.store import change, find_by_address
from coordinator.outbox import OutboxState, Outgoing, store
from coordinator.ports import FinalBlock
from coordinator.stats.tally import WorkTally
from ledger.actions import (
    Action,
    AssignJob,
    PostReceipt,
    Reason,
    RegisterMiner,
    ReleaseJob,
    SubmitJob,
    UnitType,
    UpdateMiner,
)
from ledger.codec import encode
from ledger.hashing import sha256
from ledger.outcomes import JOB_ENDS, Outcome, OutcomeKind
from ledger.transaction import SignedTransaction
from ledger.types import Address, Hash, TimestampMs

ActionT = TypeVar("ActionT")

_OF_JOBS: Final = frozenset(
    {
        OutcomeKind.JOB_LOCKED,
        OutcomeKind.JOB_ASSIGNED,
        OutcomeKind.JOB_RELEASED,
        OutcomeKind.RECEIPT_POSTED,
        OutcomeKind.RECEIPT_ATTESTED,
        OutcomeKind.RECEIPT_DISPUTED,
        *JOB_ENDS,
    }
)
"""Kinds whose object is a job."""

_ESCROW_POOR: Final = "The balance did not cover price and fee"
_ESCROW_LOST: Final = "The chain did not include the escrow in time"


class BlockEffects:
    """Applies one final block inside one database transaction.

    After `apply`, `changed_jobs` and `fates` say who has to be woken once it is committed.
    """

    def __init__(self, connection: Connection, block: FinalBlock, coordinator: Address) -> None:
        """Prepare to apply `block` for the coordinator of this address."""
        self._connection = connection
        self._block = block
        self._coordinator = coordinator
        self._now_ms = block.header.timestamp_ms
        self._places = {id_: place for place, id_ in enumerate(block.transaction_ids)}
        self._sheet = Sheet(connection)
        self._ended: list[Hash] = []
        self._work = WorkTally(self._now_ms)
        self._changes = JobChanges(connection, self._now_ms)
        self.changed_jobs: set[Hash] = set()
        """Jobs of this coordinator that the block changed."""
        self.fates: dict[Hash, OutboxState] = {}
        """What became of the outbox transactions whose fate the block decided."""

    def apply(self) -> None:
        """Make the changes."""
        final = store.mark_final(self._connection, self._block.transaction_ids)
        self.fates |= dict.fromkeys(final, OutboxState.FINAL)
        self._sheet.read({o.object_id for o in self._block.outcomes if o.kind in _OF_JOBS})
        for job in self._sheet.jobs.values():
            self._work.begin(job.job_id, job.service, job.escrowed_ms, job.miner, _assigned_ms(job))
        self._changes.before(self._sheet.jobs)
        for outcome in self._block.outcomes:
            if outcome.kind in self._MINER_EFFECTS:
                self._MINER_EFFECTS[outcome.kind](self, outcome)
            elif outcome.kind is OutcomeKind.JOB_LOCKED:
                self._lock(outcome)
            elif outcome.kind in OFFER_KINDS:
                follow_offer(self._connection, outcome, self._did(outcome), self._now_ms)
            elif outcome.kind in self._JOB_EFFECTS and outcome.object_id in self._sheet.jobs:
                self._work.follow(outcome, self._did(outcome))
                self._JOB_EFFECTS[outcome.kind](self, self._sheet.jobs[outcome.object_id], outcome)
                self.changed_jobs.add(outcome.object_id)
        self._sheet.save()
        count_ends(self._connection, self._ended)
        self._expire()
        self._work.save(self._connection)
        self._changes.record()

    # ------------------------------------------------------------------------ jobs

    def _lock(self, outcome: Outcome) -> None:
        job_id, terms = outcome.object_id, self._action(outcome, SubmitJob)
        if job_id not in self._sheet.jobs:
            if terms.coordinator != self._coordinator:
                return
            forget_attempts(self._connection, job_id)
            insert_foreign_job(
                self._connection,
                job_id=job_id,
                client=outcome.parties[0],
                terms=terms,
                fee=self._cause(outcome).transaction.fee,
                block_ms=self._now_ms,
            )
            self._sheet.jobs[job_id] = JobRow(
                job_id, terms.service, terms.max_price, terms.deadline_ms
            )
        self._work.locked(job_id, terms.service)
        self._set(job_id, phase=JobPhase.QUEUED.value, escrowed_ms=self._now_ms)
        self.changed_jobs.add(job_id)

    def _assign(self, job: JobRow, outcome: Outcome) -> None:
        action = self._assignment(job, outcome)
        # The coordinator may assign anew, without a release, once a lease ran out.
        end_attempts(self._sheet, job, Reason.LEASE_EXPIRED, self._now_ms)
        self._void(job, action.attempt - 1)
        begin_attempt(self._sheet, job, outcome.cause, action, self._now_ms)
        self._set(
            job.job_id,
            phase=JobPhase.RUNNING.value,
            attempt=action.attempt,
            miner=action.miner,
            open_assignment=None,
        )

    def _assignment(self, job: JobRow, outcome: Outcome) -> AssignJob:
        """Return the terms of an assignment; an accepted offer's are told by the outcome (J25)."""
        action = self._did(outcome)
        if isinstance(action, AssignJob):
            return action
        return AssignJob(
            job_id=job.job_id,
            attempt=outcome.code,
            miner=outcome.parties[0],
            price_cap=outcome.amounts[0],
            unit_type=UnitType.NONE,
            unit_price=0,
            lease_end_ms=job.deadline_ms,
        )

    def _release(self, job: JobRow, outcome: Outcome) -> None:
        action = self._action(outcome, ReleaseJob)
        end_attempts(self._sheet, job, action.reason, self._now_ms)
        self._void(job, action.attempt)
        self._set(job.job_id, phase=JobPhase.QUEUED.value, miner=None)

    def _receive(self, job: JobRow, outcome: Outcome) -> None:
        action = self._action(outcome, PostReceipt)
        self._sheet.add(
            receipts,
            receipt_id=outcome.cause,
            job_id=job.job_id,
            attempt=action.attempt,
            miner=outcome.parties[0],
            client=action.client,
            digest=action.result_digest,
            signed=encode(self._cause(outcome)),
            height=self._block.header.height,
            position=self._places[outcome.cause],
            timestamp_ms=self._now_ms,
            is_disputed=False,
        )
        self._changes.receipt(outcome.cause, job.job_id, outcome.parties[0])
        end_attempts(self._sheet, job, None, self._now_ms)
        self._void(job, action.attempt)
        job.receipt_id = outcome.cause
        self._set(job.job_id, phase=JobPhase.COMPLETED.value, receipt_id=outcome.cause)

    def _attest(self, job: JobRow, outcome: Outcome) -> None:
        self._sheet.add(
            attestations,
            transaction_id=outcome.cause,
            receipt_id=job.receipt_id,
            kind=outcome.code,
            height=self._block.header.height,
            timestamp_ms=self._now_ms,
        )

    def _dispute(self, job: JobRow, _outcome: Outcome) -> None:
        assert job.receipt_id is not None, "what is disputed is there"
        self._sheet.set(receipts.c.receipt_id, job.receipt_id, is_disputed=True)

    def _end(self, job: JobRow, outcome: Outcome) -> None:
        said = job.attempts[-1].release_message if job.attempts else None
        end = end_of(outcome, job.max_price, said or "")
        self._work.paid(job.job_id, end.paid_miner, end.paid_coordinator)
        end_attempts(self._sheet, job, Reason.UNSPECIFIED, self._now_ms)
        void_attempts(self._sheet, job)
        self._void(job, None)
        self._set(
            job.job_id,
            ended_ms=self._now_ms,
            end_kind=outcome.kind.value,
            open_assignment=None,
            **end.columns(),
        )
        self._ended.append(job.job_id)

    # ---------------------------------------------------------------------- miners

    def _declare(self, outcome: Outcome) -> None:
        action = self._cause(outcome).transaction.action
        assert isinstance(action, RegisterMiner | UpdateMiner)
        found = find_by_address(self._connection, outcome.object_id)
        if found is None:
            return
        values: dict[str, object] = {"is_active": True}
        if outcome.kind is OutcomeKind.MINER_REGISTERED:
            values["registered_ms"] = self._now_ms
        if sha256(found.wanted.encode()) == action.capabilities_digest:
            values["document"] = found.wanted
        change(self._connection, outcome.object_id, **values)

    def _retire(self, outcome: Outcome) -> None:
        change(self._connection, outcome.object_id, is_active=False)

    # ----------------------------------------------------------------------- parts

    def _expire(self) -> None:
        """Draw the consequences of bytes that can never be included (J30)."""
        expired = store.mark_expired(self._connection, self._now_ms)
        if not expired:
            return
        of_jobs = {row.job_id for row in expired if row.job_id is not None}
        self._changes.before(of_jobs)
        self.changed_jobs |= of_jobs
        # Read anew: what the block did is in the tables.
        self._sheet.read(of_jobs)
        for row in expired:
            self.fates[row.transaction_id] = OutboxState.EXPIRED
            self._draw(row)
        self._sheet.save()

    def _draw(self, row: Outgoing) -> None:
        if row.action == "post_offer":
            delete_offer(self._connection, row.transaction_id)
        job = None if row.job_id is None else self._sheet.jobs.get(row.job_id)
        if job is None:
            return
        if row.action == "submit_job":
            poor = row.code == "INSUFFICIENT_BALANCE"
            fail_unescrowed(
                self._connection,
                job.job_id,
                row.code if poor else "ESCROW_NOT_INCLUDED",
                _ESCROW_POOR if poor else _ESCROW_LOST,
            )
        elif row.action in ("assign_job", "accept_offer"):
            lose_acceptances(self._connection, [row.transaction_id])
            void_attempts(self._sheet, job)
            self._set(job.job_id, open_assignment=None)

    def _set(self, job_id: Hash, **values: Value) -> None:
        self._sheet.set(jobs.c.job_id, job_id, **values)

    def _void(self, job: JobRow, attempt: int | None) -> None:
        """Give up what is pending for a job, or for one attempt at it.

        A cancellation belongs to no attempt: it takes the job from whoever has it (J6), and is
        given up with the job alone.
        """
        gone = [
            row
            for row in job.pending
            if attempt is None or (row.attempt == attempt and row.action != "cancel_job")
        ]
        for row in gone:
            job.pending.remove(row)
            self._sheet.void(row.transaction_id)
            self.fates[row.transaction_id] = OutboxState.VOID
        offers = [row.transaction_id for row in gone if row.action == "accept_offer"]
        lose_acceptances(self._connection, offers)

    def _cause(self, outcome: Outcome) -> SignedTransaction:
        return self._block.transactions[self._places[outcome.cause]]

    def _did(self, outcome: Outcome) -> Action | None:
        """Return what caused an outcome; None for automatic work."""
        return self._cause(outcome).transaction.action if outcome.cause else None

    def _action(self, outcome: Outcome, kind: type[ActionT]) -> ActionT:
        action = self._cause(outcome).transaction.action
        assert isinstance(action, kind)
        return action

    _JOB_EFFECTS: ClassVar[Mapping[OutcomeKind, "_JobEffect"]] = {
        OutcomeKind.JOB_ASSIGNED: _assign,
        OutcomeKind.JOB_RELEASED: _release,
        OutcomeKind.RECEIPT_POSTED: _receive,
        OutcomeKind.RECEIPT_ATTESTED: _attest,
        OutcomeKind.RECEIPT_DISPUTED: _dispute,
        **dict.fromkeys(JOB_ENDS, _end),
    }

    _MINER_EFFECTS: ClassVar[Mapping[OutcomeKind, "_Effect"]] = {
        OutcomeKind.MINER_REGISTERED: _declare,
        OutcomeKind.MINER_UPDATED: _declare,
        OutcomeKind.MINER_RETIRED: _retire,
    }


_Effect = Callable[[BlockEffects, Outcome], None]
_JobEffect = Callable[[BlockEffects, JobRow, Outcome], None]


def _assigned_ms(job: JobRow) -> TimestampMs | None:
    """Return when the live attempt of a job began; None without one."""
    return next((live.assigned_ms for live in job.in_phase(AttemptPhase.LIVE)), None)

"""What a final block does to the coordinator's tables.

Every change of a chain-derived column is made here and nowhere else, from outcome records and the
transactions that caused them. It is a function of the block and the tables, so replaying the chain
into emptied columns gives the same again (K2).
"""

from collections.abc import Callable, Mapping
from typing import ClassVar, Final, TypeVar

from sqlalchemy import Connection, insert, select, update

from coordinator.database.tables import attempts, attestations, jobs, miners, receipts
from coordinator.events.changes import JobChanges
from coordinator.follower.attempts import begin_attempt, end_attempts, void_attempts
from coordinator.follower.ends import end_of
from coordinator.jobs.model import JobPhase
from coordinator.jobs.spends import count_end
from coordinator.jobs.store import fail_unescrowed, insert_foreign_job
from coordinator.marketplace.effects import OFFER_KINDS, follow_offer, lose_acceptances
from coordinator.marketplace.store import delete_offer
from coordinator.outbox import Outgoing, store
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
from ledger.types import Address, Hash

ActionT = TypeVar("ActionT")

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
        self._known: set[Hash] = set()
        self._work = WorkTally(self._now_ms)
        self._changes = JobChanges(connection, self._now_ms)
        self.changed_jobs: set[Hash] = set()
        """Jobs of this coordinator that the block changed."""
        self.fates: set[Hash] = set()
        """Outbox transactions whose fate the block decided."""

    def apply(self) -> None:
        """Make the changes."""
        self._known = self._known_jobs()
        self._work.begin(connection=self._connection, job_ids=self._known)
        self._changes.before(self._known)
        for row in store.mark_final(self._connection, self._block.transaction_ids):
            self.fates.add(row.transaction_id)
        for outcome in self._block.outcomes:
            if outcome.kind in self._MINER_EFFECTS:
                self._MINER_EFFECTS[outcome.kind](self, outcome)
            elif outcome.kind is OutcomeKind.JOB_LOCKED:
                self._lock(outcome)
            elif outcome.kind in OFFER_KINDS:
                follow_offer(self._connection, outcome, self._did(outcome), self._now_ms)
            elif outcome.object_id in self._known and outcome.kind in self._JOB_EFFECTS:
                self._work.follow(outcome, self._did(outcome))
                self._JOB_EFFECTS[outcome.kind](self, outcome)
                self.changed_jobs.add(outcome.object_id)
        for expired in store.mark_expired(self._connection, self._now_ms):
            self._expire(expired)
        self._work.save(self._connection)
        self._changes.record()

    # ------------------------------------------------------------------------ jobs

    def _lock(self, outcome: Outcome) -> None:
        job_id = outcome.object_id
        if job_id not in self._known:
            terms = self._action(outcome, SubmitJob)
            if terms.coordinator != self._coordinator:
                return
            insert_foreign_job(
                self._connection,
                job_id=job_id,
                client=outcome.parties[0],
                terms=terms,
                fee=self._cause(outcome).transaction.fee,
                block_ms=self._now_ms,
            )
            self._known.add(job_id)
        self._work.locked(job_id, self._action(outcome, SubmitJob).service)
        self._set(job_id, phase=JobPhase.QUEUED.value, escrowed_ms=self._now_ms)
        self.changed_jobs.add(job_id)

    def _assign(self, outcome: Outcome) -> None:
        action, job_id = self._assignment(outcome), outcome.object_id
        # The coordinator may assign anew, without a release, once a lease ran out.
        end_attempts(self._connection, job_id, Reason.LEASE_EXPIRED, self._now_ms)
        self._void(job_id, action.attempt - 1)
        begin_attempt(self._connection, outcome.cause, action, self._now_ms)
        self._set(
            job_id,
            phase=JobPhase.RUNNING.value,
            attempt=action.attempt,
            miner=action.miner,
            open_assignment=None,
        )

    def _assignment(self, outcome: Outcome) -> AssignJob:
        """Return the terms of an assignment; an accepted offer's are told by the outcome (J25)."""
        action = self._did(outcome)
        if isinstance(action, AssignJob):
            return action
        of_job = select(jobs.c.deadline_ms).where(jobs.c.job_id == outcome.object_id)
        return AssignJob(
            job_id=outcome.object_id,
            attempt=outcome.code,
            miner=outcome.parties[0],
            price_cap=outcome.amounts[0],
            unit_type=UnitType.NONE,
            unit_price=0,
            lease_end_ms=self._connection.execute(of_job).scalar_one(),
        )

    def _release(self, outcome: Outcome) -> None:
        action, job_id = self._action(outcome, ReleaseJob), outcome.object_id
        end_attempts(self._connection, job_id, action.reason, self._now_ms)
        self._void(job_id, action.attempt)
        self._set(job_id, phase=JobPhase.QUEUED.value, miner=None)

    def _receive(self, outcome: Outcome) -> None:
        action, job_id = self._action(outcome, PostReceipt), outcome.object_id
        self._connection.execute(
            insert(receipts).values(
                receipt_id=outcome.cause,
                job_id=job_id,
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
        )
        self._changes.receipt(outcome.cause, job_id, outcome.parties[0])
        end_attempts(self._connection, job_id, None, self._now_ms)
        self._void(job_id, action.attempt)
        self._set(job_id, phase=JobPhase.COMPLETED.value, receipt_id=outcome.cause)

    def _attest(self, outcome: Outcome) -> None:
        of_job = select(jobs.c.receipt_id).where(jobs.c.job_id == outcome.object_id)
        self._connection.execute(
            insert(attestations).values(
                transaction_id=outcome.cause,
                receipt_id=self._connection.execute(of_job).scalar_one(),
                kind=outcome.code,
                height=self._block.header.height,
                timestamp_ms=self._now_ms,
            )
        )

    def _dispute(self, outcome: Outcome) -> None:
        row = receipts.c.job_id == outcome.object_id
        self._connection.execute(update(receipts).where(row).values(is_disputed=True))

    def _end(self, outcome: Outcome) -> None:
        job_id = outcome.object_id
        of_job = select(jobs.c.max_price).where(jobs.c.job_id == job_id)
        locked = self._connection.execute(of_job).scalar_one()
        end = end_of(outcome, locked, self._miner_message(job_id))
        self._work.paid(job_id, end.paid_miner, end.paid_coordinator)
        end_attempts(self._connection, job_id, Reason.UNSPECIFIED, self._now_ms)
        void_attempts(self._connection, job_id)
        self._void(job_id, None)
        self._set(
            job_id,
            ended_ms=self._now_ms,
            end_kind=outcome.kind.value,
            open_assignment=None,
            **end.columns(),
        )
        count_end(self._connection, job_id)

    # ---------------------------------------------------------------------- miners

    def _declare(self, outcome: Outcome) -> None:
        action = self._cause(outcome).transaction.action
        assert isinstance(action, RegisterMiner | UpdateMiner)
        row = miners.c.address == outcome.object_id
        found = self._connection.execute(select(miners).where(row)).one_or_none()
        if found is None:
            return
        values: dict[str, object] = {"is_active": True}
        if outcome.kind is OutcomeKind.MINER_REGISTERED:
            values["registered_ms"] = self._now_ms
        if sha256(found.wanted.encode()) == action.capabilities_digest:
            values["document"] = found.wanted
        self._connection.execute(update(miners).where(row).values(**values))

    def _retire(self, outcome: Outcome) -> None:
        row = miners.c.address == outcome.object_id
        self._connection.execute(update(miners).where(row).values(is_active=False))

    # ----------------------------------------------------------------------- parts

    def _expire(self, row: Outgoing) -> None:
        """Draw the consequences of bytes that can never be included (J30)."""
        self.fates.add(row.transaction_id)
        if row.action == "post_offer":
            delete_offer(self._connection, row.transaction_id)
        if row.job_id is None:
            return
        self._changes.before([row.job_id])
        self.changed_jobs.add(row.job_id)
        if row.action == "submit_job":
            poor = row.code == "INSUFFICIENT_BALANCE"
            fail_unescrowed(
                self._connection,
                row.job_id,
                row.code if poor else "ESCROW_NOT_INCLUDED",
                _ESCROW_POOR if poor else _ESCROW_LOST,
            )
        elif row.action in ("assign_job", "accept_offer"):
            lose_acceptances(self._connection, [row.transaction_id])
            void_attempts(self._connection, row.job_id)
            self._set(row.job_id, open_assignment=None)

    def _known_jobs(self) -> set[Hash]:
        """Return which of the jobs in the block's outcomes are in the table."""
        ids = {o.object_id for o in self._block.outcomes if o.kind not in self._MINER_EFFECTS}
        if not ids:
            return set()
        query = select(jobs.c.job_id).where(jobs.c.job_id.in_(ids))
        return set(self._connection.execute(query).scalars())

    def _set(self, job_id: Hash, **values: object) -> None:
        self._connection.execute(update(jobs).where(jobs.c.job_id == job_id).values(**values))

    def _void(self, job_id: Hash, attempt: int | None) -> None:
        voided = store.mark_void(self._connection, job_id, attempt)
        lose_acceptances(self._connection, voided)
        self.fates.update(voided)

    def _cause(self, outcome: Outcome) -> SignedTransaction:
        return self._block.transactions[self._places[outcome.cause]]

    def _did(self, outcome: Outcome) -> Action | None:
        """Return what caused an outcome; None for automatic work."""
        return self._cause(outcome).transaction.action if outcome.cause else None

    def _action(self, outcome: Outcome, kind: type[ActionT]) -> ActionT:
        action = self._cause(outcome).transaction.action
        assert isinstance(action, kind)
        return action

    def _miner_message(self, job_id: Hash) -> str:
        query = (
            select(attempts.c.release_message)
            .where(attempts.c.job_id == job_id)
            .order_by(attempts.c.attempt.desc())
            .limit(1)
        )
        return self._connection.execute(query).scalar_one_or_none() or ""

    _JOB_EFFECTS: ClassVar[Mapping[OutcomeKind, "_Effect"]] = {
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

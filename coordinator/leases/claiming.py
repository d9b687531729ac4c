"""Claiming a job: checks, signed assignment, final, then the input (J9)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from coordinator.core import Core
from coordinator.database.listed import Listed
from coordinator.database.tables import attempts, payloads
from coordinator.database.together import ReadTogether
from coordinator.errors import (
    JobAlreadyClaimed,
    JobNotClaimable,
    JobNotForMiner,
    JobNotFound,
    LeaseLost,
    MinerBusy,
    Unavailable,
)
from coordinator.jobs.model import JobPhase, JobView
from coordinator.jobs.views import SHOWN, AnyRow, JobViews
from coordinator.leases import store
from coordinator.leases.errors import MinerDraining
from coordinator.leases.matching import Needs, exclusion_of, price_cap_of
from coordinator.leases.model import Lease, Terms
from coordinator.leases.phase import AttemptPhase
from coordinator.leases.queue import find_wanted, note_served
from coordinator.leases.store import CallingMiner
from coordinator.marketplace.store import note_fetched
from coordinator.moment import Moment
from coordinator.outbox import OutboxState
from coordinator.outbox import store as outbox
from coordinator.ports import SubmitOutcome, TransactionStatus
from ledger.actions import AssignJob, UnitType
from ledger.records import Job, JobState, Miner
from ledger.types import Hash, TimestampMs

# What the view of the job is made of, and what the lease adds to it. A live attempt is its job's
# last one, which is the one that the view shows.
_HELD: Final = Listed(
    lambda assignment_ids: SHOWN.add_columns(
        payloads.c.blind,
        attempts.c.has_heartbeats,
        attempts.c.price_cap,
        attempts.c.unit_type,
        attempts.c.unit_price,
        attempts.c.lease_end_ms,
    ).where(
        attempts.c.assignment_id.in_(assignment_ids),
        attempts.c.phase == AttemptPhase.LIVE.value,
    )
)

_Held = tuple[AnyRow, JobView]
"""What `_HELD` found of an assignment, and the view of its job."""


@dataclass(frozen=True, slots=True)
class _Claim:
    """One call."""

    miner: CallingMiner
    job_id: Hash
    has_heartbeats: bool
    live: Job | None
    """The job in the final state, which decides (K1)."""
    registered: Miner | None
    """The miner in the final state."""
    moment: Moment


class Claiming:
    """Gives jobs to miners."""

    def __init__(self, core: Core, views: JobViews, tell_assigned: Callable[[Hash], None]) -> None:
        """Stand on the core; `tell_assigned` learns which jobs are no longer in the queue."""
        self._core = core
        self._views = views
        self._tell_assigned = tell_assigned
        self._timings = core.config.timings
        self._held = ReadTogether(core.database, self._find_held)

    async def claim(self, miner: CallingMiner, job_id: Hash, *, has_heartbeats: bool) -> Lease:
        """Assign a job; answer when that is final. See `LeaseService.claim`."""
        core = self._core
        # The final state and the tables shall speak of the same block.
        await core.follower.catch_up()
        claim = _Claim(
            miner=miner,
            job_id=job_id,
            has_heartbeats=has_heartbeats,
            live=core.chain.job(job_id),
            registered=core.chain.miner(miner.address),
            moment=core.moments.now(),
        )
        assignment_id, phase, fresh = await core.database.write(lambda c: self._assign(c, claim))
        if phase is AttemptPhase.LIVE:
            # It is final already: claimed before, or the job's client accepted the miner's offer.
            return await self._hand_out(miner, assignment_id)
        # If the node refuses the bytes at once, nobody else has seen them.
        if phase is None:
            self._tell_assigned(job_id)
        undo = (lambda c: _withdraw(c, assignment_id)) if phase is None else None
        outcome = await core.courier.send(assignment_id, undo, fresh=fresh)
        if undo and outcome.status in (TransactionStatus.REJECTED, TransactionStatus.FULL):
            core.follower.requeued([job_id])
            raise _refusal(outcome)
        state = await core.courier.wait(assignment_id, self._timings.final_wait_s)
        if state is OutboxState.PENDING:
            raise Unavailable("The assignment is not final yet")
        if state is not OutboxState.FINAL:
            raise JobNotClaimable("The job ended while it was being assigned")
        if phase is None and not has_heartbeats:
            # There is nothing to note: it was no offer, and no heartbeat is expected.
            now_ms = core.moments.clock_ms()
            return self._lease(miner, await self._held.of(assignment_id), now_ms)
        return await self._hand_out(miner, assignment_id)

    async def _hand_out(self, miner: CallingMiner, assignment_id: Hash) -> Lease:
        """Return a lease, and note that the miner has the job and that it lives."""
        now_ms = self._core.moments.clock_ms()

        def give(connection: Connection) -> Lease:
            held = self._find_held(connection, [assignment_id]).get(assignment_id)
            lease = self._lease(miner, held, now_ms)
            note_fetched(connection, assignment_id, now_ms)
            if lease.heartbeat_by_ms is not None:
                store.note_heartbeat(connection, assignment_id, lease.heartbeat_by_ms, None)
            return lease

        return await self._core.database.write(give)

    def _assign(
        self, connection: Connection, claim: _Claim
    ) -> tuple[Hash, AttemptPhase | None, bytes | None]:
        """Return the miner's standing assignment and its phase, or sign one.

        That has no phase yet, and comes with its signed bytes.
        """
        now_ms = claim.moment.now_ms
        job = find_wanted(connection, claim.job_id, claim.miner.address, now_ms)
        if job is None:
            raise JobNotFound
        standing = _standing_assignment(connection, job)
        if standing is not None:
            if standing.miner != claim.miner.address:
                raise JobAlreadyClaimed("Another miner has the job")
            if claim.has_heartbeats:
                store.expect_heartbeats(connection, standing.assignment_id)
            return standing.assignment_id, AttemptPhase(standing.phase), None
        self._check(claim, job)
        action = self._terms(claim, job)
        if claim.registered is None or claim.registered.price_floor > action.price_cap:
            raise JobNotForMiner("The miner's registration on the chain excludes the job's price")
        validity_ms = self._timings.assignment_validity_ms
        signed = self._core.signer.sign(
            claim.moment, self._core.config.account_key, action, validity_ms
        )
        heartbeat_by_ms = self._heartbeat_by(now_ms) if claim.has_heartbeats else None
        store.insert_attempt(
            connection,
            signed.transaction_id,
            action,
            heartbeat_by_ms=heartbeat_by_ms,
            now_ms=now_ms,
        )
        note_served(connection, job.client_id)
        intent = f"assign:{claim.job_id.hex()}:{action.attempt}:{signed.transaction_id.hex()}"
        attempt = action.attempt
        outbox.add(connection, intent, signed, now_ms, job_id=claim.job_id, attempt=attempt)
        return signed.transaction_id, None, signed.signed

    def _check(self, claim: _Claim, job: AnyRow) -> None:
        """Check that the miner may have the job.

        Raises:
            JobNotClaimable, JobNotForMiner, MinerBusy, MinerDraining: as they say.
        """
        if job.phase == JobPhase.ACCEPTED:
            raise JobNotClaimable("The job's escrow is not final yet")
        is_queued = claim.live is not None and claim.live.state is JobState.QUEUED
        if not is_queued or not job.is_offered:
            raise JobNotClaimable("The job is not queued any more")
        has_model = self._core.registry.get(job.service).has_model
        exclusion = exclusion_of(Needs.of(job), claim.miner.declared, has_model=has_model)
        if exclusion is not None:
            raise JobNotForMiner(f"The job does not fit this miner: {exclusion.value}")
        if claim.miner.is_draining:
            raise MinerDraining("The miner asked for no further jobs: undrain it first")
        limit = self._timings.leases_per_miner_max
        if job.held >= limit:
            raise MinerBusy(f"The miner holds {limit} jobs: finish some first")

    def _terms(self, claim: _Claim, job: AnyRow) -> AssignJob:
        assert claim.live is not None
        service = self._core.registry.get(job.service)
        own_limit_ms = self._timings.lease_ms if claim.has_heartbeats else service.attempt_s * 1_000
        return AssignJob(
            job_id=claim.job_id,
            attempt=claim.live.attempt + 1,
            miner=claim.miner.address,
            price_cap=price_cap_of(Needs.of(job), claim.miner.declared, service.default_price),
            unit_type=UnitType.NONE,
            unit_price=0,
            lease_end_ms=min(claim.moment.now_ms + own_limit_ms, job.deadline_ms),
        )

    def _find_held(
        self, connection: Connection, assignment_ids: Sequence[Hash]
    ) -> Mapping[Hash, _Held]:
        """Return what leases are made of, for those of some assignments that are live."""
        return {
            row.assignment_id: (row, self._views.show(connection, row))
            for row in _HELD.all(connection, assignment_ids)
        }

    def _lease(self, miner: CallingMiner, found: _Held | None, now_ms: TimestampMs) -> Lease:
        if found is None:
            raise LeaseLost("The attempt ended as soon as it began")
        held, job = found
        if held.payload is None:
            # A stranger made the job and accepted the miner's offer by the chain alone (J31).
            raise JobNotClaimable("The job's input never came to this coordinator")
        # Claiming is a sign of life; the wait for finality shall not be counted as silence.
        heartbeat_by_ms = self._heartbeat_by(now_ms) if held.has_heartbeats else None
        return Lease(
            job=job,
            miner_name=miner.name,
            attempt=held.attempt,
            lease_end_ms=held.lease_end_ms,
            heartbeat_by_ms=heartbeat_by_ms,
            heartbeat_interval_s=self._timings.heartbeat_ms // 1_000 if heartbeat_by_ms else 0,
            payload=held.payload,
            blind=held.blind,
            terms=self._receipt_terms(held),
        )

    def _receipt_terms(self, held: AnyRow) -> Terms:
        return Terms(
            client=held.client,
            coordinator=self._core.config.account_key.address,
            payload_digest=held.payload_digest,
            price_cap=held.price_cap,
            unit_type=UnitType(held.unit_type),
            unit_price=held.unit_price,
            deadline_ms=held.deadline_ms,
        )

    def _heartbeat_by(self, now_ms: TimestampMs) -> TimestampMs:
        return now_ms + self._timings.heartbeat_missed_ms


def _standing_assignment(connection: Connection, job: AnyRow) -> AnyRow | None:
    if job.open_assignment is not None:
        return store.get_attempt(connection, job.open_assignment)
    return store.live_attempt(connection, job.job_id) if job.has_live else None


def _withdraw(connection: Connection, assignment_id: Hash) -> None:
    outbox.forget(connection, assignment_id)
    store.delete_attempt(connection, assignment_id)


def _refusal(outcome: SubmitOutcome) -> Exception:
    if outcome.status is TransactionStatus.FULL:
        return Unavailable("The transaction pool is full", 2)
    return JobNotClaimable(f"The chain refuses the assignment: {outcome.code}")

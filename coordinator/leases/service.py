"""The miner's side of jobs: find, claim, keep, give up, complete."""

from dataclasses import replace
from typing import Final

from sqlalchemy import Connection

from coordinator.clients.model import Principal
from coordinator.core import Core
from coordinator.errors import JobNotFound, LeaseLost
from coordinator.events.texts import Passage
from coordinator.jobs.model import JobView
from coordinator.jobs.store import find_job
from coordinator.jobs.views import JobViews
from coordinator.leases import store
from coordinator.leases.calling import Callers
from coordinator.leases.claiming import Claiming
from coordinator.leases.completion import Completing
from coordinator.leases.finding import Finding
from coordinator.leases.giving_up import GivingUp
from coordinator.leases.model import Completion, GiveUp, HeartbeatReply, Lease, PollReply
from coordinator.leases.phase import AttemptPhase
from coordinator.leases.standing import MinerStandings
from coordinator.miners.presence import Presence
from coordinator.receipts.model import ReceiptView
from coordinator.receipts.service import ReceiptService
from ledger.actions import Custody
from ledger.types import Attempt, Hash

POLL_S_MAX: Final = 30.0
"""Longest wait of a poll."""


class LeaseService:
    """Claims and what follows them.

    Every method takes the miner's name, which must belong to the caller.

    Raises (all methods):
        Forbidden: no scope `miner`, or the miner belongs to another (A3).
        MinerNotFound: no miner of this name.
    """

    def __init__(
        self, core: Core, views: JobViews, receipts: ReceiptService, presence: Presence
    ) -> None:
        """Stand on the core."""
        self._core = core
        self._views = views
        self._receipts = receipts
        self._callers = Callers(core, presence)
        self._finding = Finding(core)
        self.standings = MinerStandings(core, self._callers)
        """How miners stand."""
        self._claiming = Claiming(core, views, self._finding.assigned)
        self._completing = Completing(core)
        self._giving_up = GivingUp(core)

    async def available(self, principal: Principal, miner: str) -> JobView | None:
        """Return a job that the miner may claim, None if nothing fits; assigns nothing (M2).

        The input is there for managed miners; for others `spec.input` and `spec.params` are empty.
        """
        caller = await self._callers.calling(principal, miner)
        offer = await self._finding.next_for(caller)
        if offer is None:
            return None
        job = await self._core.database.read(lambda c: self._job(c, offer.job_id))
        if caller.custody is not Custody.OWN:
            return job
        # Its input comes with the claim, after the assignment is final (J9).
        return replace(job, spec=replace(job.spec, input={}, params={}))

    async def poll(self, principal: Principal, miner: str, wait_s: float) -> PollReply:
        """Wait up to `wait_s` (at most 30) for a job that the miner may claim; assigns nothing."""
        caller = await self._callers.calling(principal, miner)

        offer = await self._finding.wait_for(caller, min(wait_s, POLL_S_MAX))
        if offer is not None:
            return PollReply(offer)
        return PollReply(None, await self._finding.why_none(caller))

    async def claim(
        self, principal: Principal, miner: str, job_id: Hash, *, heartbeats: bool
    ) -> Lease:
        """Assign a job to the miner; answers when the assignment is final (J9).

        The same miner claiming again gets the same lease.

        Args:
            principal: the miner's owner.
            miner: its name.
            job_id: the job.
            heartbeats: whether the miner will send heartbeats; otherwise the lease is the
                attempt's limit (M3).

        Raises:
            JobNotFound: no such job.
            JobAlreadyClaimed: another miner has it.
            JobNotClaimable: finished, out of time or not yet in escrow.
            JobNotForMiner: it asks for what the miner did not declare.
            MinerBusy: the miner holds too many leases.
            Unavailable: not final in time; repeat.
        """
        caller = await self._callers.calling(principal, miner)
        return await self._claiming.claim(caller, job_id, has_heartbeats=heartbeats)

    async def heartbeat(
        self,
        principal: Principal,
        miner: str,
        job_id: Hash,
        attempt: Attempt | None,
        progress: int | None,
    ) -> HeartbeatReply:
        """Keep a lease and report progress (0 … 100).

        Raises:
            JobNotFound: no such job.
            LeaseLost: the attempt is not the miner's current one.
        """
        caller = await self._callers.calling(principal, miner)
        now_ms = self._core.moments.clock_ms()
        by_ms = now_ms + self._core.config.timings.heartbeat_missed_ms

        def keep(connection: Connection) -> HeartbeatReply:
            job = find_job(connection, job_id)
            if job is None:
                raise JobNotFound
            held = store.attempt_of(connection, job_id, caller.address, attempt)
            if held is None:
                raise LeaseLost("The miner has no such lease of this job")
            if held.phase == AttemptPhase.LIVE:
                store.note_heartbeat(connection, held.assignment_id, by_ms, progress)
            elif held.phase == AttemptPhase.ENDED and not _ended_with_job(held, job):
                raise LeaseLost(f"Attempt {held.attempt} is over")
            return HeartbeatReply(held.phase == AttemptPhase.ENDED, by_ms)

        return await self._core.database.write(keep)

    async def show(self, principal: Principal, miner: str, job_id: Hash, passage: Passage) -> int:
        """Show text of an attempt under way to those who watch; return where to go on.

        Raises:
            JobNotFound: no such job.
            LeaseLost: the attempt is not the miner's current one.
        """
        caller = await self._callers.calling(principal, miner)

        def check(connection: Connection) -> None:
            if find_job(connection, job_id) is None:
                raise JobNotFound
            held = store.attempt_of(connection, job_id, caller.address, passage.attempt)
            if held is None or held.phase != AttemptPhase.LIVE:
                raise LeaseLost("The miner has no such lease of this job")

        await self._core.database.read(check)
        events = self._core.events
        next_offset = events.texts.append(job_id, passage)
        events.hub.touch(job_id)
        return next_offset

    async def release(
        self, principal: Principal, miner: str, job_id: Hash, give_up: GiveUp
    ) -> JobView:
        """End the attempt; the job is queued again, or fails if the input was bad (J8).

        `/fail` and `/release` of the wire are both this; `give_up.reason` decides. Answers when
        final if the release is signed (managed miner, or `give_up.transaction`); otherwise the
        job is taken back once its lease ran out.

        Raises:
            JobNotFound: no such job.
            LeaseLost: the attempt is not the miner's current one.
            TransactionInvalid: the signed release is not of this job, attempt and reason.
            InvalidRequest: the reason is none.
            Unavailable: not final in time; repeat.
        """
        caller = await self._callers.calling(principal, miner)
        await self._giving_up.release(caller, job_id, give_up)
        return await self._core.database.read(lambda c: self._job(c, job_id))

    async def complete(
        self, principal: Principal, miner: str, job_id: Hash, completion: Completion
    ) -> ReceiptView:
        """Deliver a result; answers with the receipt when that is final (M4).

        The same delivery again gets the same answer.

        Raises:
            JobNotFound: no such job.
            LeaseLost: the attempt is not the miner's current one; nothing is paid.
            JobAlreadyCompleted: another result was delivered for it.
            ReceiptInvalid: the signed receipt contradicts job, attempt, terms or result.
            ResultMalformed: the result fails the structural checks (L0).
            Unavailable: not final in time; repeat.
        """
        caller = await self._callers.calling(principal, miner)
        await self._completing.complete(caller, job_id, completion)
        receipt = await self._receipts.of_job(job_id)
        assert receipt is not None, "a completed job has its receipt in the database (K1)"
        return receipt

    def _job(self, connection: Connection, job_id: Hash) -> JobView:
        view = self._views.one(connection, job_id)
        if view is None:
            raise JobNotFound
        return view


def _ended_with_job(attempt: store.AnyRow, job: store.AnyRow) -> bool:
    """Return whether an attempt ended because its job did: cancelled, failed or expired."""
    return job.end_kind is not None and bool(job.attempt == attempt.attempt)

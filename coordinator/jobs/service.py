"""Jobs as their client sees them: create, read, wait, cancel, result, payment."""

from dataclasses import replace
from typing import Final

from sqlalchemy import Connection, select

from coordinator.clients.access import require
from coordinator.clients.model import Principal, Scope
from coordinator.core import Core
from coordinator.database.tables import jobs
from coordinator.errors import (
    Forbidden,
    JobCancelled,
    JobExpired,
    JobFailed,
    JobNotCompleted,
    JobNotFound,
    JobNotPossible,
    PaymentNotFound,
    ResultExpired,
    ResultNotDelivered,
)
from coordinator.idempotency import Claim
from coordinator.jobs.cancellation import JobCancellation
from coordinator.jobs.creation import JobCreation
from coordinator.jobs.fresh import FreshViews, Stored
from coordinator.jobs.listing import list_jobs
from coordinator.jobs.model import (
    ENDED_PHASES,
    JobFilter,
    JobPage,
    JobPhase,
    JobSpec,
    JobView,
    PaymentView,
)
from coordinator.jobs.recent import CONTENT_BYTES_MAX, RecentViews
from coordinator.jobs.settlement import JobSettlement
from coordinator.jobs.store import is_delivered
from coordinator.jobs.views import JobViews
from coordinator.jobs.waiting import WaitingReasons
from coordinator.leases.matching import Needs
from coordinator.leases.roster import Roster
from coordinator.values import ApiVersion
from ledger.actions import Reason
from ledger.types import Hash

_WITHOUT_MINER: Final = frozenset({JobPhase.ACCEPTED, JobPhase.QUEUED, JobPhase.EXPIRED})
"""Phases in which a client asks why no miner took its job."""

WAIT_S_MAX: Final = 30.0
"""Longest wait of a request."""


class JobService:
    """The client's side of jobs. All methods may be called at the same time."""

    def __init__(self, core: Core, views: JobViews, roster: Roster) -> None:
        """Stand on the core."""
        self._core = core
        self._views = views
        self._recent = RecentViews()
        self._reasons = WaitingReasons(core.database, roster)
        self._fresh = FreshViews(core.database, views, self._reasons)
        self._creation = JobCreation(core)
        self._cancellation = JobCancellation(core)
        self._settlement = JobSettlement(core)

    async def create(
        self,
        principal: Principal,
        spec: JobSpec,
        *,
        wait_s: float = 0,
        once: Claim | None = None,
        is_strict: bool = False,
    ) -> JobView:
        """Lock the price in escrow and queue the job.

        Answers when the signed escrow transaction is stored and pooled (P3); the job is offered
        once it is final.

        Args:
            principal: the client; its managed wallet pays.
            spec: what to do, already checked for shape.
            wait_s: wait up to this long for the job's end (`Prefer: wait`), at most 30.
            once: claim of the request's `Idempotency-Key`; what was created under it is returned.
            is_strict: refuse a job that no registered miner could be given
                (`Prefer: handling=strict`); otherwise it waits until one comes or it expires.

        Raises:
            Forbidden: the key has no scope `client`.
            InvalidJobType, InvalidRequest, TooLarge: the specification breaks a limit.
            JobNotPossible: strict, and no registered miner fits; nothing is left behind.
            InsufficientBalance: balance < price + fee; nothing is left behind.
            Unavailable: the pool is full or the chain does not answer; nothing is left behind.
        """
        require(principal, Scope.CLIENT)
        if is_strict and (once is None or once.effect is None):
            await self._check_possible(principal, spec)
        made = await self._creation.create(principal, spec, once)
        job_id = made.job.job_id if isinstance(made, Stored) else made
        if wait_s > 0:
            return await self.wait(principal, job_id, wait_s)
        if isinstance(made, Stored):
            return await self._fresh.of(made)
        return await self.get(principal, job_id)

    async def get(self, principal: Principal, job_id: Hash) -> JobView:
        """Return a job of the caller.

        Raises:
            JobNotFound: unknown, or another client's (A3).
        """
        require(principal, Scope.CLIENT, Scope.READ)
        database, client_id = self._core.database, principal.client_id
        version = database.version
        kept = self._recent.find(version, client_id, job_id)
        if kept is not None:
            return kept
        view, content_bytes = await database.read(lambda c: self._read(c, client_id, job_id))
        if view.attempt == 0 and view.phase in _WITHOUT_MINER:
            # Not kept: which miners there are to be had depends on the time, too.
            max_price = view.spec.max_price
            assert max_price is not None, "a view says what is in escrow"
            needs = Needs.of_spec(view.spec, max_price)
            return replace(view, eligibility=await self._reasons.of(needs))
        if content_bytes <= CONTENT_BYTES_MAX:
            self._recent.keep(version, client_id, view)
        return view

    async def list(
        self,
        principal: Principal,
        wanted: JobFilter,
        *,
        limit: int,
        offset: int = 0,
        cursor: str | None = None,
    ) -> JobPage:
        """Return the caller's jobs, newest first (J2 of the API); `cursor` overrides `offset`.

        Raises:
            InvalidRequest: the cursor is none that this method returned.
        """
        require(principal, Scope.CLIENT, Scope.READ)
        return await self._core.database.read(
            lambda c: list_jobs(
                c,
                self._views,
                principal.client_id,
                wanted,
                limit=limit,
                offset=offset,
                cursor=cursor,
            )
        )

    async def wait(self, principal: Principal, job_id: Hash, wait_s: float) -> JobView:
        """Return the job when it ended or after `wait_s` seconds (at most 30).

        Raises:
            JobNotFound: unknown, or another client's.
        """

        async def ended() -> JobView | None:
            job = await self.get(principal, job_id)
            return job if job.phase in ENDED_PHASES else None

        wait_s = min(wait_s, WAIT_S_MAX)
        job = await self._core.follower.jobs.wait_until(job_id, ended, wait_s)
        return job or await self.get(principal, job_id)

    async def cancel(self, principal: Principal, job_id: Hash) -> JobView:
        """Cancel a queued or running job; answers when final. A cancelled job: the same answer.

        Raises:
            Forbidden: the key has no scope `client`.
            JobNotFound: unknown, or another client's.
            JobAlreadyCompleted: its receipt is on the chain.
            JobAlreadyFinished: it failed or expired.
            InsufficientBalance: the wallet does not cover the fee of the cancellation.
            Unavailable: not final in time; repeat.
        """
        require(principal, Scope.CLIENT)
        await self.get(principal, job_id)
        await self._cancellation.cancel(job_id)
        return await self.get(principal, job_id)

    async def dispute(self, principal: Principal, job_id: Hash, reason: Reason) -> JobView:
        """Dispute the receipt of a job with the job's bond; answers when that is final (J13).

        Raises:
            Forbidden: the key has no scope `client`, or has a budget, which no bond counts on.
            JobNotFound: unknown, or another client's.
            JobNotCompleted, JobAlreadyFinished: there is no receipt.
            ReceiptSettled: it settled, or its window is over.
            InsufficientBalance: the wallet does not cover bond and fee.
            Unavailable: not final in time; repeat.
        """
        require(principal, Scope.CLIENT)
        if principal.budget_id is not None:
            raise Forbidden("A key with a budget locks no bonds: use another one")
        await self.get(principal, job_id)
        await self._settlement.dispute(job_id, reason)
        return await self.get(principal, job_id)

    async def accept(self, principal: Principal, job_id: Hash) -> JobView:
        """Accept the receipt of a job, which settles; answers when that is final (J3).

        Raises:
            Forbidden: the key has no scope `client`.
            JobNotFound: unknown, or another client's.
            JobNotCompleted, JobAlreadyFinished: there is no receipt.
            ReceiptSettled: what was locked came back.
            InsufficientBalance: the wallet does not cover the fee.
            Unavailable: not final in time; repeat.
        """
        require(principal, Scope.CLIENT)
        await self.get(principal, job_id)
        await self._settlement.accept(job_id)
        return await self.get(principal, job_id)

    async def result(self, principal: Principal, job_id: Hash, *, wait_s: float = 0) -> JobView:
        """Return a completed job; its `result` and `receipt_id` are there (R2).

        Args:
            principal: the client.
            job_id: the job.
            wait_s: wait up to this long for the end, at most 30.

        Raises:
            JobNotFound: unknown, or another client's.
            JobNotCompleted: no end yet.
            JobFailed, JobCancelled, JobExpired: it ended without a result.
            ResultNotDelivered: the receipt came without the result.
            ResultExpired: it was deleted.
        """
        job = await self.wait(principal, job_id, wait_s)
        if job.phase is JobPhase.COMPLETED:
            return await self._with_result(job)
        reason = "" if job.error is None else job.error.message
        match job.phase:
            case JobPhase.FAILED:
                raise JobFailed(reason)
            case JobPhase.CANCELLED:
                raise JobCancelled(reason)
            case JobPhase.EXPIRED:
                raise JobExpired(reason)
            case _:
                raise JobNotCompleted(job.phase.value)

    async def payment(self, principal: Principal, job_id: Hash) -> PaymentView:
        """Return the money of a job (P4).

        Raises:
            JobNotFound: unknown, or another client's.
            PaymentNotFound: the escrow is not final, or never was.
        """
        job = await self.get(principal, job_id)
        if job.payment is None:
            raise PaymentNotFound
        return job.payment

    async def version_of(self, job_id: Hash) -> ApiVersion | None:
        """Return the API version that a job was created in (V1), None if it is unknown."""
        query = select(jobs.c.api_version).where(jobs.c.job_id == job_id)

        def read(connection: Connection) -> ApiVersion | None:
            version: ApiVersion | None = connection.execute(query).scalar_one_or_none()
            return version

        return await self._core.database.read(read)

    async def _with_result(self, job: JobView) -> JobView:
        if job.result is not None:
            return job
        if await self._core.database.read(lambda c: is_delivered(c, job.job_id)):
            raise ResultExpired("The result is past its retention and was deleted")
        raise ResultNotDelivered("The miner's receipt came without the result; it is not paid")

    async def _check_possible(self, principal: Principal, spec: JobSpec) -> None:
        """Check that a registered miner could be given a job.

        Raises:
            JobNotPossible: none could; says why, with counts.
            InvalidJobType, InvalidRequest, TooLarge: the specification breaks a limit.
        """
        costs = await self._creation.costs(principal, spec)
        needs = Needs.of_spec(costs.spec, costs.max_price)
        found = await self._reasons.of(needs)
        if not found.eligible:
            raise JobNotPossible(found.registered, found.exclusions)

    def _read(self, connection: Connection, client_id: str, job_id: Hash) -> tuple[JobView, int]:
        """Return the view, without why the job waits, and the bytes of its payload and result.

        Raises:
            JobNotFound: unknown, or another client's.
        """
        found = self._views.find(connection, job_id)
        if found is None or found.client_id != client_id:
            raise JobNotFound
        content_bytes = len(found.payload or b"") + len(found.result_document or b"")
        return self._views.show(connection, found), content_bytes

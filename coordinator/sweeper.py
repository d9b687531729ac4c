"""Looks for what time has made due: lost leases, undelivered results, retention."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, exists, or_, select, update

from coordinator.core import Core
from coordinator.database.tables import attempts, attestations, jobs, payloads, receipts
from coordinator.jobs.model import JobPhase
from coordinator.leases.phase import AttemptPhase
from coordinator.moment import Moment
from coordinator.outbox import Outgoing
from coordinator.workers import Watch
from ledger.types import Hash

JOBS_PER_SWEEP_MAX: Final = 500
"""Jobs that are looked at in one transaction; the next sweep takes the rest."""

RETENTION_INTERVAL_MS: Final = 60_000
"""How often what is past its retention is looked for."""

Chore = Callable[[], Awaitable[None]]
"""Something that a part of the coordinator does now and then."""


class Sweeper:
    """Finds overdue jobs; what is owed for them, `duties` decides."""

    def __init__(
        self,
        core: Core,
        watch: Watch,
        *,
        each_time: Sequence[Chore] = (),
        each_minute: Sequence[Chore] = (),
    ) -> None:
        """Stand on the core.

        Args:
            core: the core.
            watch: told which chores fail; one that does stops no other.
            each_time: done at every sweep.
            each_minute: done every `RETENTION_INTERVAL_MS`.
        """
        self._core = core
        self._watch = watch
        self._each_time = each_time
        self._each_minute = each_minute
        self._retention_due_ms = 0

    async def run(self) -> None:
        """Sweep for ever: neither chores nor looks for lost leases hold each other up."""

        async def look() -> None:
            await self._watch.attempt("sweeper", self._look)

        async with asyncio.TaskGroup() as both:
            both.create_task(self._repeat(look), name="sweeper")
            both.create_task(self._repeat(self._tidy), name="sweeper chores")

    async def sweep(self) -> None:
        """Look once, and do the chores that are due."""
        await self._look()
        await self._tidy()

    async def _repeat(self, work: Chore) -> None:
        while True:
            await work()
            await asyncio.sleep(self._core.config.timings.sweep_interval_s)

    async def _look(self) -> None:
        core, moment = self._core, self._core.moments.now()

        def work(connection: Connection) -> Sequence[Outgoing]:
            overdue = _overdue(connection, moment)
            return core.duties.perform(connection, moment, overdue)

        if owed := await core.database.write(work):
            core.courier.kick(owed)
        await self._do(self._each_time)

    async def _tidy(self) -> None:
        now_ms = self._core.moments.clock_ms()
        # A clock that was set back makes nobody wait for the time that it shows twice.
        if not 0 < self._retention_due_ms - now_ms <= RETENTION_INTERVAL_MS:
            self._retention_due_ms = now_ms + RETENTION_INTERVAL_MS
            await self._do(self._each_minute)

    async def _do(self, chores: Sequence[Chore]) -> None:
        for chore in chores:
            await self._watch.attempt(chore.__qualname__, chore)

    async def begin(self) -> None:
        """Take up what a stopped process left: to be called once, before `run`.

        Every live attempt gets a fresh time for its next heartbeat, since nobody could listen while
        the coordinator was down; and every job that was begun gets what it is owed.
        """
        core, moment = self._core, self._core.moments.now()
        by_ms = moment.now_ms + core.config.timings.heartbeat_missed_ms

        def refresh(connection: Connection) -> Sequence[Hash]:
            live = attempts.c.has_heartbeats & (attempts.c.phase == AttemptPhase.LIVE.value)
            connection.execute(update(attempts).where(live).values(heartbeat_by_ms=by_ms))
            # A queued job that nobody has tried is owed nothing.
            untried = (jobs.c.phase == JobPhase.QUEUED.value) & (jobs.c.attempt == 0)
            begun = select(jobs.c.job_id).where(jobs.c.end_kind.is_(None), ~untried)
            return list(connection.execute(begun).scalars())

        job_ids = await core.database.write(refresh)
        for start in range(0, len(job_ids), JOBS_PER_SWEEP_MAX):
            await self._perform(moment, job_ids[start : start + JOBS_PER_SWEEP_MAX])
        core.courier.kick()

    async def _perform(self, moment: Moment, job_ids: Sequence[Hash]) -> None:
        await self._core.database.write(lambda c: self._core.duties.perform(c, moment, job_ids))


def _overdue(connection: Connection, moment: Moment) -> list[Hash]:
    """Return jobs for which something may be owed because time passed."""
    query = select(jobs.c.job_id).where(
        jobs.c.end_kind.is_(None), or_(_lost_lease(moment), _unattested(), _without_payload())
    )
    return list(connection.execute(query.limit(JOBS_PER_SWEEP_MAX)).scalars())


def _lost_lease(moment: Moment) -> ColumnElement[bool]:
    """Return the condition of running jobs whose lease ran out and whose miner is silent."""
    silent = or_(
        ~attempts.c.has_heartbeats,
        # One that was promised heartbeats and never got to the first: its lease is all it has.
        attempts.c.heartbeat_by_ms.is_(None),
        attempts.c.heartbeat_by_ms < moment.now_ms,
        attempts.c.release_reason.is_not(None),
    )
    ran_out = attempts.c.lease_end_ms < moment.now_ms
    gap = moment.gap
    if gap is not None and moment.now_ms <= gap.credit_until_ms:
        # What ran out in a halt counts on for a while; until then nobody can take it away (J12).
        in_halt = attempts.c.lease_end_ms.between(gap.from_ms + 1, gap.to_ms)
        ran_out = and_(ran_out, ~in_halt)
    lost = exists().where(
        attempts.c.job_id == jobs.c.job_id,
        attempts.c.phase == AttemptPhase.LIVE.value,
        ran_out,
        silent,
    )
    return and_(jobs.c.phase == JobPhase.RUNNING.value, lost)


def _unattested() -> ColumnElement[bool]:
    """Return the condition of completed jobs that await delivery or attestation."""
    waits = exists().where(
        receipts.c.job_id == jobs.c.job_id,
        ~receipts.c.is_disputed,
        ~exists().where(attestations.c.receipt_id == receipts.c.receipt_id),
    )
    return and_(jobs.c.phase == JobPhase.COMPLETED.value, waits)


def _without_payload() -> ColumnElement[bool]:
    """Return the condition of queued jobs whose input is not here (J31)."""
    missing = ~exists().where(payloads.c.job_id == jobs.c.job_id)
    return and_(jobs.c.phase == JobPhase.QUEUED.value, missing)

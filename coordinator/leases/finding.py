"""Finding work: the job that a miner is shown next, or why it is shown none."""

import asyncio
from dataclasses import replace
from itertools import islice
from typing import Final

from sqlalchemy import Connection

from coordinator.core import Core
from coordinator.errors import JobNotFound
from coordinator.jobs.views import JobViews
from coordinator.leases import queue
from coordinator.leases.matching import Exclusion, exclusion_of
from coordinator.leases.model import Offer
from coordinator.leases.store import CallingMiner
from coordinator.leases.suggestions import Suggestions
from coordinator.leases.waiting import WaitingJobs
from coordinator.marketplace.store import given_to, miners_given
from coordinator.miners.store import held_leases, is_draining
from ledger.actions import Custody
from ledger.types import Address, Hash

LOOKED_AT_MAX: Final = 200
"""Jobs whose constraints are compared for one miner."""

READ_AGAIN_S: Final = 10.0
"""The whole queue is read anew after so long; what changes it tells of it, and is read at once."""

LOOK_AGAIN_S: Final = 1.0
"""A poll also looks this often without news: pauses and suggestions end with time."""


class Finding:
    """Shows jobs to miners; a claim decides, not what is shown."""

    def __init__(self, core: Core, views: JobViews) -> None:
        """Stand on the core."""
        self._core = core
        self._views = views
        self._waiting = WaitingJobs(core.registry)
        self._suggestions = Suggestions()
        self._given: frozenset[Address] = frozenset()
        self._turn = asyncio.Lock()
        self._read_all_at = 0.0

    async def wait_for(self, caller: CallingMiner, wait_s: float) -> Offer | None:
        """Return what `next_for` does, as soon as there is something.

        Of the miners that wait, each news wakes as many as there are jobs.
        """
        news = self._core.follower.queue
        return await news.wait_until(lambda: self.next_for(caller), wait_s, LOOK_AGAIN_S)

    async def next_for(self, caller: CallingMiner) -> Offer | None:
        """Return the job that a miner is shown next, and keep it from others for a moment."""
        await self._read_changes()
        if caller.address in self._given:
            job_id = await self._core.database.read(lambda c: given_to(c, caller.address))
            if job_id is not None:
                # Its client accepted this miner's offer: it is nobody else's.
                return await self._core.database.read(lambda c: self._shown(c, caller, job_id))
        passed_over: set[Hash] = set()
        while (chosen := self._choose(caller, passed_over)) is not None:
            self._pass_on()
            offer = await self._look_at(caller, chosen)
            if isinstance(offer, Offer):
                return offer
            self._suggestions.forget(chosen)
            if offer is not None and offer is not Exclusion.JUST_FAILED_HERE:
                break
            passed_over.add(chosen)
        self._pass_on()
        return None

    def assigned(self, job_id: Hash) -> None:
        """Take a job that was claimed out of the queue, and put its client behind all others."""
        self._suggestions.forget(job_id)
        self._waiting.give(job_id)

    async def why_none(self, caller: CallingMiner) -> dict[str, int]:
        """Return why queued jobs are not shown to a miner: jobs by code."""
        core, now_ms = self._core, self._core.moments.clock_ms()
        suggested = self._suggestions.to_others(caller.address, now_ms)
        return await core.database.read(
            lambda c: queue.reasons(
                c,
                caller.address,
                caller.declared,
                core.registry,
                now_ms=now_ms,
                pause_ms=core.config.timings.same_miner_pause_ms,
                suggested=suggested,
                block=self._block(is_draining(c, caller.address), held_leases(c, caller.address)),
            )
        )

    async def _read_changes(self) -> None:
        """Read what changed in the queue, and now and then all of it, once for all who look."""
        changes, clock = self._core.follower.queued, asyncio.get_running_loop().time
        while changes or clock() - self._read_all_at >= READ_AGAIN_S:
            async with self._turn:
                if clock() - self._read_all_at >= READ_AGAIN_S:
                    changes.add_all()
                if changes:
                    await self._read(changes.take())

    async def _read(self, changed: set[Hash] | None) -> None:
        now_ms, at_s = self._core.moments.clock_ms(), asyncio.get_running_loop().time()
        try:
            rows, given = await self._core.database.read(
                lambda c: (queue.read_waiting(c, now_ms, changed), miners_given(c))
            )
        except BaseException:
            # It was not read: who looks next reads it.
            self._core.follower.queued.add_all()
            raise
        if changed is None:
            self._waiting.clear()
            self._read_all_at = at_s
        for job_id in changed or ():
            self._waiting.drop(job_id)
        for job, turn in rows:
            self._waiting.put(job, turn)
        self._given = given

    def _choose(self, caller: CallingMiner, passed_over: set[Hash]) -> Hash | None:
        """Return the first job in turn that fits and is shown to nobody else, and note it shown."""
        now_ms = self._core.moments.clock_ms()
        for job in islice(self._waiting.in_turn(caller.declared), LOOKED_AT_MAX):
            if job.job_id in passed_over or job.deadline_ms <= now_ms:
                continue
            has_model = self._core.registry.get(job.needs.service).has_model
            if exclusion_of(job.needs, caller.declared, has_model=has_model) is not None:
                continue
            if self._suggestions.note(job.job_id, caller.address, now_ms):
                return job.job_id
        return None

    def _pass_on(self) -> None:
        """Let the next miner that waits look, if there are jobs that are shown to nobody."""
        shown = self._suggestions.count(self._core.moments.clock_ms())
        if self._given or len(self._waiting) > shown:
            self._core.follower.queue.pass_on()

    async def _look_at(self, caller: CallingMiner, job_id: Hash) -> Offer | Exclusion | None:
        """Return a chosen job; why the miner is not shown it; None if nobody may be given it."""
        now_ms, pause_ms = (
            self._core.moments.clock_ms(),
            self._core.config.timings.same_miner_pause_ms,
        )

        def look(connection: Connection) -> Offer | Exclusion | None:
            facts = queue.look_at(
                connection, job_id, caller.address, now_ms=now_ms, pause_ms=pause_ms
            )
            if facts is None:
                return None
            if (block := self._block(facts.is_draining, facts.held)) is not None:
                return block
            if facts.just_failed:
                return Exclusion.JUST_FAILED_HERE
            return self._shown(connection, caller, job_id)

        found = await self._core.database.read(look)
        if found is None:
            self._waiting.drop(job_id)
        return found

    def _block(self, draining: bool, held: int) -> Exclusion | None:  # noqa: FBT001 - a column
        """Return why a miner is shown no job at all, None if it may be."""
        # Asked anew: a poll waits for half a minute, and the miner may take jobs again.
        if draining:
            return Exclusion.MINER_DRAINING
        is_busy = held >= self._core.config.timings.leases_per_miner_max
        return Exclusion.MINER_BUSY if is_busy else None

    def _shown(self, connection: Connection, caller: CallingMiner, job_id: Hash) -> Offer:
        job = self._views.one(connection, job_id)
        if job is None:
            raise JobNotFound
        if caller.custody is not Custody.OWN:
            return Offer(job)
        # Its input comes with the claim, after the assignment is final (J9).
        return Offer(replace(job, spec=replace(job.spec, input={}, params={})))

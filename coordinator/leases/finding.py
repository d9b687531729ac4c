"""Finding work: the job that a miner is shown next, or why it is shown none."""

import asyncio
from dataclasses import replace
from typing import Final

from sqlalchemy import Connection

from coordinator.core import Core
from coordinator.errors import JobNotFound
from coordinator.jobs.views import JobViews
from coordinator.leases import queue
from coordinator.leases.matching import Exclusion
from coordinator.leases.model import Offer
from coordinator.leases.store import CallingMiner
from coordinator.leases.suggestions import Suggestions
from coordinator.marketplace.store import given_to, miners_given
from coordinator.miners.store import held_leases, is_draining
from ledger.actions import Custody
from ledger.types import Address, Hash, TimestampMs

READ_AGAIN_S: Final = 0.9
"""Which jobs are queued is read anew after this long without a signal."""


class Finding:
    """Shows jobs to miners; a claim decides, not what is shown."""

    def __init__(self, core: Core, views: JobViews) -> None:
        """Stand on the core."""
        self._core = core
        self._views = views
        self._suggestions = Suggestions()
        self._turn = asyncio.Lock()
        self._seen: tuple[int, float] = (-1, 0.0)
        self._offered: frozenset[Hash] = frozenset()
        self._given: frozenset[Address] = frozenset()

    async def next_if_news(self, caller: CallingMiner) -> Offer | None:
        """Return what `next_for` does, for a miner that waits and has looked before.

        A change wakes every miner that waits, and most find nothing. They look one after the
        other, and only while a job is left that none of the others was shown: which jobs there
        are is read once for all of them.
        """
        async with self._turn:
            now_ms = self._core.moments.clock_ms()
            await self._read_again(now_ms)
            suggested = self._suggestions.to_others(caller.address, now_ms)
            is_one_left = len(self._offered) > queue.LOOKED_AT_MAX or self._offered - suggested
            if is_one_left or caller.address in self._given:
                return await self.next_for(caller)
            return None

    async def _read_again(self, now_ms: TimestampMs) -> None:
        """Read which jobs and which miners with a job of their own there are, if that is news."""
        signals, at_s = self._core.follower.queue, asyncio.get_running_loop().time()
        if self._seen[0] == signals.fired and at_s - self._seen[1] < READ_AGAIN_S:
            return
        # Counted before the read: what is fired meanwhile is news to the next one.
        fired = signals.fired
        self._offered, self._given = await self._core.database.read(
            lambda c: (queue.offered_jobs(c, now_ms), miners_given(c))
        )
        self._seen = (fired, at_s)

    async def next_for(self, caller: CallingMiner) -> Offer | None:
        """Return the job that a miner is shown next, and keep it from others for a moment."""
        core, now_ms = self._core, self._core.moments.clock_ms()
        given = await core.database.read(lambda c: given_to(c, caller.address))
        if given is not None:
            # Its client accepted this miner's offer: it is nobody else's.
            return await self._shown(caller, given)
        suggested = self._suggestions.to_others(caller.address, now_ms)

        def look(connection: Connection) -> Hash | None:
            if self._block(connection, caller) is not None:
                return None
            return queue.next_job(
                connection,
                caller.address,
                caller.declared,
                core.registry,
                now_ms=now_ms,
                pause_ms=core.config.timings.same_miner_pause_ms,
                suggested=suggested,
            )

        job_id = await core.database.read(look)
        if job_id is None or not self._suggestions.note(job_id, caller.address, now_ms):
            return None
        return await self._shown(caller, job_id)

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
                block=self._block(c, caller),
            )
        )

    def _block(self, connection: Connection, caller: CallingMiner) -> Exclusion | None:
        """Return why a miner is shown no job at all, None if it may be."""
        # Asked anew: a poll waits for half a minute, and the miner may take jobs again.
        if is_draining(connection, caller.address):
            return Exclusion.MINER_DRAINING
        limit = self._core.config.timings.leases_per_miner_max
        is_busy = held_leases(connection, caller.address) >= limit
        return Exclusion.MINER_BUSY if is_busy else None

    async def _shown(self, caller: CallingMiner, job_id: Hash) -> Offer:
        def read(connection: Connection) -> Offer:
            job = self._views.one(connection, job_id)
            if job is None:
                raise JobNotFound
            return Offer(job)

        offer = await self._core.database.read(read)
        if caller.custody is not Custody.OWN:
            return offer
        # Its input comes with the claim, after the assignment is final (J9).
        spec = replace(offer.job.spec, input={}, params={})
        return Offer(replace(offer.job, spec=spec))

"""Finding work: the job that a miner is shown next, or why it is shown none."""

import asyncio
from typing import Final

from sqlalchemy import Connection

from coordinator.core import Core
from coordinator.jobs.store import find_job
from coordinator.leases import queue
from coordinator.leases.matching import Exclusion
from coordinator.leases.model import Offer
from coordinator.leases.store import CallingMiner
from coordinator.leases.suggestions import Suggestions
from coordinator.leases.waiting import WaitingJob, WaitingJobs
from coordinator.marketplace.store import given_to, miners_given
from coordinator.miners.store import held_leases, is_draining
from ledger.types import Address, Hash

APPLIED_AT_ONCE: Final = 100
"""Changes of the queue that are applied before others have their turn on the event loop."""

READ_AGAIN_S: Final = 10.0
"""The whole queue is read anew after so long; what changes it tells of it, and is read at once."""

LOOK_AGAIN_S: Final = 1.0
"""A poll also looks this often without news: pauses and suggestions end with time."""


class _Seeker:
    """A miner that looks for work, and what it need not look at again during one wait."""

    def __init__(self, caller: CallingMiner) -> None:
        self.caller = caller
        self.refused: dict[Hash, float] = {}
        """Jobs that it is not given for now, and until when it does not ask for them again."""
        self.nothing_at: tuple[int, int] | None = None
        """State of the queue in which nothing was free that it may do."""


class Finding:
    """Shows jobs to miners; a claim decides, not what is shown."""

    def __init__(self, core: Core) -> None:
        """Stand on the core."""
        self._core = core
        self._waiting = WaitingJobs(core.registry)
        self._suggestions = Suggestions()
        self._given: frozenset[Address] = frozenset()
        self._reading: asyncio.Task[None] | None = None
        self._read_all_at = -READ_AGAIN_S

    async def wait_for(self, caller: CallingMiner, wait_s: float) -> Offer | None:
        """Return what `next_for` does, as soon as there is something.

        Of the miners that wait, each news wakes as many as there are jobs.
        """
        news = self._core.follower.queue
        seeker = _Seeker(caller)
        return await news.wait_until(lambda: self._next_for(seeker), wait_s, LOOK_AGAIN_S)

    async def next_for(self, caller: CallingMiner) -> Offer | None:
        """Return the job that a miner is shown next, and keep it from others for a moment."""
        return await self._next_for(_Seeker(caller))

    async def _next_for(self, seeker: _Seeker) -> Offer | None:
        caller = seeker.caller
        await self._read_changes()
        if caller.address in self._given:
            given = await self._core.database.read(lambda c: _given_to(c, caller.address))
            if given is not None:
                # Its client accepted this miner's offer: it is nobody else's.
                return given
        while (chosen := self._choose(seeker)) is not None:
            self._pass_on()
            try:
                offer = await self._look_at(caller, chosen)
            except BaseException:
                self._give_back(chosen.job_id)
                raise
            if isinstance(offer, Offer):
                return offer
            self._give_back(chosen.job_id)
            if offer is not None and offer is not Exclusion.JUST_FAILED_HERE:
                break
            seeker.refused[chosen.job_id] = asyncio.get_running_loop().time() + LOOK_AGAIN_S
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
        # A reading under way may have begun before the last change; the next one has not.
        for _ in range(2):
            if self._reading is None:
                if not self._is_behind():
                    return
                self._reading = asyncio.create_task(self._read())
                self._reading.add_done_callback(self._was_read)
            # It is for all: who goes away does not end it.
            await asyncio.shield(self._reading)

    def _is_behind(self) -> bool:
        is_old = asyncio.get_running_loop().time() - self._read_all_at >= READ_AGAIN_S
        return is_old or bool(self._core.follower.queued)

    def _was_read(self, reading: "asyncio.Task[None]") -> None:
        self._reading = None
        if not reading.cancelled():
            # Whoever waits for it is told of a failure; perhaps nobody does any more.
            reading.exception()

    async def _read(self) -> None:
        now_ms, at_s = self._core.moments.clock_ms(), asyncio.get_running_loop().time()
        queued = self._core.follower.queued
        if at_s - self._read_all_at >= READ_AGAIN_S:
            queued.add_all()
        changed, known = queued.take(), self._waiting.known()
        if changed is not None:
            known = {job_id: known[job_id] for job_id in changed if job_id in known}
        try:
            changes, self._given = await self._core.database.read(
                lambda c: (queue.read_waiting(c, now_ms, changed, known), miners_given(c))
            )
            await self._apply(changes)
        except BaseException:
            # It was not read: who looks next reads it.
            if changed is None:
                queued.add_all()
            else:
                queued.add(changed)
            raise
        if changed is None:
            self._read_all_at = at_s

    async def _apply(self, changes: queue.QueueChanges) -> None:
        self._waiting.told_of(changes.last_turn)
        for count, job_id in enumerate(changes.gone, 1):
            self._drop(job_id)
            if count % APPLIED_AT_ONCE == 0:
                await asyncio.sleep(0)
        for count, (job, turn) in enumerate(changes.come, 1):
            self._waiting.put(job, turn)
            if count % APPLIED_AT_ONCE == 0:
                await asyncio.sleep(0)

    def _choose(self, seeker: _Seeker) -> WaitingJob | None:
        """Return the first job in turn that fits and is shown to nobody else, and note it shown."""
        now_ms, now_s = self._core.moments.clock_ms(), asyncio.get_running_loop().time()
        seeker.refused = {job: until for job, until in seeker.refused.items() if until > now_s}
        # It also ends what is shown no longer.
        self._suggestions.count(now_ms)
        state = (self._waiting.arrived, self._suggestions.ended)
        if seeker.nothing_at == state:
            return None
        expired: list[Hash] = []
        missed: list[Hash] = []
        chosen = None
        for job in self._waiting.in_turn(seeker.caller.declared):
            if job.deadline_ms <= now_ms:
                expired.append(job.job_id)
            elif job.job_id in seeker.refused:
                continue
            elif self._suggestions.note(job.job_id, seeker.caller.address, now_ms):
                chosen = job
                break
            else:
                missed.append(job.job_id)
        for job_id in expired:
            self._drop(job_id)
        if chosen is None:
            self._suggestions.miss(missed)
            seeker.nothing_at = None if seeker.refused else state
        return chosen

    def _drop(self, job_id: Hash) -> None:
        """Take a job out of the queue; it is shown to nobody either."""
        self._waiting.drop(job_id)
        self._suggestions.forget(job_id)

    def _give_back(self, job_id: Hash) -> None:
        """Let others be shown a job again; that is news for those who found none without it."""
        if self._suggestions.forget(job_id):
            self._core.follower.queue.fire()

    def _pass_on(self) -> None:
        """Let the next miner that waits look, if there are jobs that are shown to nobody."""
        shown = self._suggestions.count(self._core.moments.clock_ms())
        if self._given or len(self._waiting) > shown:
            self._core.follower.queue.pass_on()

    async def _look_at(self, caller: CallingMiner, job: WaitingJob) -> Offer | Exclusion | None:
        """Return a chosen job; why the miner is not shown it; None if nobody may be given it."""
        now_ms, pause_ms = (
            self._core.moments.clock_ms(),
            self._core.config.timings.same_miner_pause_ms,
        )

        def look(connection: Connection) -> Offer | Exclusion | None:
            facts = queue.look_at(
                connection, job.job_id, caller.address, now_ms=now_ms, pause_ms=pause_ms
            )
            if facts is None:
                return None
            if (block := self._block(facts.is_draining, facts.held)) is not None:
                return block
            if facts.just_failed:
                return Exclusion.JUST_FAILED_HERE
            # What a job asks for never changes: it is not read again.
            return Offer(job.job_id, job.needs.service, job.needs.model, job.needs.max_price)

        found = await self._core.database.read(look)
        if found is None:
            self._drop(job.job_id)
        return found

    def _block(self, draining: bool, held: int) -> Exclusion | None:  # noqa: FBT001 - a column
        """Return why a miner is shown no job at all, None if it may be."""
        # Asked anew: a poll waits for half a minute, and the miner may take jobs again.
        if draining:
            return Exclusion.MINER_DRAINING
        is_busy = held >= self._core.config.timings.leases_per_miner_max
        return Exclusion.MINER_BUSY if is_busy else None


def _given_to(connection: Connection, miner: Address) -> Offer | None:
    job_id = given_to(connection, miner)
    job = None if job_id is None else find_job(connection, job_id)
    return None if job is None else Offer(job.job_id, job.service, job.model, job.max_price)

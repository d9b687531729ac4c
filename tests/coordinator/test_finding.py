"""Polls that look at the same time, go away, or come behind what does not fit them."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from coordinator.leases import PollReply
from tests.coordinator.test_queue import CHEAP
from tests.coordinator.world import CLIENT, World

T = TypeVar("T")


class Gate:
    """Holds the reads of a database back, as one that is busy does."""

    def __init__(self, world: World) -> None:
        self._database = world.services.core.database
        self._read = self._database.read
        self._open = asyncio.Event()
        self.arrived = asyncio.Event()
        self.held = 0

    def close(self) -> None:
        """Hold back every read from now on."""
        self._open.clear()
        self.arrived.clear()
        self._database.read = self._wait  # type: ignore[method-assign]

    def open(self) -> None:
        """Let all go on."""
        self._database.read = self._read  # type: ignore[method-assign]
        self._open.set()

    async def _wait(self, work: Callable[[Connection], T]) -> T:
        self.held += 1
        self.arrived.set()
        await self._open.wait()
        return await self._read(work)


async def poll(world: World, miner: str, wait_s: float = 20) -> PollReply:
    return await world.services.leases.poll(CLIENT, miner, wait_s)


async def in_its_look(world: World, gate: Gate, miner: str) -> "asyncio.Task[object]":
    """Return a search that has chosen a job and now looks at it in the tables."""
    finding = world.services.leases._finding
    caller = await world.services.leases._callers.calling(CLIENT, miner)
    await finding._read_changes()
    gate.close()
    looking: asyncio.Task[object] = asyncio.create_task(finding.wait_for(caller, 20))
    await gate.arrived.wait()
    return looking


async def test_a_poll_that_ends_in_the_middle_keeps_no_job_from_others(world: World) -> None:
    await world.miner("miner-1")
    await world.miner("miner-2")
    job = await world.job()
    gate = Gate(world)
    looking = await in_its_look(world, gate, "miner-1")
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    gate.open()
    offer = (await poll(world, "miner-2", 0)).offer
    assert offer is not None
    assert offer.job_id == job.job_id


async def test_a_job_given_back_is_news_for_who_missed_it(world: World) -> None:
    await world.miner("miner-1")
    await world.miner("miner-2")
    await world.job()
    finding = world.services.leases._finding
    second = await world.services.leases._callers.calling(CLIENT, "miner-2")
    gate = Gate(world)
    looking = await in_its_look(world, gate, "miner-1")
    waiting = asyncio.create_task(finding.wait_for(second, 20))
    for _ in range(100):
        await asyncio.sleep(0)
    assert world.services.core.follower.queue.waiting == 2
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    began = time.monotonic()
    gate.open()
    assert await waiting is not None
    assert time.monotonic() - began < 0.9, "it waited for the next look at the clock"


async def test_a_reading_goes_on_when_the_poll_that_began_it_goes_away(world: World) -> None:
    await world.miner()
    await world.job(max_price=CHEAP)
    assert (await poll(world, "miner-1", 0)).offer is not None
    finding, queued = world.services.leases._finding, world.services.core.follower.queued
    second = await world.job(max_price=CHEAP)
    gate = Gate(world)
    gate.close()
    first = asyncio.create_task(finding._read_changes())
    await gate.arrived.wait()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    other = asyncio.create_task(finding._read_changes())
    await asyncio.sleep(0)
    assert gate.held == 1, "one reading is for both"
    gate.open()
    await other
    assert not queued
    assert second.job_id in finding._waiting


async def test_a_job_that_left_the_queue_is_shown_to_nobody(world: World) -> None:
    await world.miner()
    job = await world.job()
    assert (await poll(world, "miner-1", 0)).offer is not None
    finding = world.services.leases._finding
    await world.services.jobs.cancel(CLIENT, job.job_id)
    await world.quiet()
    await finding._read_changes()
    assert finding._suggestions.count(world.clock()) == 0

"""Who follows blocks may go away meanwhile: what it began is finished, told, and done once (K2)."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from sqlalchemy import select, update

from coordinator.database import Database
from coordinator.database.tables import chain, jobs
from coordinator.jobs import JobPhase
from ledger.types import Hash
from tests.coordinator.world import CLIENT, PATIENCE_S, World, spec

SOON_S = 20.0
"""Limit of what comes by itself; nobody asks for it again before `PATIENCE_S`."""


@asynccontextmanager
async def _busy(database: Database) -> AsyncIterator[None]:
    """Keep the database's writer busy; other writes wait meanwhile, and are done afterwards."""
    begun, freed = threading.Event(), threading.Event()

    def hold(_: object) -> None:
        begun.set()
        freed.wait(PATIENCE_S)

    holding = asyncio.create_task(database.write(hold))
    await asyncio.to_thread(begun.wait, PATIENCE_S)
    yield
    freed.set()
    await holding
    await database.write(lambda _: None)


async def _interrupted(database: Database, begin: Callable[[], Awaitable[None]]) -> None:
    """Begin something, and cancel it while its write waits for the busy writer."""
    task = asyncio.ensure_future(begin())
    while database._queue.empty():  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()


async def _done_job(world: World) -> Hash:
    """Return a job that is done, followed by nobody but the test from now on."""
    await world.miner()
    job = await world.done((await world.job()).job_id)
    await world.quiet()
    (worker,) = (one for one in world.services.workers if one.get_name() == "follower")
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    await world.services.core.follower.catch_up()
    return job.job_id


async def test_blocks_whose_follower_went_away_are_told_and_lead_to_no_rebuild(
    world: World,
) -> None:
    done = await _done_job(world)
    core = world.services.core
    row = jobs.c.job_id == done
    # A rebuild forgets it: no block says so.
    noted = update(jobs).where(row).values(error_message="before")
    await core.database.write(lambda c: c.execute(noted))
    new = await world.services.jobs.create(CLIENT, spec())
    waiting = asyncio.create_task(world.until(new.job_id, JobPhase.QUEUED))
    await asyncio.sleep(0)
    async with _busy(core.database):
        await _interrupted(core.database, core.follower.catch_up)
    async with asyncio.timeout(SOON_S):
        await waiting
    world.chain.make_block()
    await core.follower.catch_up()
    note = await core.database.read(
        lambda c: c.execute(select(jobs.c.error_message).where(row)).scalar_one()
    )
    assert note == "before"


async def test_the_next_waits_for_what_a_cancelled_one_began(world: World) -> None:
    await _done_job(world)
    core = world.services.core
    world.chain.make_block()
    async with _busy(core.database):
        await _interrupted(core.database, core.follower.catch_up)
        following = asyncio.create_task(core.follower.catch_up())
        stopping = asyncio.create_task(core.follower.finish())
        await asyncio.sleep(0)
        assert not following.done()
        assert not stopping.done()
    await asyncio.gather(following, stopping)
    height = await core.database.read(lambda c: c.execute(select(chain.c.height)).scalar_one())
    assert height == world.chain.head().height


async def test_a_rebuild_that_was_interrupted_goes_on(world: World) -> None:
    """The tables are emptied, and the follower was not told: it reads where it is."""
    done = await _done_job(world)
    core = world.services.core
    async with _busy(core.database):
        await _interrupted(core.database, core.follower.forget)
    await core.follower.catch_up()
    assert (await world.get(done)).phase is JobPhase.COMPLETED


async def test_a_position_that_is_not_the_expected_one_is_read_anew(world: World) -> None:
    done = await _done_job(world)
    core = world.services.core
    here = select(chain.c.height)
    height = await core.database.read(lambda c: c.execute(here).scalar_one())
    world.chain.make_block()
    core.follower._followed = height - 1
    noted = update(jobs).where(jobs.c.job_id == done).values(error_message="before")
    await core.database.write(lambda c: c.execute(noted))
    await core.follower.catch_up()
    assert await core.database.read(lambda c: c.execute(here).scalar_one()) == height + 1
    message = select(jobs.c.error_message).where(jobs.c.job_id == done)
    assert await core.database.read(lambda c: c.execute(message).scalar_one()) == "before"

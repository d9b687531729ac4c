"""Background work that fails is said to fail, stops no other, and goes on when it can."""

import asyncio
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection
from structlog.testing import capture_logs

from coordinator import workers
from coordinator.duties import Duties
from coordinator.jobs import JobPhase
from coordinator.moment import Moment
from coordinator.sweeper import RETENTION_INTERVAL_MS, Sweeper
from coordinator.workers import FailingWorker, Watch
from ledger.types import Hash
from tests.coordinator.world import CLIENT, PATIENCE_S, World, spec


@pytest.fixture(autouse=True)
def told() -> Iterator[list[MutableMapping[str, Any]]]:
    """What was logged; to print it with its tracebacks would take longer than the tests."""
    with capture_logs() as entries:
        yield entries


async def eventually(is_so: Callable[[], bool]) -> None:
    """Return once something holds that nobody tells of."""
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.002)


def broken(
    _duties: Duties, _connection: Connection, _moment: Moment, _jobs: Sequence[Hash]
) -> list[Hash]:
    raise ValueError("a duty that cannot be performed")


async def test_a_follower_that_fails_again_and_again_is_told_until_it_follows(
    world: World, monkeypatch: pytest.MonkeyPatch, told: list[MutableMapping[str, Any]]
) -> None:
    monkeypatch.setattr(workers, "RESTART_S", 0.05)
    services = world.services
    await services.core.follower.catch_up()
    assert services.condition().is_sound
    height = services.condition().followed_height
    assert height == world.chain.head().height
    with monkeypatch.context() as fault:
        fault.setattr(Duties, "perform", broken)
        job = await services.jobs.create(CLIENT, spec())
        await eventually(lambda: any(w.failures > 2 for w in services.condition().failing))
        (worker,) = services.condition().failing
        assert (worker.name, worker.error) == ("follower", "ValueError")
        assert worker.since_ms == world.clock()
        assert "worker failed" in [entry["event"] for entry in told]
        assert services.condition().followed_height == height
    await eventually(lambda: services.condition().is_sound)
    assert (await world.until(job.job_id, JobPhase.QUEUED)).phase is JobPhase.QUEUED
    assert services.condition().followed_height == world.chain.head().height


async def test_a_chore_that_fails_stops_none_of_the_others(world: World) -> None:
    watch = Watch(world.clock)
    done: list[str] = []
    is_broken = True

    async def first() -> None:
        if is_broken:
            raise OSError("no room")

    async def second() -> None:
        done.append("second")

    sweeper = Sweeper(world.services.core, watch, each_time=(first, second), each_minute=(first,))
    await sweeper.sweep()
    await sweeper.sweep()
    assert done == ["second", "second"]
    name = first.__qualname__
    assert watch.failing == (FailingWorker(name, 3, world.clock(), "OSError"),)
    is_broken = False
    await sweeper.sweep()
    assert not watch.failing


async def test_a_look_that_fails_ends_no_chore(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    core, watch = world.services.core, Watch(world.clock)
    begun, ended = 0, asyncio.Event()

    async def long() -> None:
        nonlocal begun
        begun += 1
        await ended.wait()

    monkeypatch.setattr(Duties, "perform", broken)
    quick = replace(core.config, timings=replace(core.config.timings, sweep_interval_s=0.05))
    sweeper = Sweeper(replace(core, config=quick), watch, each_minute=(long,))
    sweeping = asyncio.create_task(sweeper.run())
    await eventually(lambda: any(w.failures > 2 for w in watch.failing))
    assert (watch.failing[0].name, begun) == ("sweeper", 1)
    ended.set()
    sweeping.cancel()
    await asyncio.gather(sweeping, return_exceptions=True)


async def test_a_clock_that_is_set_back_puts_no_chore_off(world: World) -> None:
    times = 0

    async def chore() -> None:
        nonlocal times
        times += 1

    sweeper = Sweeper(world.services.core, Watch(world.clock), each_minute=(chore,))
    await sweeper.sweep()
    world.clock.advance(-3_600)
    await sweeper.sweep()
    assert times == 2
    await sweeper.sweep()
    world.clock.advance(RETENTION_INTERVAL_MS / 1_000 - 1)
    await sweeper.sweep()
    assert times == 2
    world.clock.advance(3_600)

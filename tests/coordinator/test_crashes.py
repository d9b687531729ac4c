"""A coordinator killed at any point loses nothing, pays nothing twice, strands nothing."""

import shutil
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from coordinator.errors import JobNotClaimable, LeaseLost
from coordinator.jobs import JobFilter, JobPhase, JobView, PaymentStatus
from coordinator.leases import GiveUp
from ledger.actions import PostReceipt, SubmitJob
from tests.coordinator.crashes import live_through
from tests.coordinator.world import AITBC, CLIENT, LEASE_S, World, spec

POINTS_MAX = 200
"""More points than any life has; a life that has more does not end."""

EVERY = pytest.param(1, marks=pytest.mark.soak, id="every")
"""Crashes at all points; the suite takes every second or fifth."""

OVERTAKEN = (JobNotClaimable, LeaseLost)
"""What a life that began again is told when what it sent before the crash becomes final only now.

`check` still asks for the end that the life is about, so a wrong refusal does not pass."""

Life = Callable[[World], Awaitable[None]]


async def _die_everywhere(
    folder: Path, life: Life, check: Callable[[World], Awaitable[None]], *, step: int
) -> None:
    """Live a life again and again, with the crash at every `step`-th point, and once without."""
    for at in count(1, step):
        assert at < POINTS_MAX
        world = World(Path(shutil.copytree(folder, folder.with_name(f"life-{at}"))))
        await world.start()
        crashed = await live_through(world, at, life)
        await check(world)
        await world.finish()
        if not crashed:
            assert at > 8, "a life has more points than that"
            return


async def _the_job(world: World) -> JobView:
    """Return the one job of a life, made if the crash came before."""
    page = await world.services.jobs.list(CLIENT, JobFilter(), limit=10)
    assert page.total <= 1
    job = page.items[0] if page.items else await world.services.jobs.create(CLIENT, spec())
    if job.phase is JobPhase.ACCEPTED:
        return await world.until(job.job_id, JobPhase.QUEUED)
    return job


def _final(world: World, kind: type) -> int:
    """Return how many transactions of a kind are in final blocks."""
    return sum(
        isinstance(signed.transaction.action, kind)
        for block in world.chain.store.final_blocks(0, 1_000)
        for signed in block.transactions
    )


@pytest.mark.parametrize("step", [2, EVERY])
async def test_a_paid_job_survives_a_crash_at_any_point(folder: Path, step: int) -> None:
    async def life(world: World) -> None:
        await world.miner()
        job = await _the_job(world)
        if job.phase in (JobPhase.QUEUED, JobPhase.RUNNING):
            with suppress(*OVERTAKEN):
                await world.claim(job.job_id)
                await world.complete(job.job_id)
        await world.settled(job.job_id)

    async def check(world: World) -> None:
        job = await _the_job(world)
        assert job.phase is JobPhase.COMPLETED
        assert job.result is not None
        assert job.payment is not None
        assert job.payment.status is PaymentStatus.RELEASED
        assert (_final(world, SubmitJob), _final(world, PostReceipt)) == (1, 1)
        share = job.payment.paid * 5 // 100
        assert world.chain.balance((await world.miner()).address) == job.payment.paid - share

    await _die_everywhere(folder, life, check, step=step)


@pytest.mark.parametrize("step", [5, EVERY])
async def test_a_job_whose_miner_dies_survives_a_crash_at_any_point(
    folder: Path, step: int
) -> None:
    async def life(world: World) -> None:
        await world.miner()
        job = await _the_job(world)
        if job.phase is JobPhase.QUEUED and job.attempt == 0:
            with suppress(*OVERTAKEN):
                await world.claim(job.job_id)
        if (await world.get(job.job_id)).phase is JobPhase.RUNNING:
            await world.pass_time(2 * LEASE_S)
        if (await world.get(job.job_id)).phase is not JobPhase.CANCELLED:
            await world.services.jobs.cancel(CLIENT, job.job_id)

    async def check(world: World) -> None:
        job = await _the_job(world)
        assert job.phase is JobPhase.CANCELLED
        assert job.payment is not None
        assert job.payment.refunded == AITBC // 10
        assert _final(world, SubmitJob) == 1

    await _die_everywhere(folder, life, check, step=step)


@pytest.mark.parametrize("step", [5, EVERY])
async def test_a_job_with_bad_input_survives_a_crash_at_any_point(folder: Path, step: int) -> None:
    async def life(world: World) -> None:
        await world.miner()
        job = await _the_job(world)
        if job.phase in (JobPhase.QUEUED, JobPhase.RUNNING) and job.attempt <= 1:
            if job.attempt == 0:
                with suppress(*OVERTAKEN):
                    await world.claim(job.job_id)
            give_up = GiveUp(1, "BAD_INPUT")
            with suppress(*OVERTAKEN):
                await world.services.leases.release(CLIENT, "miner-1", job.job_id, give_up)
        await world.settled(job.job_id)

    async def check(world: World) -> None:
        job = await _the_job(world)
        assert job.phase is JobPhase.FAILED
        assert job.error is not None
        assert job.error.code == "BAD_INPUT"

    await _die_everywhere(folder, life, check, step=step)

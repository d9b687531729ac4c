"""How jobs end other than by success, and what the money does."""

import asyncio
from pathlib import Path

import pytest

from coordinator.config import Limits
from coordinator.errors import (
    InsufficientBalance,
    InvalidJobType,
    InvalidRequest,
    JobAlreadyFinished,
    JobCancelled,
    JobExpired,
    JobFailed,
    JobNotCompleted,
    PaymentNotFound,
    ResultExpired,
    ResultNotDelivered,
    TooLarge,
    TooManyRequests,
    Unavailable,
)
from coordinator.jobs import JobFilter, JobPhase, JobSpec, PaymentStatus
from coordinator.leases import GiveUp
from tests.coordinator.own_miner import OwnMiner
from tests.coordinator.world import AITBC, CLIENT, TIMINGS, World, spec

PRICE = AITBC // 10


@pytest.mark.parametrize("is_running", [False, True], ids=["queued", "running"])
async def test_a_job_expires_at_its_deadline_and_is_refunded(
    world: World, is_running: bool
) -> None:
    await world.miner()
    job = await world.job(ttl_s=30)
    before = world.chain.balance(job.client)
    if is_running:
        await world.services.leases.claim(CLIENT, "miner-1", job.job_id, heartbeats=False)
    assert job.expires_ms == job.requested_ms + 30_000
    await world.pass_time(32)
    await world.pass_time(1)
    expired = await world.settled(job.job_id)
    assert expired.phase is JobPhase.EXPIRED
    assert expired.error is not None
    assert expired.error.message == "Job exceeded TTL without completion"
    assert world.chain.balance(job.client) == before + PRICE
    with pytest.raises(JobExpired):
        await world.services.jobs.result(CLIENT, job.job_id)


async def test_results_are_asked_for_in_every_phase(world: World) -> None:
    await world.miner()
    queued = await world.job()
    with pytest.raises(JobNotCompleted) as caught:
        await world.services.jobs.result(CLIENT, queued.job_id)
    assert caught.value.state == "queued"
    await world.services.jobs.cancel(CLIENT, queued.job_id)
    with pytest.raises(JobCancelled, match="Cancelled by user"):
        await world.services.jobs.result(CLIENT, queued.job_id)
    done = await world.done((await world.job()).job_id, "Blue.")
    result = (await world.services.jobs.result(CLIENT, done.job_id)).result
    assert result is not None
    assert result.text == "Blue."
    failed = await world.job()
    await world.claim(failed.job_id)
    give_up = GiveUp(1, "BAD_INPUT", "no words")
    await world.services.leases.release(CLIENT, "miner-1", failed.job_id, give_up)
    with pytest.raises(JobFailed, match="no words"):
        await world.services.jobs.result(CLIENT, failed.job_id)


async def test_waiting_for_a_result_ends_with_the_job(world: World) -> None:
    await world.miner()
    job = await world.job()
    waiting = asyncio.create_task(world.services.jobs.result(CLIENT, job.job_id, wait_s=30))
    await world.claim(job.job_id)
    await world.complete(job.job_id, "At last.")
    async with asyncio.timeout(10):
        result = (await waiting).result
    assert result is not None
    assert result.text == "At last."


async def test_a_result_past_its_retention_is_gone_and_the_receipt_is_not(folder: Path) -> None:
    world = World(folder)
    await world.start()
    await world.miner()
    done = await world.done((await world.job()).job_id)
    await world.pass_time(TIMINGS.result_retention_ms / 1_000 + 1)
    with pytest.raises(ResultExpired):
        await world.services.jobs.result(CLIENT, done.job_id)
    assert await world.services.receipts.of_job(done.job_id) is not None
    await world.finish()


async def test_there_is_no_payment_before_the_escrow_is_final(world: World) -> None:
    world.chain.is_paused = True
    job = await world.services.jobs.create(CLIENT, spec())
    with pytest.raises(PaymentNotFound):
        await world.services.jobs.payment(CLIENT, job.job_id)
    world.chain.make_block()
    await world.until(job.job_id, JobPhase.QUEUED)
    payment = await world.services.jobs.payment(CLIENT, job.job_id)
    assert payment.status is PaymentStatus.ESCROWED
    assert payment.amount == PRICE
    assert payment.fee > 0
    assert payment.created_ms == world.chain.head().timestamp_ms


async def test_an_escrow_that_is_never_included_fails_the_job(world: World) -> None:
    world.chain.is_paused = True
    job = await world.services.jobs.create(CLIENT, spec(ttl_s=600))
    world.chain.drop_pool()
    signed = set(world.chain.submitted)
    await world.pass_time(121)
    world.chain.make_block()
    await world.services.core.follower.catch_up()
    failed = await world.get(job.job_id)
    assert failed.phase is JobPhase.FAILED
    assert failed.error is not None
    assert failed.error.code == "ESCROW_NOT_INCLUDED"
    assert failed.payment is None
    assert set(world.chain.submitted) == signed, "an escrow is never signed anew (J30)"
    with pytest.raises(JobAlreadyFinished):
        await world.services.jobs.cancel(CLIENT, job.job_id)
    world.chain.is_paused = False


async def test_escrows_that_are_on_their_way_count_as_spent(world: World) -> None:
    world.chain.is_paused = True
    first = await world.services.jobs.create(CLIENT, spec(max_price=600 * AITBC))
    with pytest.raises(InsufficientBalance):
        await world.services.jobs.create(CLIENT, spec(max_price=600 * AITBC))
    world.chain.is_paused = False
    world.chain.make_block()
    await world.until(first.job_id, JobPhase.QUEUED)
    page = await world.services.jobs.list(CLIENT, JobFilter(), limit=10)
    assert page.total == 1


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"service": "mining"}, InvalidJobType),
        ({"ttl_s": 0}, InvalidRequest),
        ({"ttl_s": 86_401}, InvalidRequest),
        ({"model": "a b"}, InvalidRequest),
        ({"model": "m" * 65}, InvalidRequest),
        ({"max_price": 0}, InvalidRequest),
        ({"max_price": 2**62 + 1}, InvalidRequest),
        ({"label": "x" * 201}, InvalidRequest),
        ({"input": {"prompt": "x" * 300_000}}, TooLarge),
        ({"input": {"n": 2**60}}, InvalidRequest),
        ({"input": {"prompt": "\ud800"}}, InvalidRequest),
    ],
)
async def test_specifications_beyond_a_limit_are_refused_and_cost_nothing(
    world: World, changes: dict[str, object], error: type[Exception]
) -> None:
    height = world.chain.head().height
    with pytest.raises(error):
        await world.services.jobs.create(CLIENT, spec(**changes))
    assert world.chain.head().height == height


async def test_a_client_has_so_many_open_jobs_and_no_more(folder: Path) -> None:
    world = World(folder, limits=Limits(open_jobs_per_client_max=2))
    await world.start()
    jobs = [await world.job() for _ in range(2)]
    with pytest.raises(TooManyRequests):
        await world.job()
    await world.services.jobs.cancel(CLIENT, jobs[0].job_id)
    await world.job()
    await world.finish()


async def test_a_job_without_a_price_takes_the_services_default(world: World) -> None:
    job = await world.job(max_price=None)
    expected = world.services.registry.get("llm_inference").default_max_price
    assert job.spec.max_price == expected
    assert job.payment is not None
    assert job.payment.amount == expected


async def test_nothing_is_half_done_when_the_chain_does_not_answer(world: World) -> None:
    await world.miner()
    job = await world.job()
    world.chain.is_paused = True
    with world.impatience():
        with pytest.raises(Unavailable):
            await world.claim(job.job_id)
        with pytest.raises(Unavailable):
            await world.services.jobs.cancel(CLIENT, job.job_id)
    world.chain.is_paused = False
    world.chain.make_block()
    cancelled = await world.services.jobs.cancel(CLIENT, job.job_id)
    assert cancelled.phase is JobPhase.CANCELLED


async def test_a_receipt_that_nobody_attests_settles_by_itself(world: World) -> None:
    """While the coordinator is gone, the window ends; its share goes back (J14)."""
    miner = OwnMiner(world)
    await miner.register()
    job = await world.job()
    lease = await miner.claim(job.job_id)
    await world.kill()
    transaction = miner.completion(lease).transaction
    assert transaction is not None
    await world.chain.submit([transaction])
    world.chain.make_block()
    window_ms = world.chain.parameters().auto_settle_ms
    world.clock.advance(window_ms / 1_000 + 2)
    world.chain.make_block()
    assert world.chain.job(job.job_id) is None
    world.services = world.build()
    await world.start()
    settled = await world.settled(job.job_id)
    assert settled.phase is JobPhase.COMPLETED
    assert settled.payment is not None
    assert settled.payment.status is PaymentStatus.RELEASED
    share = lease.terms.price_cap * 5 // 100
    assert settled.payment.paid == lease.terms.price_cap - share
    with pytest.raises(ResultNotDelivered):
        await world.services.jobs.result(CLIENT, job.job_id)


async def test_lists_are_newest_first_filtered_and_paged(world: World) -> None:
    made = [await world.job(max_price=AITBC // 1_000) for _ in range(5)]
    await world.services.jobs.cancel(CLIENT, made[0].job_id)
    await world.job(await world.client(), max_price=AITBC // 1_000)
    list_ = world.services.jobs.list
    everything = await list_(CLIENT, JobFilter(), limit=10)
    assert [job.job_id for job in everything.items] == [job.job_id for job in reversed(made)]
    assert everything.next_cursor is None
    first = await list_(CLIENT, JobFilter(), limit=2)
    assert (first.total, len(first.items)) == (5, 2)
    second = await list_(CLIENT, JobFilter(), limit=2, cursor=first.next_cursor)
    by_offset = await list_(CLIENT, JobFilter(), limit=2, offset=2)
    assert [j.job_id for j in second.items] == [j.job_id for j in by_offset.items]
    queued = await list_(CLIENT, JobFilter(frozenset({JobPhase.QUEUED})), limit=10)
    assert queued.total == 4
    typed = await list_(CLIENT, JobFilter(shown_types=frozenset({"python"})), limit=10)
    assert typed.total == 0
    for cursor in ("", "x", "j0", "j-1", "j1;drop table jobs", "j" + "9" * 30):
        with pytest.raises(InvalidRequest):
            await list_(CLIENT, JobFilter(), limit=2, cursor=cursor)


def test_a_specification_is_complete_without_options() -> None:
    assert JobSpec(service="python", api_version="2026-05-11").ttl_s == 900

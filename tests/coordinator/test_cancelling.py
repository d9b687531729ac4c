"""Cancelling jobs: what it costs, when it may be tried again, and who may."""

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import select

from coordinator.clients import Principal
from coordinator.database.tables import outbox
from coordinator.errors import (
    Forbidden,
    InsufficientBalance,
    JobAlreadyCompleted,
    JobAlreadyFinished,
    JobNotFound,
    Unavailable,
)
from coordinator.jobs import JobPhase, PaymentStatus
from coordinator.leases import GiveUp
from coordinator.outbox import OutboxState
from coordinator.ports import SubmitOutcome, TransactionStatus
from ledger.actions import CancelJob
from ledger.transaction import SignedTransaction
from tests.coordinator.world import AITBC, CLIENT, World, spec

PRICE = AITBC // 10


async def test_cancelling_a_queued_job_refunds_all_but_the_fees(world: World) -> None:
    job = await world.job()
    before = world.chain.balance(job.client)
    cancelled = await world.services.jobs.cancel(CLIENT, job.job_id)
    assert cancelled.phase is JobPhase.CANCELLED
    assert cancelled.error is not None
    assert cancelled.error.message == "Cancelled by user"
    assert cancelled.payment is not None
    assert cancelled.payment.status is PaymentStatus.REFUNDED
    assert cancelled.payment.refunded == PRICE
    fee = before + PRICE - world.chain.balance(job.client)
    assert 0 < fee < AITBC // 10_000


async def test_cancelling_a_running_job_compensates_its_miner(world: World) -> None:
    miner = await world.miner()
    job = await world.job()
    lease = await world.claim(job.job_id)
    cancelled = await world.services.jobs.cancel(CLIENT, job.job_id)
    half = lease.terms.price_cap // 2
    assert world.chain.balance(miner.address) == half
    assert cancelled.miner is not None
    assert cancelled.miner.name == "miner-1"
    assert cancelled.payment is not None
    assert (cancelled.payment.paid, cancelled.payment.refunded) == (half, PRICE - half)


async def test_cancelling_twice_or_at_once_gives_the_same_answer(world: World) -> None:
    job = await world.job()
    answers = await asyncio.gather(
        *(world.services.jobs.cancel(CLIENT, job.job_id) for _ in range(5))
    )
    again = await world.services.jobs.cancel(CLIENT, job.job_id)
    assert {answer.phase for answer in [*answers, again]} == {JobPhase.CANCELLED}


async def test_a_job_whose_escrow_is_not_final_is_cancelled_once_it_is(world: World) -> None:
    world.chain.is_paused = True
    job = await world.services.jobs.create(CLIENT, spec())
    cancelling = asyncio.create_task(world.services.jobs.cancel(CLIENT, job.job_id))
    await asyncio.sleep(0.05)
    world.chain.is_paused = False
    world.chain.make_block()
    async with asyncio.timeout(10):
        assert (await cancelling).phase is JobPhase.CANCELLED


async def test_a_wallet_that_cannot_pay_the_fee_keeps_its_job_and_may_try_again(
    world: World,
) -> None:
    probe = await world.job(max_price=AITBC)
    assert probe.payment is not None
    balance = (await world.services.clients.view(CLIENT)).balance
    # A larger price takes a few more bytes, and bytes cost; a cancellation costs more than is left.
    job = await world.job(max_price=balance - probe.payment.fee - 100)
    with pytest.raises(InsufficientBalance):
        await world.services.jobs.cancel(CLIENT, job.job_id)
    assert (await world.get(job.job_id)).phase is JobPhase.QUEUED
    await world.pass_time(901)
    await world.pass_time(1)
    await world.settled(probe.job_id)
    again = await world.job(ttl_s=600)
    assert (await world.services.jobs.cancel(CLIENT, again.job_id)).phase is JobPhase.CANCELLED


async def _cancellations(world: World) -> list[OutboxState]:
    """Return what became of all cancellations that were ever signed."""
    query = select(outbox.c.state).where(outbox.c.intent.startswith("cancel:"))
    rows = await world.services.core.database.read(lambda c: c.execute(query).scalars().all())
    return [OutboxState(state) for state in rows]


async def test_a_cancellation_outlives_the_assignment_that_came_before_it(world: World) -> None:
    await world.miner()
    job = await world.job()
    world.chain.is_paused = True
    with world.impatience():
        with pytest.raises(Unavailable):
            await world.claim(job.job_id)
        with pytest.raises(Unavailable):
            await world.services.jobs.cancel(CLIENT, job.job_id)
    later = {id_: each for id_, each in world.chain._pool.items() if _cancels(each)}
    assert len(later) == 1
    for id_ in later:
        del world.chain._pool[id_]
    world.chain.make_block()
    await world.services.core.follower.catch_up()
    assert (await world.get(job.job_id)).phase is JobPhase.RUNNING
    assert await _cancellations(world) == [OutboxState.PENDING]
    world.chain._pool.update(later)
    world.chain.is_paused = False
    world.chain.make_block()
    assert (await world.services.jobs.cancel(CLIENT, job.job_id)).phase is JobPhase.CANCELLED
    assert await _cancellations(world) == [OutboxState.FINAL]


def _cancels(signed: SignedTransaction) -> bool:
    return isinstance(signed.transaction.action, CancelJob)


async def test_a_cancellation_that_the_node_may_have_taken_before_a_restart_is_not_forgotten(
    world: World,
) -> None:
    job = await world.job()
    world.chain.is_paused = True
    with world.impatience(), pytest.raises(Unavailable):
        await world.services.jobs.cancel(CLIENT, job.job_id)
    await world.restart()
    submit = world.chain.submit

    async def poor(signed: Sequence[bytes]) -> list[SubmitOutcome]:
        status = TransactionStatus.REJECTED
        return [SubmitOutcome(bytes(32), status, "INSUFFICIENT_BALANCE") for _ in signed]

    world.chain.submit = poor  # type: ignore[method-assign]
    with world.impatience(), pytest.raises(Unavailable, match="not final"):
        await world.services.jobs.cancel(CLIENT, job.job_id)
    assert await _cancellations(world) == [OutboxState.PENDING]
    world.chain.submit = submit  # type: ignore[method-assign]
    world.chain.is_paused = False
    world.chain.make_block()
    assert (await world.services.jobs.cancel(CLIENT, job.job_id)).phase is JobPhase.CANCELLED
    assert await _cancellations(world) == [OutboxState.FINAL]


async def test_finished_jobs_cannot_be_cancelled(world: World) -> None:
    await world.miner()
    done = await world.done((await world.job()).job_id)
    with pytest.raises(JobAlreadyCompleted):
        await world.services.jobs.cancel(CLIENT, done.job_id)
    failed = await world.job()
    await world.claim(failed.job_id)
    await world.services.leases.release(CLIENT, "miner-1", failed.job_id, GiveUp(1, "BAD_INPUT"))
    with pytest.raises(JobAlreadyFinished):
        await world.services.jobs.cancel(CLIENT, failed.job_id)


async def test_cancelling_and_completing_at_once_has_one_outcome(world: World) -> None:
    await world.miner()
    job = await world.job()
    await world.claim(job.job_id)
    await asyncio.gather(
        world.services.jobs.cancel(CLIENT, job.job_id),
        world.complete(job.job_id),
        return_exceptions=True,
    )
    ended = await world.settled(job.job_id)
    assert ended.phase in (JobPhase.CANCELLED, JobPhase.COMPLETED)
    assert ended.payment is not None
    assert ended.payment.paid + ended.payment.refunded == PRICE


async def test_nobody_cancels_anothers_job(world: World) -> None:
    job = await world.job()
    with pytest.raises(JobNotFound):
        await world.services.jobs.cancel(await world.client(), job.job_id)
    powerless = Principal(CLIENT.client_id, frozenset(), "none")
    with pytest.raises(Forbidden):
        await world.services.jobs.cancel(powerless, job.job_id)

"""Whole lives of jobs with a managed miner."""

import pytest

from coordinator.errors import InsufficientBalance, JobNotFound
from coordinator.jobs import JobFilter, JobPhase, PaymentStatus
from ledger.actions import Custody, UnitType
from tests.coordinator.world import AITBC, CLIENT, Balances, World, spec


async def test_a_job_is_done_received_attested_and_paid(world: World) -> None:
    miner = await world.miner(price=AITBC // 50, price_text="0.02")
    job = await world.job()
    before = Balances.of(world, job.client, miner.address)

    lease = await world.claim(job.job_id)
    world.clock.advance(2)
    receipt = await world.complete(job.job_id, "Rayleigh scattering.")
    done = await world.settled(job.job_id)

    assert lease.attempt == 1
    assert lease.terms.price_cap == AITBC // 50
    assert done.phase is JobPhase.COMPLETED
    assert done.result is not None
    assert done.result.text == "Rayleigh scattering."
    assert done.result.metadata == {"model": "smollm2-135m", "model_alias_of": "llama3.2"}
    assert done.receipt_id == receipt.receipt_id
    assert receipt.miner == miner.address
    assert receipt.custody is Custody.MANAGED
    assert receipt.unit_type is UnitType.COMPUTE_SECONDS
    assert receipt.units_micro == receipt.completed_ms * 1_000 - receipt.started_ms * 1_000
    assert receipt.model == "smollm2-135m"
    assert (done.started_ms, done.completed_ms) == (receipt.started_ms, receipt.completed_ms)
    assert done.payment is not None
    assert done.payment.status is PaymentStatus.RELEASED
    assert done.payment.amount == AITBC // 10
    assert done.payment.paid == AITBC // 50
    assert done.payment.refunded == AITBC // 10 - AITBC // 50

    after = Balances.of(world, job.client, miner.address)
    share = (AITBC // 50) * 500 // 10_000
    assert after.miner - before.miner == AITBC // 50 - share
    assert after.coordinator - before.coordinator == share
    assert after.client - before.client == AITBC // 10 - AITBC // 50


async def test_insufficient_balance_leaves_nothing_behind(world: World) -> None:
    rich_beyond = 2 * world.config.faucet_amount
    with pytest.raises(InsufficientBalance) as caught:
        await world.services.jobs.create(CLIENT, spec(max_price=rich_beyond))
    assert caught.value.needed > rich_beyond
    page = await world.services.jobs.list(CLIENT, JobFilter(), limit=10)
    assert page.total == 0


async def test_another_client_does_not_see_the_job(world: World) -> None:
    job = await world.job()
    other = await world.client()
    with pytest.raises(JobNotFound):
        await world.get(job.job_id, other)

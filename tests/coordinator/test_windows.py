"""A job with a dispute window waits for it; its client disputes its receipt, or accepts it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from coordinator.clients import Budget, BudgetPeriod
from coordinator.errors import (
    Forbidden,
    InsufficientBalance,
    InvalidRequest,
    JobAlreadyFinished,
    JobNotCompleted,
    JobNotFound,
    ReceiptSettled,
)
from coordinator.jobs import JobPhase, JobView, PaymentStatus
from coordinator.outbox import store
from ledger.actions import CastVote, Reason
from ledger.motions import ResolveDispute
from ledger.records import JobState
from tests.chains import AWAKE, VALIDATOR
from tests.coordinator.test_disputes import act
from tests.coordinator.test_keys import issued
from tests.coordinator.world import CLIENT, World, spec

WINDOW_S = 3_600

BAD = Reason.RESULT_MALFORMED


@pytest.fixture
async def narrow(folder: Path) -> AsyncIterator[World]:
    """Return a world whose chain allows a minute for disputes."""
    made = World(folder, parameters=replace(AWAKE, dispute_max_ms=60_000, unbond_ms=2_000_000_000))
    await made.start()
    yield made
    await made.finish()


async def delivered(world: World) -> JobView:
    """Return a job with a window whose result is here and attested."""
    await world.miner()
    job = await world.job(dispute_window_s=WINDOW_S)
    await world.claim(job.job_id)
    await world.complete(job.job_id)
    await world.quiet()
    live = world.chain.job(job.job_id)
    assert live is not None
    assert live.receipt is not None
    assert live.receipt.delivery_attested
    return await world.get(job.job_id)


async def test_a_window_holds_the_settlement_back_until_it_is_over(world: World) -> None:
    job = await delivered(world)
    payment = job.payment
    assert payment is not None
    assert (job.phase, payment.status) == (JobPhase.COMPLETED, PaymentStatus.ESCROWED)
    live = world.chain.job(job.job_id)
    assert live is not None
    assert live.receipt is not None
    assert payment.dispute_until_ms == live.receipt.received_ms + WINDOW_S * 1_000
    await world.pass_time(WINDOW_S - 60)
    assert (await world.get(job.job_id)).payment == payment
    await world.pass_time(62)
    ended = (await world.settled(job.job_id)).payment
    assert ended is not None
    assert (ended.status, ended.dispute_until_ms) == (PaymentStatus.RELEASED, None)
    with pytest.raises(ReceiptSettled):
        await world.services.jobs.dispute(CLIENT, job.job_id, BAD)


async def test_an_accepted_receipt_settles_before_its_window_is_over(world: World) -> None:
    job = await delivered(world)
    for _ in range(2):
        accepted = await world.services.jobs.accept(CLIENT, job.job_id)
        assert accepted.payment is not None
        assert accepted.payment.status is PaymentStatus.RELEASED
    await world.check()


@pytest.mark.parametrize("for_miner", [True, False])
async def test_a_dispute_stops_the_settlement_until_the_ruling(
    world: World, *, for_miner: bool
) -> None:
    job = await delivered(world)
    assert job.payment is not None
    before = world.chain.balance(job.client)
    for _ in range(2):
        disputed = await world.services.jobs.dispute(CLIENT, job.job_id, BAD)
        assert disputed.payment is not None
        assert disputed.payment.status is PaymentStatus.DISPUTED
        assert disputed.payment.dispute_until_ms is None
    live = world.chain.job(job.job_id)
    assert live is not None
    assert (live.state, live.dispute and live.dispute.opener) == (JobState.DISPUTED, job.client)
    bond = world.chain.parameters().dispute_bond
    fee = before - world.chain.balance(job.client) - bond
    assert 0 < fee < bond
    await world.check()
    await world.pass_time(WINDOW_S + 2)
    assert world.chain.job(job.job_id) is not None, "the window is nothing to a dispute"

    await act(world, VALIDATOR, CastVote(None, ResolveDispute(job.job_id, for_miner), support=True))
    ended = (await world.settled(job.job_id)).payment
    assert ended is not None
    left = world.chain.balance(job.client)
    if for_miner:
        assert ended.status is PaymentStatus.RELEASED
        assert left == before - fee - bond + ended.refunded
    else:
        assert ended.status is PaymentStatus.REFUNDED
        assert left == before - fee + job.payment.amount
        with pytest.raises(ReceiptSettled):
            await world.services.jobs.accept(CLIENT, job.job_id)
    await world.check()


async def test_a_disputed_receipt_can_still_be_accepted_and_the_bond_comes_back(
    world: World,
) -> None:
    job = await delivered(world)
    before = world.chain.balance(job.client)
    await world.services.jobs.dispute(CLIENT, job.job_id, BAD)
    accepted = await world.services.jobs.accept(CLIENT, job.job_id)
    assert accepted.payment is not None
    assert accepted.payment.status is PaymentStatus.RELEASED
    fees = before + accepted.payment.refunded - world.chain.balance(job.client)
    assert 0 < fees < world.chain.parameters().dispute_bond


async def test_there_is_nothing_to_say_of_a_job_without_a_receipt(world: World) -> None:
    jobs = world.services.jobs
    job = await world.job(dispute_window_s=WINDOW_S)
    for say in (jobs.accept(CLIENT, job.job_id), jobs.dispute(CLIENT, job.job_id, BAD)):
        with pytest.raises(JobNotCompleted):
            await say
    stranger = await world.client()
    with pytest.raises(JobNotFound):
        await jobs.dispute(stranger, job.job_id, BAD)
    await jobs.cancel(CLIENT, job.job_id)
    for say in (jobs.accept(CLIENT, job.job_id), jobs.dispute(CLIENT, job.job_id, BAD)):
        with pytest.raises(JobAlreadyFinished):
            await say


async def test_a_bond_that_the_wallet_does_not_cover_leaves_nothing(world: World) -> None:
    poor = await world.client()
    available = (await world.services.accounts.balance(poor)).available
    wanted = spec(max_price=available // 2, dispute_window_s=WINDOW_S)
    price = available - (await world.services.quotes.quote(poor, wanted)).fee
    await world.miner()
    job = await world.job(poor, max_price=price, dispute_window_s=WINDOW_S)
    await world.claim(job.job_id)
    await world.complete(job.job_id)
    await world.quiet()
    with pytest.raises(InsufficientBalance):
        await world.services.jobs.dispute(poor, job.job_id, BAD)
    assert not await world.services.core.database.read(lambda c: store.pending(c, 1))


async def test_a_key_with_a_budget_locks_no_bond(world: World) -> None:
    _, buyer = await issued(world, CLIENT, budget=Budget(10**12, BudgetPeriod.TOTAL))
    job = await delivered(world)
    with pytest.raises(Forbidden):
        await world.services.jobs.dispute(buyer, job.job_id, BAD)


async def test_a_window_that_the_chain_does_not_allow_is_refused(narrow: World) -> None:
    with pytest.raises(InvalidRequest, match="dispute_window_seconds"):
        await narrow.job(dispute_window_s=61)
    await narrow.job(dispute_window_s=60)

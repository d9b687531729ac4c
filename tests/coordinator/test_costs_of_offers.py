"""What a job costs that is taken to an offer: its price, and the fees of both transactions."""

import pytest

from coordinator.clients import Budget, BudgetPeriod, Principal
from coordinator.clients.budgets import span_of
from coordinator.clients.errors import KeyBudgetExceeded
from coordinator.errors import InsufficientBalance
from coordinator.jobs import JobPhase
from tests.coordinator.test_keys import issued
from tests.coordinator.test_marketplace import held, post
from tests.coordinator.world import AITBC, CLIENT, World, spec

LOCKED = AITBC // 10


async def _fee(world: World, principal: Principal, **changes: object) -> int:
    """Return the fees that are named before an order."""
    return (await world.services.quotes.quote(principal, spec(**changes))).fee


async def test_a_wallet_that_covers_price_and_both_fees_is_enough_and_less_is_not(
    world: World,
) -> None:
    await world.miner()
    offer_id = (await post(world)).hex()
    buyer = await world.client()
    balance = (await world.services.quotes.quote(buyer, spec())).available
    one = await _fee(world, buyer, max_price=balance // 2)
    both = await _fee(world, buyer, max_price=balance // 2, offer_id=offer_id)
    assert both > one
    for price in (balance - one, balance - both + 1):
        with pytest.raises(InsufficientBalance):
            await world.services.jobs.create(buyer, spec(offer_id=offer_id, max_price=price))
    enough = spec(offer_id=offer_id, max_price=balance - both)
    made = await world.services.jobs.create(buyer, enough)
    running = await world.until(made.job_id, JobPhase.RUNNING, buyer)
    assert running.payment is not None
    assert running.payment.fee == both
    assert (await world.services.quotes.quote(buyer, spec())).available == 0


async def test_the_fee_of_an_acceptance_counts_against_the_budget_of_the_jobs_key(
    world: World,
) -> None:
    await world.miner()
    offer_id = await post(world)
    owner = await world.client()
    one = await _fee(world, owner, max_price=LOCKED)
    both = await _fee(world, owner, offer_id=offer_id.hex(), max_price=LOCKED)
    for amount, is_enough in ((LOCKED + both - 1, False), (LOCKED + both, True)):
        _, buyer = await issued(world, owner, budget=Budget(amount, BudgetPeriod.TOTAL))
        job = await world.job(buyer, hold=True, max_price=LOCKED)
        assert await _left(world, buyer) == amount - LOCKED - one
        if not is_enough:
            with pytest.raises(KeyBudgetExceeded):
                await world.services.marketplace.accept(buyer, offer_id, job.job_id)
            continue
        await world.services.marketplace.accept(buyer, offer_id, job.job_id)
        await world.until(job.job_id, JobPhase.RUNNING, buyer)
        assert await _left(world, buyer) == 0


async def test_the_fee_of_an_acceptance_counts_to_the_day_of_its_job(world: World) -> None:
    await world.miner()
    offer_id = await post(world, duration_s=86_400, max_jobs=2)
    owner = await world.client()
    both = await _fee(world, owner, offer_id=offer_id.hex(), max_price=LOCKED)
    _, midnight_ms = span_of(BudgetPeriod.DAY, world.clock())
    assert midnight_ms is not None
    await world.pass_time((midnight_ms - world.clock()) / 1_000 - 60)
    held_jobs = []
    for amount in (LOCKED + both - 1, LOCKED + both):
        _, buyer = await issued(world, owner, budget=Budget(amount, BudgetPeriod.DAY))
        held_jobs.append((buyer, await world.job(buyer, hold=True, max_price=LOCKED)))
    await world.pass_time(120)
    (poor, refused), (rich, taken) = held_jobs
    with pytest.raises(KeyBudgetExceeded):
        await world.services.marketplace.accept(poor, offer_id, refused.job_id)
    # What the new day cost is nothing to the day of the job.
    await world.job(rich, max_price=LOCKED)
    await world.services.marketplace.accept(rich, offer_id, taken.job_id)
    await world.until(taken.job_id, JobPhase.RUNNING, rich)


async def test_an_acceptance_that_is_never_included_gives_its_fee_back(world: World) -> None:
    await world.miner()
    offer_id, job = await post(world), await held(world)
    assert job.payment is not None
    world.chain.is_paused = True
    await world.services.marketplace.accept(CLIENT, offer_id, job.job_id)
    charged = (await world.get(job.job_id)).payment
    assert charged is not None
    assert charged.fee > job.payment.fee
    world.chain.drop_pool()
    # Or the courier sends the same bytes in time.
    await world.kill()
    world.clock.advance(world.config.timings.assignment_validity_ms / 1_000 + 2)
    world.chain.is_paused = False
    world.chain.make_block()
    world.services = world.build()
    await world.start()
    await world.quiet()
    assert (await world.get(job.job_id)).payment == job.payment


async def _left(world: World, buyer: Principal) -> int:
    use = await world.services.clients.keys.usage(buyer, buyer.key_id)
    assert use.standing is not None
    return use.standing.left

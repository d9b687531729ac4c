"""Quotes and the roster of miners: who counts, who is ready, and what a job would take."""

from typing import Any

import pytest
from sqlalchemy import update

from coordinator.clients.model import Principal, Scope
from coordinator.database.tables import miners
from coordinator.errors import Forbidden, JobNotPossible
from coordinator.quotes.service import HEARD_MS
from tests.coordinator.world import AITBC, CLIENT, World, spec

CLASSIFIER: dict[str, Any] = {
    "name": "image-classification",
    "entrypoint": "model.py",
    "requirements": ["numpy", "torch"],
}
LIBRARY: dict[str, Any] = {
    "packages": ["numpy"],
    "programs": {"image-classification/model.py": {"does_without": ["torch"]}},
}


async def test_the_price_is_that_of_the_cheapest_miner_that_fits(world: World) -> None:
    await world.miner("dear", price=AITBC // 20, price_text="0.05")
    await world.miner("cheap", price=AITBC // 50, price_text="0.02")
    await world.miner("cheapest", capabilities=("ffmpeg_transcode",), price=1, price_text="0.1")
    quote = await world.services.quotes.quote(CLIENT, spec())
    assert quote.price == AITBC // 50
    assert quote.max_price == AITBC // 10
    assert (quote.eligibility.registered, quote.eligibility.eligible) == (3, 2)


async def test_a_job_that_is_quoted_and_submitted_takes_what_the_quote_said(world: World) -> None:
    quote = await world.services.quotes.quote(CLIENT, spec())
    job = await world.job()
    assert job.payment is not None
    assert (job.payment.amount, job.payment.fee) == (quote.max_price, quote.fee)
    after = await world.services.quotes.quote(CLIENT, spec())
    assert quote.available - after.available == quote.max_price + quote.fee


async def test_a_miner_that_drains_or_retires_is_not_counted_on(world: World) -> None:
    miner = await world.miner()
    row = miners.c.address == miner.address
    database = world.services.core.database
    await database.write(lambda c: c.execute(update(miners).where(row).values(is_draining=True)))
    quote = await world.services.quotes.quote(CLIENT, spec())
    assert not quote.is_possible
    assert quote.eligibility.exclusions == {"MINER_DRAINING": 1}
    await database.write(lambda c: c.execute(update(miners).where(row).values(is_active=False)))
    assert (await world.services.quotes.quote(CLIENT, spec())).eligibility.registered == 0


async def test_what_a_miner_declares_anew_counts_at_once(world: World) -> None:
    await world.miner(capabilities=("ffmpeg_transcode",))
    assert not (await world.services.quotes.quote(CLIENT, spec())).is_possible
    await world.miner()
    assert (await world.services.quotes.quote(CLIENT, spec())).is_possible


async def test_a_miner_that_was_silent_for_a_minute_is_not_ready(world: World) -> None:
    await world.miner()
    await world.services.leases.poll(CLIENT, "miner-1", 0)
    quote = await world.services.quotes.quote(CLIENT, spec())
    assert (quote.ready, quote.start_ms) == (1, world.clock())
    world.clock.advance(HEARD_MS / 1_000 + 1)
    silent = await world.services.quotes.quote(CLIENT, spec())
    assert (silent.ready, silent.start_ms, silent.completion_ms) == (0, None, None)
    assert silent.is_possible, "it may come back"


async def test_two_miners_halve_the_wait(world: World) -> None:
    for name in ("miner-1", "miner-2"):
        await world.miner(name)
        await world.services.leases.poll(CLIENT, name, 0)
    jobs = [await world.job() for _ in range(5)]
    await world.claim(jobs[0].job_id)
    quote = await world.services.quotes.quote(CLIENT, spec())
    assert quote.queued_ahead == 4
    assert quote.start_ms is not None
    assert quote.completion_ms is not None
    usual_ms = quote.completion_ms - quote.start_ms
    # Four jobs wait and one miner is at work: two rounds of both come before.
    assert quote.start_ms - world.clock() == 2 * usual_ms


async def test_a_job_that_is_held_for_an_offer_is_nobodys_turn(world: World) -> None:
    await world.miner()
    await world.job(hold=True)
    assert (await world.services.quotes.quote(CLIENT, spec())).queued_ahead == 0


async def test_a_program_is_quoted_by_what_it_needs(world: World) -> None:
    await world.miner(capabilities=("python",), python=LIBRARY)
    program: dict[str, Any] = {"service": "python", "model": "", "params": {}, "input": CLASSIFIER}
    assert (await world.services.quotes.quote(CLIENT, spec(**program, gpu_count=1))).is_possible
    other = program | {"input": CLASSIFIER | {"requirements": ["numpy", "jax"]}}
    quote = await world.services.quotes.quote(CLIENT, spec(**other))
    assert quote.eligibility.exclusions == {"REQUIREMENTS_NOT_MET": 1}


async def test_a_miner_is_given_the_programs_that_it_can_run_and_no_others(world: World) -> None:
    await world.miner(capabilities=("python",), python=LIBRARY)
    program: dict[str, Any] = {"service": "python", "model": "", "params": {}}
    await world.job(**program, input=CLASSIFIER | {"requirements": ["jax"]})
    await world.job(**program, input={"entrypoint": "own.py", "source": "print(1)"})
    reply = await world.services.leases.poll(CLIENT, "miner-1", 0)
    assert reply.offer is None
    assert reply.reasons == {"REQUIREMENTS_NOT_MET": 1, "SOURCE_NOT_TAKEN": 1}
    fitting = await world.job(**program, input=CLASSIFIER, gpu_count=1)
    offer = (await world.services.leases.poll(CLIENT, "miner-1", 0)).offer
    assert offer is not None
    assert offer.job_id == fitting.job_id


async def test_a_strict_submission_of_an_impossible_job_leaves_nothing_behind(
    world: World,
) -> None:
    await world.miner()
    before = await world.services.quotes.quote(CLIENT, spec())
    with pytest.raises(JobNotPossible) as caught:
        await world.services.jobs.create(CLIENT, spec(model="gpt-4"), is_strict=True)
    assert caught.value.exclusions == {"MODEL_NOT_OFFERED": 1}
    after = await world.services.quotes.quote(CLIENT, spec())
    assert after.available == before.available
    job = await world.services.jobs.create(CLIENT, spec(), is_strict=True)
    assert job.eligibility is not None
    assert job.eligibility.eligible == 1


async def test_a_quote_needs_the_right_to_submit(world: World) -> None:
    client = await world.client()
    reader = Principal(client.client_id, frozenset({Scope.READ}), "k")
    with pytest.raises(Forbidden):
        await world.services.quotes.quote(reader, spec())

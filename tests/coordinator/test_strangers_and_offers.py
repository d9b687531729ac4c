"""Strangers who use this coordinator's offers by the chain alone: miners go on with their work."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select

from coordinator.database.marketplace_tables import acceptances, offers
from coordinator.database.tables import attempts, jobs
from coordinator.errors import JobNotClaimable
from coordinator.jobs import JobPhase
from coordinator.leases import GiveUp
from ledger.actions import AcceptOffer, PostOffer, Reason
from ledger.hashing import sha256
from ledger.types import Hash
from tests.coordinator.own_miner import OwnMiner
from tests.coordinator.strangers import send, submission, take
from tests.coordinator.test_marketplace import PRICE, accept, held, post
from tests.coordinator.world import CLIENT, PATIENCE_S, TIMINGS, World, spec


async def _own_offer(world: World, own: OwnMiner, slots: int = 1) -> Hash:
    """Offer work of a miner with its own key, by the chain alone; return the offer."""
    core = world.services.core
    assert core.faucet is not None
    faucet = core.faucet
    sent = await core.database.write(lambda c: faucet.fund(c, core.moments.now(), own.key.address))
    await core.courier.send_and_wait(sent, PATIENCE_S)
    offer = PostOffer("llm_inference", PRICE, slots, sha256(b"{}"), world.clock() + 600_000)
    (outcome,) = await world.chain.submit([own.sign(offer)])
    await world.quiet()
    return outcome.transaction_id


async def _row(world: World, job_id: Hash) -> object:
    query = select(jobs.c.phase, jobs.c.error_code).where(jobs.c.job_id == job_id)
    return tuple(await world.services.core.database.read(lambda c: c.execute(query).one()))


async def test_a_managed_miner_gives_back_what_came_without_input(world: World) -> None:
    """J31: the job ends at once, and nobody blames the miner."""
    await world.miner()
    stranger = await take(world, await post(world), PRICE)
    assert await _row(world, stranger) == ("failed", "NO_PAYLOAD")
    assert world.chain.job(stranger) is None
    ends = select(attempts.c.end_reason).where(attempts.c.job_id == stranger)
    (reason,) = await world.services.core.database.read(lambda c: c.execute(ends).scalars().all())
    assert reason == Reason.NO_PAYLOAD
    job = await world.job()
    polled = await world.services.leases.poll(CLIENT, "miner-1", 0)
    assert polled.offer is not None
    assert polled.offer.job_id == job.job_id
    await world.done(job.job_id)


async def test_a_miner_with_its_own_key_is_shown_other_work_meanwhile(folder: Path) -> None:
    world = World(folder, timings=replace(TIMINGS, leases_per_miner_max=1))
    await world.start()
    own = OwnMiner(world)
    await own.register()
    stranger = await take(world, await _own_offer(world, own), PRICE)
    assert (await _row(world, stranger)) == ("running", None)
    with pytest.raises(JobNotClaimable):
        await own.claim(stranger)
    job = await world.job()
    polled = await world.services.leases.poll(CLIENT, own.name, 0)
    assert polled.offer is not None
    assert polled.offer.job_id == job.job_id
    lease = await own.claim(job.job_id)
    await world.services.leases.complete(CLIENT, own.name, job.job_id, own.completion(lease))
    assert (await world.settled(job.job_id)).phase is JobPhase.COMPLETED
    await world.finish()


async def test_a_miner_with_its_own_key_may_give_it_back(world: World) -> None:
    own = OwnMiner(world)
    await own.register()
    stranger = await take(world, await _own_offer(world, own), PRICE)
    give_up = GiveUp(1, "NO_PAYLOAD", transaction=own.given_back(stranger, 1, Reason.NO_PAYLOAD))
    await world.services.leases.release(CLIENT, own.name, stranger, give_up)
    assert await _row(world, stranger) == ("failed", "NO_PAYLOAD")


async def test_a_rebuild_leaves_the_slots_of_offers_as_they_were(world: World) -> None:
    """K2: of an offer that came by the chain alone, with acceptances that came and that were lost.

    A number of reserved slots below 0 would let more jobs be taken than there are slots.
    """
    own = OwnMiner(world)
    await own.register()
    offer_id = await _own_offer(world, own, slots=3)
    first, second = await held(world), await held(world)
    await accept(world, offer_id, first.job_id)
    await world.until(first.job_id, JobPhase.RUNNING)
    world.chain.is_paused = True
    await accept(world, offer_id, second.job_id)
    world.chain.drop_pool()
    await world.kill()
    world.clock.advance(world.config.timings.assignment_validity_ms / 1_000 + 2)
    world.chain.is_paused = False
    world.chain.make_block()
    world.services = world.build()
    await world.start()
    await world.quiet()
    database = world.services.core.database
    columns = select(offers.c.slots_left, offers.c.reserved, offers.c.status)
    phases = select(acceptances.c.phase).order_by(acceptances.c.phase)

    def look(connection: Connection) -> tuple[object, ...]:
        return (*connection.execute(columns).one(), *connection.execute(phases).scalars())

    before = await database.read(look)
    assert before == (2, 0, "active", "final", "lost")
    await world.services.core.follower.forget()
    await world.services.core.follower.catch_up()
    assert await database.read(look) == before


async def _is_rebuilt_the_same(world: World) -> None:
    await world.quiet()
    database = world.services.core.database
    columns = select(attempts.c.assignment_id, attempts.c.phase, attempts.c.assigned_ms)
    query = columns.add_columns(attempts.c.ended_ms, attempts.c.end_reason).order_by(
        attempts.c.assignment_id
    )
    before = await database.read(lambda c: c.execute(query).all())
    assert before, "the stranger's job was assigned"
    await world.services.core.follower.forget()
    await world.services.core.follower.catch_up()
    assert await database.read(lambda c: c.execute(query).all()) == before


async def test_a_rebuild_follows_a_job_and_its_acceptance_in_one_block(world: World) -> None:
    """K2: of a stranger's job nothing is left when it is locked again, not its attempts either."""
    await world.miner()
    offer_id = await post(world)
    world.chain.is_paused = True
    job_id = await send(world, submission(world))
    await send(world, AcceptOffer(job_id=job_id, offer_id=offer_id, price=PRICE))
    world.chain.is_paused = False
    world.chain.make_block()
    await _is_rebuilt_the_same(world)


async def test_a_rebuild_follows_a_strangers_job_that_was_locked_beside_a_known_one(
    world: World,
) -> None:
    """K2: the block's jobs are read together, and the stranger's is not there yet."""
    await world.miner()
    offer_id = await post(world)
    world.chain.is_paused = True
    creating = asyncio.create_task(world.services.jobs.create(CLIENT, spec()))
    job_id = await send(world, submission(world))
    await creating
    world.chain.is_paused = False
    world.chain.make_block()
    await world.quiet()
    await send(world, AcceptOffer(job_id=job_id, offer_id=offer_id, price=PRICE))
    await _is_rebuilt_the_same(world)


async def test_attempts_that_an_older_rebuild_left_behind_are_in_nobodys_way(world: World) -> None:
    """K2: emptied by a version that kept the attempts of strangers' jobs, and failed then."""
    await world.miner()
    offer_id = await post(world)
    world.chain.is_paused = True
    creating = asyncio.create_task(world.services.jobs.create(CLIENT, spec()))
    job_id = await send(world, submission(world))
    await send(world, AcceptOffer(job_id=job_id, offer_id=offer_id, price=PRICE))
    await creating
    world.chain.is_paused = False
    world.chain.make_block()
    await world.quiet()
    core = world.services.core
    rows = select(attempts).where(attempts.c.job_id == job_id)
    left = await core.database.read(lambda c: c.execute(rows).mappings().one())
    await core.follower.forget()
    await core.database.write(lambda c: c.execute(insert(attempts).values(**left)))
    await core.follower.catch_up()
    assert await core.database.read(lambda c: c.execute(rows).mappings().one()) == left

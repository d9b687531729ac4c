"""Strangers who use this coordinator's offers by the chain alone: miners go on with their work."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from coordinator.database.marketplace_tables import acceptances, offers
from coordinator.database.tables import attempts, jobs
from coordinator.errors import JobNotClaimable
from coordinator.jobs import JobPhase
from coordinator.leases import GiveUp
from coordinator.outbox import Signer
from ledger.actions import AcceptOffer, Action, PostOffer, Reason, SubmitJob, Verification
from ledger.hashing import sha256
from ledger.types import Hash
from tests.coordinator.own_miner import OwnMiner
from tests.coordinator.test_marketplace import PRICE, accept, held, post
from tests.coordinator.world import AITBC, CLIENT, COORDINATOR, PATIENCE_S, STRANGER, TIMINGS, World


async def _by_the_chain(world: World, action: Action) -> Hash:
    """Sign an action with a stranger's key and send it to the chain; return its id."""
    signer = Signer(world.chain.chain_id, world.chain.tags, lambda count: b"\x07" * count)
    signed = signer.sign(world.services.core.moments.now(), STRANGER, action, 60_000)
    (outcome,) = await world.chain.submit([signed.signed])
    assert not outcome.code
    await world.quiet()
    return signed.transaction_id


async def _take(world: World, offer_id: Hash) -> Hash:
    """Take an offer for a job that has no input here; return the job."""
    until_ms = world.clock() + 86_000_000
    job_id = await _by_the_chain(
        world,
        SubmitJob(
            coordinator=COORDINATOR.address,
            service="llm_inference",
            payload_digest=bytes(32),
            max_price=AITBC,
            start_by_ms=until_ms,
            deadline_ms=until_ms,
            dispute_ms=0,
            streamed=False,
            verification=Verification.NONE,
        ),
    )
    await _by_the_chain(world, AcceptOffer(job_id=job_id, offer_id=offer_id, price=PRICE))
    return job_id


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
    stranger = await _take(world, await post(world))
    assert await _row(world, stranger) == ("failed", "NO_PAYLOAD")
    assert world.chain.job(stranger) is None
    ends = select(attempts.c.end_reason).where(attempts.c.job_id == stranger)
    (reason,) = await world.services.core.database.read(lambda c: c.execute(ends).scalars().all())
    assert reason == Reason.NO_PAYLOAD
    job = await world.job()
    polled = await world.services.leases.poll(CLIENT, "miner-1", 0)
    assert polled.offer is not None
    assert polled.offer.job.job_id == job.job_id
    await world.done(job.job_id)


async def test_a_miner_with_its_own_key_is_shown_other_work_meanwhile(folder: Path) -> None:
    world = World(folder, timings=replace(TIMINGS, leases_per_miner_max=1))
    await world.start()
    own = OwnMiner(world)
    await own.register()
    stranger = await _take(world, await _own_offer(world, own))
    assert (await _row(world, stranger)) == ("running", None)
    with pytest.raises(JobNotClaimable):
        await own.claim(stranger)
    job = await world.job()
    polled = await world.services.leases.poll(CLIENT, own.name, 0)
    assert polled.offer is not None
    assert polled.offer.job.job_id == job.job_id
    lease = await own.claim(job.job_id)
    await world.services.leases.complete(CLIENT, own.name, job.job_id, own.completion(lease))
    assert (await world.settled(job.job_id)).phase is JobPhase.COMPLETED
    await world.finish()


async def test_a_miner_with_its_own_key_may_give_it_back(world: World) -> None:
    own = OwnMiner(world)
    await own.register()
    stranger = await _take(world, await _own_offer(world, own))
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

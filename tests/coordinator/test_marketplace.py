"""Offers in the coordinator: nothing is stranded by a crash, and the chain has the last word."""

import shutil
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, update

from coordinator.database.marketplace_tables import (
    acceptances,
    market_totals,
    miner_records,
    offers,
)
from coordinator.database.tables import miners
from coordinator.errors import (
    InsufficientBalance,
    JobNotClaimable,
    LeaseLost,
    TransactionInvalid,
    Unavailable,
)
from coordinator.jobs import JobFilter, JobPhase, JobView
from coordinator.leases import GiveUp
from coordinator.marketplace import (
    OfferNotAvailable,
    OfferStatus,
    OfferWish,
    PriceAboveMaximum,
)
from ledger.actions import PostOffer, WithdrawOffer
from ledger.hashing import sha256
from tests.coordinator.crashes import live_through
from tests.coordinator.own_miner import OwnMiner
from tests.coordinator.world import AITBC, CLIENT, PATIENCE_S, World, spec

PRICE = AITBC // 50
POINTS_MAX = 200
EVERY = pytest.param(1, marks=pytest.mark.soak, id="every")
OVERTAKEN = (JobNotClaimable, LeaseLost)

Life = Callable[[World], Awaitable[None]]


def wish(**changes: object) -> OfferWish:
    fields: dict[str, object] = {"job_type": "llm_inference", "price": PRICE, "max_jobs": 1}
    return OfferWish(**(fields | changes))  # type: ignore[arg-type]


async def post(world: World, **changes: object) -> bytes:
    """Make an offer of the managed miner; return its id."""
    return (await world.services.marketplace.post(CLIENT, wish(**changes))).offer_id


async def held(world: World) -> JobView:
    """Return a queued job that waits for an offer to be accepted."""
    return await world.job(hold=True)


async def accept(world: World, offer_id: bytes, job_id: bytes) -> bytes:
    accepted = await world.services.marketplace.accept(CLIENT, offer_id, job_id)
    return accepted.transaction_id


async def status(world: World, offer_id: bytes) -> tuple[OfferStatus, int]:
    found = await world.services.marketplace.get(offer_id)
    return found.status, found.jobs_left


# ---------------------------------------------------------------- crashes


async def _the_offer(world: World) -> bytes:
    page = await world.services.marketplace.list()
    known = await world.services.core.database.read(
        lambda c: c.execute(select(offers.c.offer_id)).scalars().all()
    )
    assert len(known) <= 1 or page.items, "only what never came to the chain was made again"
    shown = [one for one in known if world.chain.status(one).value == "final"]
    return shown[0] if shown else await post(world)


async def _the_job(world: World) -> JobView:
    page = await world.services.jobs.list(CLIENT, JobFilter(), limit=10)
    assert page.total <= 1
    if not page.items:
        await world.services.jobs.create(CLIENT, spec(hold=True))
        page = await world.services.jobs.list(CLIENT, JobFilter(), limit=10)
    return page.items[0]


@pytest.mark.parametrize("step", [9, EVERY])
async def test_an_accepted_offer_survives_a_crash_at_any_point(folder: Path, step: int) -> None:
    async def life(world: World) -> None:
        await world.miner()
        offer_id = await _the_offer(world)
        job = await _the_job(world)
        if job.phase in (JobPhase.ACCEPTED, JobPhase.QUEUED, JobPhase.RUNNING):
            await accept(world, offer_id, job.job_id)
            await world.until(job.job_id, JobPhase.RUNNING)
            with suppress(*OVERTAKEN):
                await world.claim(job.job_id)
                await world.complete(job.job_id)
        await world.settled(job.job_id)

    for at in count(1, step):
        assert at < POINTS_MAX
        world = World(Path(shutil.copytree(folder, folder.with_name(f"life-{at}"))))
        await world.start()
        crashed = await live_through(world, at, life)
        job = await _the_job(world)
        assert job.phase is JobPhase.COMPLETED
        assert job.payment is not None
        assert (job.payment.paid, job.attempt) == (PRICE, 1)
        await world.quiet()
        for row in await world.services.core.database.read(
            lambda c: c.execute(select(offers)).all()
        ):
            assert row.reserved == 0
        await world.finish()
        if not crashed:
            return


@pytest.mark.parametrize("step", [9, EVERY])
async def test_a_job_that_is_made_for_an_offer_survives_a_crash_at_any_point(
    folder: Path, step: int
) -> None:
    async def life(world: World) -> None:
        await world.miner()
        offer_id = await _the_offer(world)
        page = await world.services.jobs.list(CLIENT, JobFilter(), limit=10)
        if page.items:
            job_id = page.items[0].job_id
        else:
            wanted = spec(offer_id=offer_id.hex(), max_price=None)
            job_id = (await world.services.jobs.create(CLIENT, wanted)).job_id
        if (await world.get(job_id)).phase is not JobPhase.COMPLETED:
            await world.until(job_id, JobPhase.RUNNING)
            with suppress(*OVERTAKEN):
                await world.claim(job_id)
                await world.complete(job_id)
        await world.settled(job_id)

    for at in count(1, step):
        assert at < POINTS_MAX
        world = World(Path(shutil.copytree(folder, folder.with_name(f"life-{at}"))))
        await world.start()
        crashed = await live_through(world, at, life)
        page = await world.services.jobs.list(CLIENT, JobFilter(), limit=10)
        (job,) = page.items
        assert job.payment is not None
        assert (job.payment.amount, job.payment.paid, job.attempt) == (PRICE, PRICE, 1)
        await world.finish()
        if not crashed:
            return


async def test_a_job_whose_escrow_is_refused_leaves_its_offer_as_it_was(world: World) -> None:
    await world.miner()
    offer_id = await post(world)
    poor = await world.client()
    wanted = spec(offer_id=offer_id.hex(), max_price=10**9 * AITBC)
    with pytest.raises(InsufficientBalance):
        await world.services.jobs.create(poor, wanted)
    with pytest.raises(PriceAboveMaximum):
        await world.services.jobs.create(CLIENT, spec(offer_id=offer_id.hex(), max_price=1))
    assert await status(world, offer_id) == (OfferStatus.ACTIVE, 1)
    await world.services.jobs.create(CLIENT, spec(offer_id=offer_id.hex()))
    with pytest.raises(OfferNotAvailable):
        await world.services.jobs.create(CLIENT, spec(offer_id=offer_id.hex()))
    assert (await world.services.jobs.list(CLIENT, JobFilter(), limit=10)).total == 1


async def test_an_acceptance_that_is_never_included_gives_slot_and_job_back(world: World) -> None:
    await world.miner()
    offer_id, job = await post(world), await held(world)
    world.chain.is_paused = True
    await accept(world, offer_id, job.job_id)
    assert await status(world, offer_id) == (OfferStatus.ACTIVE, 0)
    world.chain.drop_pool()
    await world.kill()
    world.clock.advance(world.config.timings.assignment_validity_ms / 1_000 + 2)
    world.chain.is_paused = False
    world.chain.make_block()
    world.services = world.build()
    await world.start()
    await world.quiet()
    assert await status(world, offer_id) == (OfferStatus.ACTIVE, 1)
    assert (await world.get(job.job_id)).phase is JobPhase.QUEUED
    await accept(world, offer_id, job.job_id)
    await world.until(job.job_id, JobPhase.RUNNING)


async def test_an_offer_that_is_never_included_leaves_nothing(world: World) -> None:
    await _fund(world, (await world.miner()).address)
    await world.services.marketplace.withdraw(CLIENT, await post(world))
    world.chain.is_paused = True
    with world.impatience(), pytest.raises(Unavailable):
        await post(world)
    world.chain.drop_pool()
    world.chain.is_paused = False
    await world.kill()
    world.clock.advance(world.config.timings.transaction_validity_ms / 1_000 + 2)
    world.chain.make_block()
    world.services = world.build()
    await world.start()
    await world.quiet()
    rows = await world.services.core.database.read(lambda c: c.execute(select(offers)).all())
    assert [row.status for row in rows] == [OfferStatus.WITHDRAWN]


# ---------------------------------------------------------------- the chain decides


def _snapshot(connection: Connection) -> Mapping[str, list[tuple[object, ...]]]:
    tables = {
        offers: [c.name for c in offers.c if c.name != "seq"],
        acceptances: ["transaction_id", "offer_id", "job_id", "phase"],
        market_totals: [c.name for c in market_totals.c],
        miner_records: [c.name for c in miner_records.c],
    }
    return {
        table.name: sorted(
            tuple(row) for row in connection.execute(select(*(table.c[n] for n in names)))
        )
        for table, names in tables.items()
    }


async def test_emptied_tables_are_rebuilt_the_same_from_the_chain(world: World) -> None:
    await world.miner()
    own = OwnMiner(world)
    await own.register()
    several, single = (
        await post(world, max_jobs=3, miner="miner-1"),
        await post(world, miner="miner-1"),
    )
    await world.services.marketplace.withdraw(CLIENT, await post(world, miner="miner-1"))
    await post(world, duration_s=5, miner="miner-1")
    for offer_id in (several, single):
        job = await held(world)
        await accept(world, offer_id, job.job_id)
        await world.until(job.job_id, JobPhase.RUNNING)
        await world.done(job.job_id)
    released = await held(world)
    await accept(world, several, released.job_id)
    await world.until(released.job_id, JobPhase.RUNNING)
    await world.claim(released.job_id)
    await world.services.leases.release(
        CLIENT, "miner-1", released.job_id, GiveUp(1, "RUNNER_FAILED")
    )
    await world.services.jobs.cancel(CLIENT, released.job_id)
    await world.pass_time(7)
    database = world.services.core.database
    before = await database.read(_snapshot)
    assert len(before["offers"]) == 4
    assert {row[0] for row in before["market_totals"]} >= {"locked", "completed", "volume"}
    await world.services.core.follower.forget()
    assert await database.read(_snapshot) != before
    await world.services.core.follower.catch_up()
    assert await database.read(_snapshot) == before


async def test_an_offer_that_came_by_the_chain_alone_can_be_accepted(world: World) -> None:
    own = OwnMiner(world)
    await own.register()
    await _fund(world, own.key.address)
    expires_ms = world.clock() + 600_000
    action = PostOffer("llm_inference", PRICE, 2, sha256(b"{}"), expires_ms)
    (outcome,) = await world.chain.submit([own.sign(action)])
    await world.quiet()
    (shown,) = (await world.services.marketplace.list()).items
    assert shown.offer_id == outcome.transaction_id
    assert (shown.miner, shown.requirements, shown.jobs_left) == (own.name, None, 2)
    job = await held(world)
    await accept(world, shown.offer_id, job.job_id)
    await world.until(job.job_id, JobPhase.RUNNING)
    polled = await world.services.leases.poll(CLIENT, own.name, 0)
    assert polled.offer is not None
    assert polled.offer.job_id == job.job_id
    available = await world.services.leases.available(CLIENT, own.name)
    assert available is not None
    assert available.job_id == job.job_id
    assert not available.spec.input, "its input comes with the claim (J9)"
    lease = await own.claim(job.job_id)
    assert lease.terms.price_cap == PRICE
    assert lease.heartbeat_interval_s > 0
    await world.services.leases.complete(CLIENT, own.name, job.job_id, own.completion(lease))
    await world.settled(job.job_id)


async def test_a_miner_with_its_own_key_signs_its_offers_and_withdrawals(world: World) -> None:
    own = OwnMiner(world)
    await own.register()
    expires_ms = world.clock() // 1_000 * 1_000 + 3_600_000
    right = PostOffer("llm_inference", PRICE, 1, sha256(b"{}"), expires_ms)
    wrong = PostOffer("llm_inference", PRICE + 1, 1, sha256(b"{}"), expires_ms)
    for transaction in (None, own.sign(wrong), own.sign(WithdrawOffer(bytes(32)))):
        with pytest.raises(TransactionInvalid):
            await world.services.marketplace.post(CLIENT, wish(transaction=transaction))
    await _fund(world, own.key.address)
    signed = own.sign(right)
    made = await world.services.marketplace.post(CLIENT, wish(transaction=signed))
    assert made.status is OfferStatus.ACTIVE
    again = await world.services.marketplace.post(CLIENT, wish(transaction=signed))
    assert again.offer_id == made.offer_id
    with pytest.raises(TransactionInvalid):
        await world.services.marketplace.withdraw(CLIENT, made.offer_id)
    back = own.sign(WithdrawOffer(made.offer_id))
    gone = await world.services.marketplace.withdraw(CLIENT, made.offer_id, back)
    assert gone.status is OfferStatus.WITHDRAWN


async def _fund(world: World, address: bytes) -> None:
    core = world.services.core
    assert core.faucet is not None
    sent = await core.database.write(lambda c: core.faucet.fund(c, core.moments.now(), address))
    await core.courier.send_and_wait(sent, PATIENCE_S)


async def test_a_draining_miners_offers_are_not_shown_and_cannot_be_accepted(world: World) -> None:
    await world.miner()
    offer_id, job = await post(world), await held(world)
    drains = update(miners).values(is_draining=True)
    await world.services.core.database.write(lambda c: c.execute(drains))
    assert (await world.services.marketplace.list()).items == ()
    with pytest.raises(OfferNotAvailable):
        await accept(world, offer_id, job.job_id)


async def test_a_released_job_stays_held_and_may_be_taken_to_another_offer(world: World) -> None:
    await world.miner()
    first, second = await post(world), await post(world)
    job = await held(world)
    await accept(world, first, job.job_id)
    await world.until(job.job_id, JobPhase.RUNNING)
    await world.claim(job.job_id)
    await world.services.leases.release(CLIENT, "miner-1", job.job_id, GiveUp(1, "RUNNER_FAILED"))
    assert await world.services.leases.available(CLIENT, "miner-1") is None
    await accept(world, second, job.job_id)
    await world.until(job.job_id, JobPhase.RUNNING)
    assert (await world.get(job.job_id)).attempt == 2
    assert await status(world, first) == (OfferStatus.EXHAUSTED, 0)

"""Many at once: one miner wins a job, a result is paid once, a crowd delays nobody."""

import asyncio
from itertools import count

import pytest

from coordinator.clients import Principal
from coordinator.errors import CoordinatorError, JobAlreadyClaimed
from coordinator.jobs import JobPhase
from coordinator.leases import Lease
from coordinator.receipts import ReceiptView
from ledger.actions import PostReceipt
from tests.coordinator.lives import final
from tests.coordinator.world import AITBC, CLIENT, World, spec

CHEAP = AITBC // 100_000

ORDERS_AT_ONCE = 200

SOAK = (pytest.mark.soak, pytest.mark.timeout(3_600))


@pytest.mark.parametrize("rounds", [10, pytest.param(1_000, marks=SOAK)])
async def test_of_miners_that_claim_a_job_at_once_one_wins(world: World, rounds: int) -> None:
    names = ("miner-1", "miner-2", "miner-3")
    for name in names:
        await world.miner(name)
    for _ in range(rounds):
        job = await world.job(max_price=CHEAP)
        claims = [world.claim(job.job_id, name) for name in names for _ in range(2)]
        answers = await asyncio.gather(*claims, return_exceptions=True)
        leases = [answer for answer in answers if isinstance(answer, Lease)]
        refused = [answer for answer in answers if isinstance(answer, CoordinatorError)]
        # The winner asked twice, and has one lease.
        assert (len(leases), len(refused)) == (2, 4)
        assert len({(lease.miner_name, lease.attempt) for lease in leases}) == 1
        assert all(isinstance(answer, JobAlreadyClaimed) for answer in refused)
        assert (await world.get(job.job_id)).attempt == 1
        await world.complete(job.job_id, name=leases[0].miner_name)
        await world.settled(job.job_id)


async def test_a_result_that_is_delivered_a_hundred_times_has_one_receipt(world: World) -> None:
    miner = await world.miner()
    job = await world.job()
    await world.claim(job.job_id)
    answers = await asyncio.gather(*(world.complete(job.job_id) for _ in range(100)))
    assert all(isinstance(answer, ReceiptView) for answer in answers)
    assert len({answer.receipt_id for answer in answers}) == 1
    settled = await world.settled(job.job_id)
    assert settled.payment is not None
    assert await world.complete(job.job_id) == (await world.services.receipts.of_job(job.job_id))
    assert final(world, PostReceipt) == 1
    share = settled.payment.paid * 5 // 100
    assert world.chain.balance(miner.address) == settled.payment.paid - share


async def _order(world: World, owner: Principal, number: int) -> None:
    for start in range(0, number, ORDERS_AT_ONCE):
        some = min(ORDERS_AT_ONCE, number - start)
        orders = [
            world.services.jobs.create(owner, spec(max_price=CHEAP, ttl_s=86_400))
            for _ in range(some)
        ]
        await asyncio.gather(*orders)
    await world.quiet()


@pytest.mark.parametrize("number", [300, pytest.param(10_000, marks=SOAK)])
async def test_a_crowd_of_one_clients_jobs_delays_another_by_one_turn(
    world: World, number: int
) -> None:
    crowd, lone = await world.client("crowd"), await world.client("lone")
    await world.miner()
    await _order(world, crowd, number)
    for _ in range(3):
        await _serve_next(world)
    wanted = [await world.job(lone, max_price=CHEAP) for _ in range(2)]
    turns = []
    for turn in count(1):
        served = await _serve_next(world)
        if served in {job.job_id for job in wanted}:
            turns.append(turn)
        if len(turns) == len(wanted):
            break
        assert turn < 10, "the crowd is served first"
    assert turns[0] <= 2
    assert turns[1] <= turns[0] + 2
    reply = await world.services.leases.poll(CLIENT, "miner-1", 0)
    assert reply.offer is not None
    assert (await world.get(wanted[0].job_id, lone)).phase is JobPhase.COMPLETED


async def _serve_next(world: World) -> bytes:
    """Do the job that the miner is shown next; return its id."""
    offer = (await world.services.leases.poll(CLIENT, "miner-1", 0)).offer
    assert offer is not None
    await world.claim(offer.job_id)
    await world.complete(offer.job_id)
    return offer.job_id

"""Whole lives of one job or transfer, which may be begun again after a crash, and their ends."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from coordinator.clients import Scope
from coordinator.errors import JobAlreadyFinished, JobNotClaimable, LeaseLost
from coordinator.idempotency import Claim, Request
from coordinator.jobs import JobFilter, JobPhase, JobView, PaymentStatus
from coordinator.leases import GiveUp
from coordinator.marketplace import OfferWish
from coordinator.transfers import TransferStatus, TransferWish
from ledger.actions import AcceptOffer, PostReceipt, SubmitJob
from ledger.hashing import sha256
from ledger.keys import KeyPair
from tests.coordinator.world import AITBC, CLIENT, LEASE_S, PATIENCE_S, World, spec

OVERTAKEN = (JobNotClaimable, LeaseLost)
"""What a life that began again is told when what it sent before the crash becomes final only now.

`check` still asks for the end that the life is about, so a wrong refusal does not pass."""

TTL_S = 120
PRICE = AITBC // 50

OWNER = replace(CLIENT, scopes=CLIENT.scopes | {Scope.WALLET})
"""The demo's client as its owner: without a key nobody sends its units."""

RECEIVER = KeyPair(sha256(b"receiver")).address

TRANSFER = Request(CLIENT.client_id, sha256(b"a key"), sha256(b"a transfer"))
"""The request of a transfer, which is sent again after the crash."""

Step = Callable[[World], Awaitable[None]]


@dataclass(frozen=True)
class Life:
    """What is done, and what must hold once it is."""

    live: Step
    check: Step


async def the_job(world: World, *, hold: bool = False) -> JobView:
    """Return the one job of a life, made if the crash came before."""
    page = await world.services.jobs.list(CLIENT, JobFilter(), limit=10)
    assert page.total <= 1
    if page.items:
        job = page.items[0]
    else:
        job = await world.services.jobs.create(CLIENT, spec(ttl_s=TTL_S, hold=hold))
    if job.phase is JobPhase.ACCEPTED:
        return await world.until(job.job_id, JobPhase.QUEUED)
    return job


def final(world: World, kind: type) -> int:
    """Return how many transactions of a kind are in final blocks."""
    return sum(
        isinstance(signed.transaction.action, kind)
        for block in world.chain.store.final_blocks(0, 1_000)
        for signed in block.transactions
    )


async def _pay(world: World) -> None:
    await world.miner()
    job = await the_job(world)
    if job.phase in (JobPhase.QUEUED, JobPhase.RUNNING):
        with suppress(*OVERTAKEN):
            await world.claim(job.job_id)
            await world.services.leases.heartbeat(CLIENT, "miner-1", job.job_id, None, 50)
            await world.complete(job.job_id)
    await world.settled(job.job_id)


async def _is_paid_once(world: World) -> None:
    job = await the_job(world)
    assert job.phase is JobPhase.COMPLETED
    assert job.result is not None
    assert job.payment is not None
    assert job.payment.status is PaymentStatus.RELEASED
    assert (final(world, SubmitJob), final(world, PostReceipt)) == (1, 1)
    share = job.payment.paid * 5 // 100
    assert world.chain.balance((await world.miner()).address) == job.payment.paid - share


async def _accept_an_offer(world: World) -> None:
    await world.miner()
    market = world.services.marketplace
    known = [offer for offer in (await market.list()).items if offer.price == PRICE]
    wish = OfferWish(job_type="llm_inference", price=PRICE, max_jobs=2)
    offer_id = known[0].offer_id if known else (await market.post(CLIENT, wish)).offer_id
    job = await the_job(world, hold=True)
    if job.phase in (JobPhase.QUEUED, JobPhase.RUNNING):
        await market.accept(CLIENT, offer_id, job.job_id)
        await world.until(job.job_id, JobPhase.RUNNING)
        with suppress(*OVERTAKEN):
            await world.claim(job.job_id)
            await world.complete(job.job_id)
    await world.settled(job.job_id)


async def _is_paid_at_the_offers_price(world: World) -> None:
    job = await the_job(world)
    assert (job.phase, job.attempt) == (JobPhase.COMPLETED, 1)
    assert job.payment is not None
    assert job.payment.paid == PRICE
    assert final(world, AcceptOffer) == 1


async def _lose_the_miner_and_cancel(world: World) -> None:
    await world.miner()
    job = await the_job(world)
    if job.phase is JobPhase.QUEUED and job.attempt == 0:
        with suppress(*OVERTAKEN):
            await world.claim(job.job_id)
    if (await world.get(job.job_id)).phase is JobPhase.RUNNING:
        await world.pass_time(2 * LEASE_S)
    if (await world.get(job.job_id)).phase is not JobPhase.CANCELLED:
        await world.services.jobs.cancel(CLIENT, job.job_id)


async def _is_cancelled_and_refunded(world: World) -> None:
    job = await the_job(world)
    assert job.phase is JobPhase.CANCELLED
    assert job.payment is not None
    assert job.payment.refunded == AITBC // 10
    assert final(world, SubmitJob) == 1


async def _refuse_the_input(world: World) -> None:
    await world.miner()
    job = await the_job(world)
    if job.phase in (JobPhase.QUEUED, JobPhase.RUNNING) and job.attempt <= 1:
        if job.attempt == 0:
            with suppress(*OVERTAKEN):
                await world.claim(job.job_id)
        give_up = GiveUp(1, "BAD_INPUT")
        with suppress(*OVERTAKEN):
            await world.services.leases.release(CLIENT, "miner-1", job.job_id, give_up)
    await world.settled(job.job_id)


async def _is_failed_and_refunded(world: World) -> None:
    job = await the_job(world)
    assert job.phase is JobPhase.FAILED
    assert job.error is not None
    assert job.error.code == "BAD_INPUT"
    assert job.payment is not None
    assert job.payment.status is PaymentStatus.REFUNDED


async def _let_it_expire(world: World) -> None:
    await world.miner()
    job = await the_job(world)
    with suppress(*OVERTAKEN, JobAlreadyFinished):
        if job.phase is JobPhase.QUEUED:
            await world.claim(job.job_id)
    for _ in range(4):
        # Beyond the deadline and the time that a receipt may take after it.
        await world.pass_time(TTL_S)
    await world.settled(job.job_id)


async def _is_expired_and_refunded(world: World) -> None:
    job = await the_job(world)
    assert job.phase is JobPhase.EXPIRED
    assert job.payment is not None
    assert job.payment.refunded == AITBC // 10


async def _send_units(world: World) -> None:
    claim = await world.services.idempotency.claim(TRANSFER)
    assert isinstance(claim, Claim), "no answer is kept"
    try:
        await world.services.transfers.send(
            OWNER, TransferWish(RECEIVER, AITBC), wait_s=PATIENCE_S, once=claim
        )
    finally:
        claim.release()


async def _is_sent_once(world: World) -> None:
    (sent,) = (await world.services.transfers.list(OWNER, 10, None)).transfers
    assert sent.status is TransferStatus.FINAL
    assert world.chain.balance(RECEIVER) == AITBC


LIVES: Final = {
    "paid": Life(_pay, _is_paid_once),
    "offered": Life(_accept_an_offer, _is_paid_at_the_offers_price),
    "cancelled": Life(_lose_the_miner_and_cancel, _is_cancelled_and_refunded),
    "refused": Life(_refuse_the_input, _is_failed_and_refunded),
    "expired": Life(_let_it_expire, _is_expired_and_refunded),
    "sent": Life(_send_units, _is_sent_once),
}
"""Lives by the end that they come to."""

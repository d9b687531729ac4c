"""The outbox: stored before sent, the same bytes again, new bytes only when the old are dead."""

from collections.abc import Sequence
from functools import partial

import pytest

from coordinator.errors import InsufficientBalance, JobNotClaimable, Unavailable
from coordinator.jobs import JobFilter, JobPhase, PaymentStatus
from coordinator.outbox import store
from coordinator.ports import SubmitOutcome, TransactionStatus
from ledger.actions import AssignJob, AttestReceipt, PostReceipt, SubmitJob
from ledger.transaction import CODEC, SignedTransaction
from tests.coordinator.world import CLIENT, TIMINGS, World, spec


def _sent(world: World, kind: type) -> list[SignedTransaction]:
    """Return the different transactions of a kind that were submitted, in order."""
    signed = [CODEC.decode(data) for data in dict.fromkeys(world.chain.submitted)]
    return [each for each in signed if isinstance(each.transaction.action, kind)]


async def test_what_the_pool_lost_is_sent_again_as_the_same_bytes(world: World) -> None:
    world.chain.is_paused = True
    job = await world.services.jobs.create(CLIENT, spec())
    world.chain.drop_pool()
    world.chain.is_paused = False
    await world.restart()
    assert (await world.until(job.job_id, JobPhase.QUEUED)).payment is not None
    assert len(_sent(world, SubmitJob)) == 1
    assert len(world.chain.submitted) > len(set(world.chain.submitted))


async def test_a_lost_assignment_is_offered_again_once_it_is_dead(world: World) -> None:
    await world.miner()
    job = await world.job()
    world.chain.is_paused = True
    with world.impatience(), pytest.raises(Unavailable):
        await world.claim(job.job_id)
    world.chain.drop_pool()
    # Nobody else is assigned as long as the first assignment could still be included.
    assert await world.services.leases.available(CLIENT, "miner-1") is None
    await world.pass_time(TIMINGS.assignment_validity_ms / 1_000 + 1)
    world.chain.drop_pool()
    world.chain.make_block()
    await world.services.core.follower.catch_up()
    world.chain.is_paused = False
    lease = await world.claim(job.job_id)
    assert lease.attempt == 1
    assert len(_sent(world, AssignJob)) == 2


async def test_a_managed_receipt_that_died_is_signed_anew(world: World) -> None:
    await world.miner()
    job = await world.job(ttl_s=3_600)
    await world.claim(job.job_id)
    world.chain.is_paused = True
    with world.impatience(), pytest.raises(Unavailable):
        await world.complete(job.job_id)
    world.chain.drop_pool()
    world.clock.advance(TIMINGS.transaction_validity_ms / 1_000 + 1)
    world.chain.make_block()
    world.chain.is_paused = False
    await world.services.core.follower.catch_up()
    await world.quiet()
    done = await world.settled(job.job_id)
    assert done.phase is JobPhase.COMPLETED
    assert len(_sent(world, PostReceipt)) == 2


async def test_an_attestation_that_died_is_signed_anew(world: World) -> None:
    await world.miner()
    job = await world.job()
    await world.claim(job.job_id)
    submit = world.chain.submit

    async def lossy(signed: Sequence[bytes]) -> list[SubmitOutcome]:
        outcomes = await submit(signed)
        kept = [d for d in signed if _is_attestation(d)]
        if kept:
            world.chain.drop_pool()
        return outcomes

    world.chain.submit = lossy  # type: ignore[method-assign]
    await world.complete(job.job_id)
    await world.quiet()
    waiting = await world.get(job.job_id)
    assert waiting.payment is not None
    assert waiting.payment.status is PaymentStatus.ESCROWED
    world.chain.submit = submit  # type: ignore[method-assign]
    world.chain.is_paused = True
    world.clock.advance(TIMINGS.transaction_validity_ms / 1_000 + 1)
    world.chain.drop_pool()
    world.chain.make_block()
    world.chain.is_paused = False
    await world.services.core.follower.catch_up()
    await world.quiet()
    done = await world.settled(job.job_id)
    assert done.payment is not None
    assert done.payment.status is PaymentStatus.RELEASED
    assert len(_sent(world, AttestReceipt)) == 2


REFUSALS = {
    "too poor": (TransactionStatus.REJECTED, "INSUFFICIENT_BALANCE", InsufficientBalance),
    "refused": (TransactionStatus.REJECTED, "COORDINATOR_UNKNOWN", Unavailable),
    "full": (TransactionStatus.FULL, "", Unavailable),
}


@pytest.mark.parametrize(("status", "code", "error"), REFUSALS.values(), ids=REFUSALS.keys())
async def test_an_escrow_that_the_node_refuses_at_once_leaves_nothing(
    world: World, status: TransactionStatus, code: str, error: type[Exception]
) -> None:
    submit = world.chain.submit

    async def refuse(signed: Sequence[bytes]) -> list[SubmitOutcome]:
        return [SubmitOutcome(bytes(32), status, code) for _ in signed]

    world.chain.submit = refuse  # type: ignore[method-assign]
    with pytest.raises(error):
        await world.services.jobs.create(CLIENT, spec())
    world.chain.submit = submit  # type: ignore[method-assign]
    assert (await world.services.jobs.list(CLIENT, JobFilter(), limit=10)).total == 0
    assert await world.services.core.database.read(lambda c: store.pending(c, 10)) == []


async def test_an_assignment_that_the_node_refuses_at_once_leaves_the_job_on_offer(
    world: World,
) -> None:
    await world.miner()
    job = await world.job()
    submit = world.chain.submit

    async def refuse(signed: Sequence[bytes]) -> list[SubmitOutcome]:
        status = TransactionStatus.REJECTED
        return [SubmitOutcome(bytes(32), status, "ATTEMPT_STALE") for _ in signed]

    world.chain.submit = refuse  # type: ignore[method-assign]
    with pytest.raises(JobNotClaimable, match="ATTEMPT_STALE"):
        await world.claim(job.job_id)
    world.chain.submit = submit  # type: ignore[method-assign]
    assert (await world.claim(job.job_id)).attempt == 1


async def test_bytes_are_stored_before_they_are_sent(world: World) -> None:
    """J30: whoever submits first and stores later loses what it submitted."""
    submit = world.chain.submit
    core = world.services.core
    unstored: list[bytes] = []

    async def look_first(signed: Sequence[bytes]) -> list[SubmitOutcome]:
        for data in signed:
            transaction_id = core.signer.describe(CODEC.decode(data)).transaction_id
            row = await core.database.read(partial(store.get, transaction_id=transaction_id))
            if row is None or row.signed != data:
                unstored.append(data)
        return await submit(signed)

    world.chain.submit = look_first  # type: ignore[method-assign]
    await world.miner()
    await world.done((await world.job()).job_id)
    assert unstored == []
    world.chain.submit = submit  # type: ignore[method-assign]


async def test_nothing_stays_pending_when_a_job_is_over(world: World) -> None:
    await world.miner()
    await world.done((await world.job()).job_id)
    await world.services.jobs.cancel(CLIENT, (await world.job()).job_id)
    await world.quiet()
    assert await world.services.core.database.read(lambda c: store.pending(c, 10)) == []


def _is_attestation(data: bytes) -> bool:
    return isinstance(CODEC.decode(data).transaction.action, AttestReceipt)

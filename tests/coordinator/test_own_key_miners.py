"""Miners with their own keys: what they sign is checked before it is sent."""

from dataclasses import replace
from typing import Any

import pytest

from coordinator.errors import LeaseLost, ReceiptInvalid, ResultMalformed, TransactionInvalid
from coordinator.jobs import JobPhase, PaymentStatus
from coordinator.leases import Completion, GiveUp, Output
from ledger.actions import AttestationKind, Custody, Reason
from ledger.hashing import sha256
from ledger.keys import KeyPair
from tests.coordinator.own_miner import OwnMiner
from tests.coordinator.world import AITBC, CLIENT, LEASE_S, World


async def _deliver(world: World, miner: OwnMiner, job_id: bytes, completion: Completion) -> bytes:
    receipt = await world.services.leases.complete(CLIENT, miner.name, job_id, completion)
    return receipt.receipt_id


@pytest.fixture
async def miner(world: World) -> OwnMiner:
    registered = OwnMiner(world)
    await registered.register()
    return registered


async def test_an_own_miner_is_paid_for_its_signed_receipt(world: World, miner: OwnMiner) -> None:
    job = await world.job()
    lease = await miner.claim(job.job_id)
    completion = miner.completion(lease)
    receipt = await world.services.leases.complete(CLIENT, miner.name, job.job_id, completion)
    done = await world.settled(job.job_id)
    assert receipt.custody is Custody.OWN
    assert receipt.transaction == completion.transaction
    assert receipt.units_micro == 42_000_000
    assert done.payment is not None
    assert done.payment.status is PaymentStatus.RELEASED
    assert world.chain.balance(miner.key.address) == lease.terms.price_cap * 95 // 100
    settled = await world.services.receipts.get(receipt.receipt_id)
    assert [each.kind for each in settled.attestations] == [AttestationKind.DELIVERY]
    assert settled.is_settled


async def test_the_input_comes_with_the_claim_only(world: World, miner: OwnMiner) -> None:
    job = await world.job()
    shown = await world.services.leases.available(CLIENT, miner.name)
    assert shown is not None
    assert shown.job_id == job.job_id
    assert shown.spec.input == {}
    assert shown.spec.params == {}
    assert b"Why is the sky blue?" in (await miner.claim(job.job_id)).payload


WRONG_RECEIPTS = {
    "another job": {"job_id": bytes(32)},
    "another attempt": {"attempt": 2},
    "another client": {"client": bytes(20)},
    "another coordinator": {"coordinator": bytes(20)},
    "another input": {"payload_digest": bytes(32)},
    "another price cap": {"price_cap": AITBC},
    "a price above the cap": {"price": AITBC},
    "another result": {"result_digest": bytes(32)},
    "a model it did not declare": {"model": "gpt-4"},
    "an end before the start": {"started_ms": 2, "completed_ms": 1},
}


@pytest.mark.parametrize("changes", WRONG_RECEIPTS.values(), ids=WRONG_RECEIPTS.keys())
async def test_a_wrong_receipt_is_refused_and_not_sent(
    world: World, miner: OwnMiner, changes: dict[str, Any]
) -> None:
    job = await world.job()
    lease = await miner.claim(job.job_id)
    wrong = miner.completion(lease, **changes)
    with pytest.raises(ReceiptInvalid):
        await _deliver(world, miner, job.job_id, wrong)
    assert wrong.transaction not in world.chain.submitted
    assert (await world.get(job.job_id)).phase is JobPhase.RUNNING
    await _deliver(world, miner, job.job_id, miner.completion(lease))
    assert (await world.settled(job.job_id)).phase is JobPhase.COMPLETED


async def test_what_is_no_receipt_of_this_miner_is_refused(world: World, miner: OwnMiner) -> None:
    job = await world.job()
    lease = await miner.claim(job.job_id)
    good = miner.completion(lease)
    assert good.transaction is not None
    other = OwnMiner(world, key=KeyPair(sha256(b"another key")))
    bad = [
        None,
        b"",
        b"\x00" * 200,
        good.transaction + b"\x00",
        good.transaction[:-1] + bytes([good.transaction[-1] ^ 1]),
        other.completion(lease).transaction,
        miner.released(lease, Reason.BAD_INPUT),
        miner.sign(miner.receipt(lease, good.output), valid_s=-1),
        miner.sign(miner.receipt(lease, good.output), valid_s=100_000),
    ]
    for transaction in bad:
        with pytest.raises(ReceiptInvalid):
            await _deliver(world, miner, job.job_id, replace(good, transaction=transaction))
    for salt in (None, b"", bytes(31), bytes(33)):
        with pytest.raises(ReceiptInvalid):
            await _deliver(world, miner, job.job_id, replace(good, salt=salt))


async def test_a_receipt_whose_result_never_comes_is_disputed_and_refunded(
    world: World, miner: OwnMiner
) -> None:
    job = await world.job()
    before = world.chain.balance(job.client)
    lease = await miner.claim(job.job_id)
    transaction = miner.completion(lease).transaction
    assert transaction is not None
    await world.chain.submit([transaction])
    await world.receipt_final(job.job_id)

    await world.pass_time(world.config.timings.delivery_grace_ms / 1_000 + 1)
    disputed = await world.get(job.job_id)
    assert disputed.payment is not None
    assert disputed.payment.status is PaymentStatus.DISPUTED
    live = world.chain.job(job.job_id)
    assert live is not None
    await world.pass_time(live.resolve_ms / 1_000 + 2)
    refunded = await world.settled(job.job_id)
    assert refunded.payment is not None
    assert refunded.payment.status is PaymentStatus.REFUNDED
    assert world.chain.balance(job.client) == before + AITBC // 10
    assert world.chain.balance(miner.key.address) == 0


async def test_a_receipt_that_came_before_its_result_is_attested_with_it(
    world: World, miner: OwnMiner
) -> None:
    job = await world.job()
    lease = await miner.claim(job.job_id)
    completion = miner.completion(lease)
    assert completion.transaction is not None
    await world.chain.submit([completion.transaction])
    await world.receipt_final(job.job_id)
    await _deliver(world, miner, job.job_id, completion)
    done = await world.settled(job.job_id)
    assert done.payment is not None
    assert done.payment.status is PaymentStatus.RELEASED
    assert done.payment.paid == lease.terms.price_cap


async def test_a_result_that_comes_during_the_dispute_is_paid_when_that_ends(
    world: World, miner: OwnMiner
) -> None:
    job = await world.job()
    lease = await miner.claim(job.job_id)
    completion = miner.completion(lease)
    assert completion.transaction is not None
    await world.chain.submit([completion.transaction])
    await world.receipt_final(job.job_id)
    await world.pass_time(61)
    await _deliver(world, miner, job.job_id, completion)
    await world.quiet()
    live = world.chain.job(job.job_id)
    assert live is not None
    assert live.dispute is not None
    await world.pass_time(live.resolve_ms / 1_000 + 2)
    done = await world.settled(job.job_id)
    assert done.payment is not None
    assert done.payment.status is PaymentStatus.RELEASED


async def test_a_receipt_for_another_result_than_was_delivered_is_disputed(
    world: World, miner: OwnMiner
) -> None:
    job = await world.job()
    lease = await miner.claim(job.job_id)
    world.chain.is_paused = True
    shown = miner.completion(lease, "Shown.")
    included = miner.completion(lease, "Included.").transaction
    assert included is not None
    await world.chain.submit([included])
    world.chain.make_block()
    await world.services.core.follower.catch_up()
    world.chain.is_paused = False
    with pytest.raises(ReceiptInvalid, match="on the chain"):
        await _deliver(world, miner, job.job_id, shown)
    await world.pass_time(61)
    disputed = await world.get(job.job_id)
    assert disputed.payment is not None
    assert disputed.payment.status is PaymentStatus.DISPUTED


async def test_a_malformed_result_of_an_included_receipt_is_named_in_the_dispute(
    world: World, miner: OwnMiner
) -> None:
    job = await world.job()
    lease = await miner.claim(job.job_id)
    empty = Output(text="")
    transaction = miner.sign(miner.receipt(lease, empty))
    await world.chain.submit([transaction])
    await world.receipt_final(job.job_id)
    garbage = replace(miner.completion(lease), output=empty, transaction=transaction)
    with pytest.raises(ResultMalformed):
        await _deliver(world, miner, job.job_id, garbage)
    await world.pass_time(61)
    codes = [
        outcome.code
        for block in world.chain.store.final_blocks(0, 100)
        for outcome in block.outcomes
        if outcome.object_id == job.job_id and outcome.kind.name == "RECEIPT_DISPUTED"
    ]
    assert codes == [Reason.RESULT_MALFORMED]


async def test_an_own_miner_may_sign_anew_when_its_receipt_ran_out_of_time(
    world: World, miner: OwnMiner
) -> None:
    job = await world.job()
    lease = await miner.claim(job.job_id)
    first = miner.completion(lease)
    world.chain.is_paused = True
    assert first.transaction is not None
    await world.chain.submit([first.transaction])
    world.chain.drop_pool()
    world.chain.is_paused = False
    again = replace(
        first, transaction=miner.sign(miner.receipt(lease, first.output), salt=b"another salt 16b")
    )
    await _deliver(world, miner, job.job_id, again)
    assert (await world.settled(job.job_id)).phase is JobPhase.COMPLETED


async def test_a_completion_after_giving_up_is_refused(world: World, miner: OwnMiner) -> None:
    job = await world.job()
    lease = await miner.claim(job.job_id)
    await world.services.leases.release(
        CLIENT, miner.name, job.job_id, GiveUp(lease.attempt, "RUNNER_FAILED")
    )
    with pytest.raises(LeaseLost):
        await _deliver(world, miner, job.job_id, miner.completion(lease))
    await world.pass_time(LEASE_S + 1)


async def test_a_release_that_says_something_else_is_refused(world: World, miner: OwnMiner) -> None:
    job = await world.job()
    lease = await miner.claim(job.job_id)
    signed = miner.released(lease, Reason.RUNNER_FAILED)
    with pytest.raises(TransactionInvalid):
        await world.services.leases.release(
            CLIENT,
            miner.name,
            job.job_id,
            GiveUp(lease.attempt, "BAD_INPUT", transaction=signed),
        )
    assert signed not in world.chain.submitted

"""A client disputes with its own key, authorities rule, the chain halts: all are followed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from coordinator.jobs import JobPhase, JobView, PaymentStatus
from coordinator.leases import Completion
from coordinator.outbox import store
from coordinator.ports import TransactionStatus
from coordinator.wallets.store import get_key
from ledger.actions import Action, CastVote, DisputeReceipt, Reason
from ledger.keys import KeyPair
from ledger.motions import ResolveDispute
from ledger.params import Parameters
from ledger.records import JobState
from tests.chains import AWAKE, VALIDATOR
from tests.coordinator.own_miner import OwnMiner
from tests.coordinator.world import CLIENT, LEASE_S, World

HALTING = Parameters(halt_gap_ms=20_000, gap_grace_ms=10_000)


@pytest.fixture
async def halting(folder: Path) -> AsyncIterator[World]:
    """Return a world in which 20 s of silence are a halt, and 10 s its credit."""
    made = World(folder, parameters=HALTING)
    await made.start()
    yield made
    await made.finish()


@pytest.fixture
async def hasty(folder: Path) -> AsyncIterator[World]:
    """Return a world in which authorities have a minute to rule."""
    made = World(folder, parameters=replace(AWAKE, resolve_ms=60_000))
    await made.start()
    yield made
    await made.finish()


async def act(world: World, key: KeyPair, action: Action) -> None:
    """Put an action into the chain without the coordinator's API."""
    core = world.services.core
    signed = core.signer.sign(core.moments.now(), key, action, 60_000)
    await world.chain.submit([signed.signed])
    await world.quiet()
    assert world.chain.status(signed.transaction_id) is TransactionStatus.FINAL


async def disputed_job(world: World, miner: OwnMiner) -> tuple[JobView, Completion]:
    """Return a job whose receipt is in, whose result is not, and that its client disputes."""
    await miner.register()
    job = await world.job()
    completion = miner.completion(await miner.claim(job.job_id), "An answer.")
    assert completion.transaction is not None
    await world.chain.submit([completion.transaction])
    found = await world.receipt_final(job.job_id)
    assert found.receipt_id is not None
    core = world.services.core
    key = await core.database.read(lambda c: get_key(c, core.vault, job.client))
    bond = world.chain.parameters().dispute_bond
    dispute = DisputeReceipt(job.job_id, found.receipt_id, Reason.RESULT_MALFORMED, bond)
    await act(world, key, dispute)
    return await world.get(job.job_id), completion


@pytest.mark.parametrize("for_miner", [True, False])
async def test_a_clients_dispute_is_shown_and_ends_by_the_ruling(
    world: World, *, for_miner: bool
) -> None:
    miner = OwnMiner(world)
    job, completion = await disputed_job(world, miner)
    assert job.phase is JobPhase.COMPLETED
    assert job.payment.status is PaymentStatus.DISPUTED
    await world.check()

    # The result comes all the same: its delivery is attested, and nothing is paid for that.
    await world.services.leases.complete(CLIENT, miner.name, job.job_id, completion)
    await world.quiet()
    live = world.chain.job(job.job_id)
    assert live.state is JobState.DISPUTED
    assert live.receipt.delivery_attested

    await act(world, VALIDATOR, CastVote(None, ResolveDispute(job.job_id, for_miner), support=True))
    ended = (await world.settled(job.job_id)).payment
    assert ended.paid + ended.refunded == ended.amount == live.max_price
    if for_miner:
        assert (ended.status, ended.paid) == (PaymentStatus.RELEASED, live.receipt.price)
        bond = live.dispute.bond
        assert world.chain.balance(miner.key.address) > live.receipt.price * 9 // 10 + bond
    else:
        assert (ended.status, ended.refunded) == (PaymentStatus.REFUNDED, ended.amount)


async def test_a_dispute_that_nobody_rules_on_ends_by_itself(hasty: World) -> None:
    job, _ = await disputed_job(hasty, OwnMiner(hasty))
    await hasty.pass_time(62)
    ended = (await hasty.settled(job.job_id)).payment
    assert ended.status is PaymentStatus.REFUNDED
    assert (ended.paid, ended.refunded) == (0, ended.amount)


async def test_j12_a_lease_that_ran_out_in_a_halt_is_not_taken_away_before_its_credit_is_over(
    halting: World,
) -> None:
    world = halting
    await world.miner()
    job = await world.job()
    await world.claim(job.job_id)
    sent = len(world.chain.submitted)

    # The chain stands still: whatever was signed now would be refused by the block that ends it.
    world.chain.may_halt = True
    world.chain.is_paused = True
    await world.pass_time(LEASE_S + 5)
    world.chain.is_paused = False
    await world.pass_time(1)
    assert world.chain.gap_at(world.clock()) is not None
    await world.pass_time(9)
    assert len(world.chain.submitted) == sent
    assert (await world.get(job.job_id)).phase is JobPhase.RUNNING
    assert not await world.services.core.database.read(lambda c: store.pending(c, 1))

    await world.pass_time(3)
    assert (await world.get(job.job_id)).phase is JobPhase.QUEUED

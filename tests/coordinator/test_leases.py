"""Leases: claims, heartbeats, miners that die, give up or come too late."""

import asyncio

import pytest

from coordinator.errors import (
    Forbidden,
    JobAlreadyClaimed,
    JobAlreadyCompleted,
    JobNotClaimable,
    JobNotForMiner,
    LeaseLost,
    MinerBusy,
    MinerNotFound,
    Unavailable,
)
from coordinator.jobs import JobPhase, PaymentStatus
from coordinator.leases import GiveUp, Lease
from ledger.actions import Reason
from tests.coordinator.own_miner import OwnMiner
from tests.coordinator.world import AITBC, CLIENT, LEASE_S, SILENCE_S, World


async def test_of_two_miners_that_claim_at_once_one_gets_the_job(world: World) -> None:
    await world.miner("miner-1")
    await world.miner("miner-2")
    job = await world.job()

    answers = await asyncio.gather(
        world.claim(job.job_id, "miner-1"),
        world.claim(job.job_id, "miner-2"),
        return_exceptions=True,
    )

    leases = [answer for answer in answers if isinstance(answer, Lease)]
    refusals = [answer for answer in answers if isinstance(answer, JobAlreadyClaimed)]
    assert (len(leases), len(refusals)) == (1, 1)
    live = world.chain.job(job.job_id)
    assert live is not None
    assert live.attempt == 1


async def test_the_same_miner_claiming_again_gets_the_same_lease(world: World) -> None:
    await world.miner()
    job = await world.job()
    first = await world.claim(job.job_id)
    again = await world.claim(job.job_id)
    assert (again.attempt, again.lease_end_ms) == (first.attempt, first.lease_end_ms)
    assert (again.payload, again.blind) == (first.payload, first.blind)


async def test_a_dead_miner_costs_the_client_nothing_but_time(world: World) -> None:
    await world.miner("dying")
    await world.miner("living")
    job = await world.job()
    await world.claim(job.job_id, "dying")

    await world.pass_time(LEASE_S - 1)
    assert (await world.get(job.job_id)).phase is JobPhase.RUNNING
    await world.pass_time(2)
    queued = await world.get(job.job_id)
    assert queued.phase is JobPhase.QUEUED
    assert queued.miner is None

    second = await world.claim(job.job_id, "living")
    assert second.attempt == 2
    await world.complete(job.job_id, name="living")
    done = await world.settled(job.job_id)
    assert done.phase is JobPhase.COMPLETED
    assert done.miner is not None
    assert done.miner.name == "living"


async def test_a_late_completion_is_refused_and_unpaid(world: World) -> None:
    late = await world.miner("late")
    await world.miner("quick")
    job = await world.job()
    await world.claim(job.job_id, "late")
    await world.pass_time(LEASE_S + 1)
    await world.claim(job.job_id, "quick")

    with pytest.raises(LeaseLost):
        await world.complete(job.job_id, "Late.", "late")
    await world.complete(job.job_id, "Quick.", "quick")
    done = await world.settled(job.job_id)
    with pytest.raises(LeaseLost):
        await world.complete(job.job_id, "Late.", "late")

    assert done.result is not None
    assert done.result.text == "Quick."
    assert world.chain.balance(late.address) == 0


async def test_a_miner_that_is_heard_of_keeps_its_attempt_beyond_the_lease(world: World) -> None:
    await world.miner()
    job = await world.job()
    lease = await world.claim(job.job_id)
    for _ in range(4):
        await world.pass_time(SILENCE_S - 5)
        reply = await world.services.leases.heartbeat(
            CLIENT, "miner-1", job.job_id, lease.attempt, 50
        )
        assert not reply.cancel
    running = await world.get(job.job_id)
    assert running.phase is JobPhase.RUNNING
    assert running.progress == 50
    await world.complete(job.job_id)
    assert (await world.settled(job.job_id)).phase is JobPhase.COMPLETED


async def test_silence_after_the_lease_ends_the_attempt(world: World) -> None:
    await world.miner()
    job = await world.job()
    lease = await world.claim(job.job_id)
    await world.pass_time(LEASE_S - 1)
    await world.services.leases.heartbeat(CLIENT, "miner-1", job.job_id, lease.attempt, None)
    await world.pass_time(SILENCE_S - 1)
    assert (await world.get(job.job_id)).phase is JobPhase.RUNNING
    await world.pass_time(2)
    assert (await world.get(job.job_id)).phase is JobPhase.QUEUED
    with pytest.raises(LeaseLost):
        await world.services.leases.heartbeat(CLIENT, "miner-1", job.job_id, lease.attempt, None)


async def test_a_literal_miner_has_the_attempts_limit_as_its_lease(world: World) -> None:
    await world.miner()
    job = await world.job(ttl_s=900)
    lease = await world.services.leases.claim(CLIENT, "miner-1", job.job_id, heartbeats=False)
    limit_ms = world.services.registry.get("llm_inference").attempt_s * 1_000
    assert lease.lease_end_ms == world.clock() + limit_ms
    assert lease.heartbeat_by_ms is None
    await world.pass_time(limit_ms // 1_000 - 1)
    await world.complete(job.job_id)
    assert (await world.settled(job.job_id)).phase is JobPhase.COMPLETED


async def test_a_miner_that_dies_before_its_first_heartbeat_loses_the_job_with_the_lease(
    world: World,
) -> None:
    await world.miner()
    job = await world.job(ttl_s=3_600)
    world.chain.is_paused = True
    with world.impatience():
        for heartbeats in (False, True):
            with pytest.raises(Unavailable):
                await world.services.leases.claim(
                    CLIENT, "miner-1", job.job_id, heartbeats=heartbeats
                )
    world.chain.is_paused = False
    world.chain.make_block()
    await world.until(job.job_id, JobPhase.RUNNING)
    # The lease is that of the first claim, which promised no heartbeats.
    limit_s = world.services.registry.get("llm_inference").attempt_s
    await world.pass_time(limit_s - 1)
    assert (await world.get(job.job_id)).phase is JobPhase.RUNNING
    await world.pass_time(2)
    assert (await world.get(job.job_id)).phase is JobPhase.QUEUED


async def test_the_lease_of_a_short_job_ends_with_the_job(world: World) -> None:
    await world.miner()
    job = await world.job(ttl_s=10)
    lease = await world.services.leases.claim(CLIENT, "miner-1", job.job_id, heartbeats=False)
    assert lease.lease_end_ms == job.expires_ms


async def test_a_crashed_runner_releases_the_job_to_another_miner(world: World) -> None:
    await world.miner("crashing")
    await world.miner("steady")
    job = await world.job()
    lease = await world.claim(job.job_id, "crashing")
    released = await world.services.leases.release(
        CLIENT, "crashing", job.job_id, GiveUp(lease.attempt, "RUNNER_FAILED", "out of memory")
    )
    assert released.phase is JobPhase.QUEUED
    offer = await world.services.leases.poll(CLIENT, "crashing", 0)
    assert offer.offer is None
    assert offer.reasons == {"JUST_FAILED_HERE": 1}
    assert (await world.claim(job.job_id, "steady")).attempt == 2


async def test_giving_up_twice_gives_the_same_answer(world: World) -> None:
    await world.miner()
    job = await world.job()
    lease = await world.claim(job.job_id)
    give_up = GiveUp(lease.attempt, "MINER_DRAINING")
    for _ in range(3):
        view = await world.services.leases.release(CLIENT, "miner-1", job.job_id, give_up)
        assert view.phase is JobPhase.QUEUED


async def test_bad_input_ends_the_job_with_the_miners_words_and_a_refund(world: World) -> None:
    await world.miner()
    job = await world.job()
    before = world.chain.balance(job.client)
    lease = await world.claim(job.job_id)
    failed = await world.services.leases.release(
        CLIENT,
        "miner-1",
        job.job_id,
        GiveUp(lease.attempt, "BAD_INPUT", "the clip has no video\x1b[31m stream"),
    )
    assert failed.phase is JobPhase.FAILED
    assert failed.error is not None
    assert failed.error.code == "BAD_INPUT"
    assert failed.error.message.endswith("the clip has no video[31m stream")
    assert failed.payment is not None
    assert failed.payment.status is PaymentStatus.REFUNDED
    assert world.chain.balance(job.client) == before + AITBC // 10


async def test_a_job_that_fails_on_three_miners_is_failed_and_refunded(world: World) -> None:
    job = await world.job()
    for turn in range(3):
        name = f"miner-{turn}"
        await world.miner(name)
        lease = await world.claim(job.job_id, name)
        await world.services.leases.release(
            CLIENT, name, job.job_id, GiveUp(lease.attempt, "RUNNER_FAILED")
        )
    failed = await world.settled(job.job_id)
    assert failed.phase is JobPhase.FAILED
    assert failed.error is not None
    assert failed.error.code == "ATTEMPTS_EXHAUSTED"


async def test_a_job_that_one_miner_loses_again_and_again_ends(world: World) -> None:
    await world.miner()
    job = await world.job(ttl_s=3_600)
    attempts_max = world.chain.parameters().attempts_max
    for attempt in range(1, attempts_max + 1):
        lease = await world.claim(job.job_id)
        assert lease.attempt == attempt
        await world.pass_time(LEASE_S + 1)
    failed = await world.settled(job.job_id)
    assert failed.error is not None
    assert failed.error.code == "ATTEMPTS_EXHAUSTED"


async def test_draining_miners_are_not_counted_against_the_job(world: World) -> None:
    job = await world.job()
    for turn in range(4):
        name = f"miner-{turn}"
        await world.miner(name)
        lease = await world.claim(job.job_id, name)
        await world.services.leases.release(
            CLIENT, name, job.job_id, GiveUp(lease.attempt, "MINER_DRAINING")
        )
    assert (await world.get(job.job_id)).phase is JobPhase.QUEUED


async def test_nobody_acts_for_anothers_miner(world: World) -> None:
    await world.miner()
    job = await world.job()
    lease = await world.claim(job.job_id)
    thief = await world.client("thief")
    leases = world.services.leases
    with pytest.raises(Forbidden):
        await world.claim(job.job_id, "miner-1", thief)
    with pytest.raises(Forbidden):
        await world.complete(job.job_id, "Mine now.", "miner-1", thief)
    with pytest.raises(Forbidden):
        await leases.heartbeat(thief, "miner-1", job.job_id, lease.attempt, None)
    with pytest.raises(Forbidden):
        await leases.release(thief, "miner-1", job.job_id, GiveUp(None, "BAD_INPUT"))
    with pytest.raises(Forbidden):
        await leases.poll(thief, "miner-1", 0)
    with pytest.raises(MinerNotFound):
        await world.claim(job.job_id, "nobody")


async def test_a_miner_without_the_lease_can_neither_finish_nor_fail_a_job(world: World) -> None:
    await world.miner("holder")
    await world.miner("other")
    job = await world.job()
    await world.claim(job.job_id, "holder")
    with pytest.raises(LeaseLost):
        await world.complete(job.job_id, "Other's.", "other")
    with pytest.raises(LeaseLost):
        await world.services.leases.release(CLIENT, "other", job.job_id, GiveUp(None, "BAD_INPUT"))
    await world.complete(job.job_id, "Holder's.", "holder")
    with pytest.raises(JobAlreadyCompleted):
        await world.complete(job.job_id, "Other's.", "other")


async def test_jobs_that_do_not_fit_or_are_over_cannot_be_claimed(world: World) -> None:
    await world.miner("ffmpeg-only", capabilities=("ffmpeg_transcode",), aliases={})
    await world.miner("llm")
    job = await world.job()
    with pytest.raises(JobNotForMiner):
        await world.claim(job.job_id, "ffmpeg-only")
    await world.services.jobs.cancel(CLIENT, job.job_id)
    with pytest.raises(JobNotClaimable):
        await world.claim(job.job_id, "llm")


async def test_one_miner_cannot_sit_on_the_whole_queue(world: World) -> None:
    await world.miner()
    limit = world.config.timings.leases_per_miner_max
    jobs = [await world.job(max_price=AITBC // 1_000) for _ in range(limit + 1)]
    for job in jobs[:limit]:
        await world.claim(job.job_id)
    with pytest.raises(MinerBusy):
        await world.claim(jobs[limit].job_id)


async def test_a_cancelled_job_tells_its_miner_to_stop(world: World) -> None:
    await world.miner()
    job = await world.job()
    lease = await world.claim(job.job_id)
    await world.services.jobs.cancel(CLIENT, job.job_id)
    reply = await world.services.leases.heartbeat(CLIENT, "miner-1", job.job_id, lease.attempt, 10)
    assert reply.cancel


async def test_an_own_miner_that_gives_up_unsigned_loses_the_job_when_its_lease_ends(
    world: World,
) -> None:
    miner = OwnMiner(world)
    await miner.register()
    job = await world.job()
    lease = await miner.claim(job.job_id)
    still = await world.services.leases.release(
        CLIENT, miner.name, job.job_id, GiveUp(lease.attempt, "BAD_INPUT", "not JSON")
    )
    assert still.phase is JobPhase.RUNNING
    await world.pass_time(LEASE_S + 1)
    failed = await world.settled(job.job_id)
    assert failed.phase is JobPhase.FAILED
    assert failed.error is not None
    assert failed.error.code == "BAD_INPUT"


async def test_an_own_miners_signed_release_ends_the_attempt_at_once(world: World) -> None:
    miner = OwnMiner(world)
    await miner.register()
    job = await world.job()
    lease = await miner.claim(job.job_id)
    view = await world.services.leases.release(
        CLIENT,
        miner.name,
        job.job_id,
        GiveUp(
            lease.attempt,
            "RUNNER_FAILED",
            transaction=miner.released(lease, Reason.RUNNER_FAILED),
        ),
    )
    assert view.phase is JobPhase.QUEUED

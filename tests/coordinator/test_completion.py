"""Completing jobs with managed miners: once, whole, well-formed."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from coordinator.errors import JobAlreadyCompleted, ReceiptInvalid, ResultMalformed
from coordinator.jobs import JobPhase, JobSpec
from coordinator.leases import Completion, Output
from ledger.actions import PostReceipt
from ledger.transaction import CODEC
from tests.coordinator.world import AITBC, CLIENT, World

VIDEO = b"\x00\x00\x00\x18ftypmp42"


async def _complete(world: World, job_id: bytes, output: Output) -> None:
    await world.services.leases.complete(CLIENT, "miner-1", job_id, Completion(output))


async def test_a_completion_repeated_a_hundred_times_is_paid_once(world: World) -> None:
    miner = await world.miner()
    job = await world.job()
    await world.claim(job.job_id)
    first = await world.complete(job.job_id)
    await world.settled(job.job_id)
    paid = world.chain.balance(miner.address)

    again = await asyncio.gather(*(world.complete(job.job_id) for _ in range(100)))

    assert {receipt.receipt_id for receipt in again} == {first.receipt_id}
    await world.quiet()
    assert world.chain.balance(miner.address) == paid
    receipts = [
        signed
        for signed in map(CODEC.decode, set(world.chain.submitted))
        if isinstance(signed.transaction.action, PostReceipt)
    ]
    assert len(receipts) == 1


async def test_completions_at_the_same_time_give_one_receipt(world: World) -> None:
    await world.miner()
    job = await world.job()
    await world.claim(job.job_id)
    answers = await asyncio.gather(*(world.complete(job.job_id) for _ in range(20)))
    assert len({receipt.receipt_id for receipt in answers}) == 1


async def test_another_result_for_a_completed_job_is_refused(world: World) -> None:
    await world.miner()
    job = await world.job()
    await world.done(job.job_id, "First.")
    with pytest.raises(JobAlreadyCompleted):
        await world.complete(job.job_id, "Second.")
    assert (await world.get(job.job_id)).result is not None


def _nested(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    return value


MALFORMED = {
    "nothing": Output(),
    "an empty text": Output(text=""),
    "a blank text": Output(text=" \n\t"),
    "a text beyond the limit": Output(text="x" * 300_000),
    "a number that JSON cannot carry": Output(text="a", metadata={"n": 2**60}),
    "a lone surrogate": Output(text="\ud800"),
    "a bottomless list": Output(text="a", json=_nested(5_000)),  # type: ignore[arg-type]
    "an artifact that was not uploaded": Output(text="a", artifacts=("sha256:" + "0" * 64,)),
    "a path for an artifact": Output(text="a", artifacts=("../../etc/passwd",)),
    "a number for an artifact": Output(text="a", artifacts=({"artifact": 7},)),
    "too many artifacts": Output(text="a", artifacts=("sha256:" + "0" * 64,) * 65),
}


@pytest.mark.parametrize("output", MALFORMED.values(), ids=MALFORMED.keys())
async def test_a_malformed_result_is_refused_and_never_paid(world: World, output: Output) -> None:
    miner = await world.miner()
    job = await world.job(ttl_s=60)
    await world.claim(job.job_id)
    with pytest.raises(ResultMalformed):
        await _complete(world, job.job_id, output)
    assert (await world.get(job.job_id)).phase is JobPhase.RUNNING
    await world.pass_time(61)
    await world.pass_time(1)
    expired = await world.settled(job.job_id)
    assert expired.phase is JobPhase.EXPIRED
    assert world.chain.balance(miner.address) == 0


async def test_a_good_result_may_follow_a_malformed_one(world: World) -> None:
    await world.miner()
    job = await world.job()
    await world.claim(job.job_id)
    with pytest.raises(ResultMalformed):
        await world.complete(job.job_id, "")
    await world.complete(job.job_id, "Better.")
    assert (await world.settled(job.job_id)).phase is JobPhase.COMPLETED


async def test_the_claimed_end_is_kept_between_the_start_and_now(world: World) -> None:
    await world.miner()
    for claimed_ms, expected in ((0, "start"), (2**47, "now")):
        job = await world.job()
        await world.claim(job.job_id)
        world.clock.advance(3)
        receipt = await world.services.leases.complete(
            CLIENT,
            "miner-1",
            job.job_id,
            Completion(Output(text="Yes."), completed_ms=claimed_ms),
        )
        end = {"start": receipt.started_ms, "now": world.clock()}[expected]
        assert receipt.completed_ms == end


async def test_a_managed_miner_cannot_bring_its_own_receipt(world: World) -> None:
    await world.miner()
    job = await world.job()
    await world.claim(job.job_id)
    with pytest.raises(ReceiptInvalid):
        await world.services.leases.complete(
            CLIENT,
            "miner-1",
            job.job_id,
            Completion(Output(text="Yes."), salt=bytes(32), transaction=b"\x90"),
        )


async def test_a_file_is_delivered_by_digest(world: World) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield VIDEO

    await world.miner()
    wanted = JobSpec(
        service="ffmpeg_transcode",
        api_version="2026-05-11",
        input={"input_url": "artifact:sha256:" + "1" * 64, "output_format": "mp4"},
        max_price=AITBC,
    )
    job = await world.services.jobs.create(CLIENT, wanted)
    await world.until(job.job_id, JobPhase.QUEUED)
    await world.claim(job.job_id)
    with pytest.raises(ResultMalformed, match="at least one uploaded artifact"):
        await world.complete(job.job_id, "done")
    stored = await world.services.artifacts.store(CLIENT, body())
    await world.complete(job.job_id, f"artifact:sha256:{stored.digest.hex()}")
    done = await world.settled(job.job_id)
    assert done.result is not None
    assert [ref.artifact for ref in done.result.artifacts] == [f"sha256:{stored.digest.hex()}"]

"""What is kept for how long, and what an owner deletes is nowhere any more."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from coordinator.clients import Principal
from coordinator.database.account_tables import artifact_uses
from coordinator.database.tables import payloads, results
from coordinator.errors import ArtifactNotFound, JobNotFound, ResultExpired
from coordinator.jobs import JobPhase, JobView
from coordinator.leases import Completion, GiveUp, Output
from coordinator.retention.errors import JobNotFinished
from coordinator.retention.service import JOBS_PER_SWEEP_MAX
from coordinator.sweeper import Sweeper
from coordinator.workers import Watch
from tests.coordinator.own_miner import SALT, OwnMiner
from tests.coordinator.world import CLIENT, PATIENCE_S, World

DAY_S = 86_400

PROMPT = "the-prompt-that-nobody-shall-find " * 300
"""Longer than a page of the database, so that it is kept in several."""

ANSWER = "the-answer-that-nobody-shall-find " * 300


async def body(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def upload(world: World, data: bytes, owner: Principal = CLIENT) -> str:
    stored = await world.services.artifacts.store(owner, body(data))
    return f"sha256:{stored.digest.hex()}"


def traces(world: World, text: str) -> list[str]:
    """Return the files of the coordinator, the chain's included, that hold a text."""
    wanted = text.strip().encode()
    files = [path for path in Path(world.folder).rglob("*") if path.is_file()]
    return [path.name for path in files if wanted in path.read_bytes()]


async def count(world: World, table: object) -> int:
    query = select(func.count()).select_from(table)  # type: ignore[arg-type]
    return await world.services.core.database.read(lambda c: c.execute(query).scalar_one())


async def done(world: World, ttl_s: int = 900) -> JobView:
    await world.miner()
    job = await world.job(input={"prompt": PROMPT}, ttl_s=ttl_s)
    return await world.done(job.job_id, ANSWER)


async def test_what_is_deleted_is_in_no_file_any_more(world: World) -> None:
    job = await done(world)
    assert "coordinator.db-wal" in traces(world, "that-nobody-shall-find")
    forgotten = await world.services.retention.delete(CLIENT, job.job_id)
    assert (forgotten.had_input, forgotten.had_result) == (True, True)
    assert traces(world, "that-nobody-shall-find") == []
    with pytest.raises(ResultExpired):
        await world.services.jobs.result(CLIENT, job.job_id)
    shown = await world.get(job.job_id)
    assert (shown.phase, shown.spec.input) == (JobPhase.COMPLETED, {})
    assert shown.receipt_id == job.receipt_id
    again = await world.services.retention.delete(CLIENT, job.job_id)
    assert (again.had_input, again.had_result) == (False, False)
    await world.restart()
    assert traces(world, "that-nobody-shall-find") == []


async def test_what_is_read_meanwhile_is_gone_soon_after(world: World) -> None:
    job = await done(world)
    core, reads, may_end = world.services.core, asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def long_read(connection: object) -> None:
        connection.execute(select(payloads)).all()  # type: ignore[attr-defined]
        loop.call_soon_threadsafe(reads.set)
        asyncio.run_coroutine_threadsafe(may_end.wait(), loop).result()

    reading = asyncio.create_task(core.database.read(long_read))
    await reads.wait()
    await world.services.retention.delete(CLIENT, job.job_id)
    assert traces(world, "that-nobody-shall-find") != []
    may_end.set()
    await reading
    # Soon, and not at once: a thread that reads lets go of what it saw after it has answered.
    while traces(world, "that-nobody-shall-find"):
        await world.services.sweeper.sweep()


async def test_content_that_is_needed_is_not_deleted(world: World) -> None:
    await world.miner()
    job = await world.job()
    with pytest.raises(JobNotFinished, match="cancel it first"):
        await world.services.retention.delete(CLIENT, job.job_id)
    await world.claim(job.job_id)
    with pytest.raises(JobNotFinished):
        await world.services.retention.delete(CLIENT, job.job_id)
    with pytest.raises(JobNotFound):
        await world.services.retention.delete(await world.client(), job.job_id)
    await world.services.jobs.cancel(CLIENT, job.job_id)
    assert (await world.services.retention.delete(CLIENT, job.job_id)).had_input


async def test_what_a_miner_said_about_the_input_goes_with_it(world: World) -> None:
    await world.miner()
    job = await world.job()
    await world.claim(job.job_id)
    give_up = GiveUp(1, "BAD_INPUT", "cannot read 'my-secret-sentence'")
    await world.services.leases.release(CLIENT, "miner-1", job.job_id, give_up)
    failed = await world.settled(job.job_id)
    assert failed.error is not None
    assert "my-secret-sentence" in failed.error.message
    await world.services.retention.delete(CLIENT, job.job_id)
    error = (await world.get(job.job_id)).error
    assert error is not None
    assert (error.code, error.message) == ("BAD_INPUT", "The input cannot be processed")
    assert traces(world, "my-secret-sentence") == []


async def test_files_go_with_the_last_job_that_names_them(world: World) -> None:
    await world.miner()
    source, picture = await upload(world, b"source"), await upload(world, b"picture")
    jobs = []
    for _ in range(2):
        job = await world.job(
            service="ffmpeg_transcode",
            model="",
            input={"input_url": f"artifact:{source}", "output_format": "mp4"},
            params={},
        )
        await world.claim(job.job_id)
        output = Output(artifacts=({"artifact": picture},))
        await world.services.leases.complete(CLIENT, "miner-1", job.job_id, Completion(output))
        jobs.append((await world.settled(job.job_id)).job_id)
    first = await world.services.retention.delete(CLIENT, jobs[0])
    assert first.artifacts == ()
    digest = bytes.fromhex(picture.removeprefix("sha256:"))
    file = await world.services.artifacts.open(CLIENT, digest)
    second = await world.services.retention.delete(CLIENT, jobs[1])
    assert len(second.artifacts) == 2
    assert not file.path.exists()
    with pytest.raises(ArtifactNotFound):
        await world.services.artifacts.open(CLIENT, digest)


async def test_a_file_that_another_client_keeps_stays(world: World) -> None:
    await world.miner()
    other = await world.client("other")
    source = await upload(world, b"source")
    await upload(world, b"source", other)
    named = {"input_url": f"artifact:{source}", "output_format": "mp4"}
    job = await world.job(service="ffmpeg_transcode", model="", params={}, input=named)
    await world.services.jobs.cancel(CLIENT, job.job_id)
    assert (await world.services.retention.delete(CLIENT, job.job_id)).artifacts == ()
    digest = bytes.fromhex(source.removeprefix("sha256:"))
    assert (await world.services.artifacts.open(other, digest)).path.read_bytes() == b"source"
    assert await world.services.artifacts.list(CLIENT) == ([], None)


async def test_content_goes_by_itself_a_week_later_and_not_before(world: World) -> None:
    job = await done(world, ttl_s=60)
    await world.pass_time(7 * DAY_S - 120)
    assert (await world.services.jobs.result(CLIENT, job.job_id)).result is not None
    await world.pass_time(240)
    with pytest.raises(ResultExpired):
        await world.services.jobs.result(CLIENT, job.job_id)
    assert await count(world, payloads) == 0
    assert await count(world, results) == 1
    assert traces(world, "that-nobody-shall-find") == []


async def test_the_uses_of_files_end_with_the_content_that_names_them(world: World) -> None:
    source = await upload(world, b"source")
    named = {"input_url": f"artifact:{source}", "output_format": "mp4"}
    job = await world.job(service="ffmpeg_transcode", model="", input=named, params={}, ttl_s=60)
    await world.services.jobs.cancel(CLIENT, job.job_id)
    assert await count(world, artifact_uses) == 1
    await world.pass_time(7 * DAY_S + 120)
    assert await count(world, artifact_uses) == 0


async def test_no_salt_is_kept_of_a_result_that_comes_after_the_deletion(world: World) -> None:
    """Its receipt was on the chain first (J8); with the salt a short result could be guessed."""
    miner = OwnMiner(world)
    await miner.register()
    job = await world.job(ttl_s=60)
    completion = miner.completion(await miner.claim(job.job_id), "yes")
    assert completion.transaction is not None
    await world.chain.submit([completion.transaction])
    await world.quiet()
    await world.pass_time(DAY_S)
    await world.services.retention.delete(CLIENT, job.job_id)
    await world.services.leases.complete(CLIENT, miner.name, job.job_id, completion)
    query = select(results).where(results.c.job_id == job.job_id)
    row = await world.services.core.database.read(lambda c: c.execute(query).one())
    assert (row.document, row.salt) == (None, bytes(32))
    assert (await world.settled(job.job_id)).phase is JobPhase.COMPLETED
    await world.services.leases.complete(CLIENT, miner.name, job.job_id, completion)
    assert SALT not in b"".join(p.read_bytes() for p in world.folder.glob("coordinator.db*"))


async def test_a_result_that_comes_after_the_deletion_is_not_kept(world: World) -> None:
    job = await done(world)
    await world.services.retention.delete(CLIENT, job.job_id)
    await world.complete(job.job_id, ANSWER)
    assert traces(world, "the-answer-that-nobody-shall-find") == []


async def test_one_sweep_deletes_all_that_is_late_however_much_it_is(world: World) -> None:
    number = 2 * JOBS_PER_SWEEP_MAX + 1
    kept = {"payload": b"{}", "blind": bytes(32), "expires_ms": world.clock() - 1}
    rows = [kept | {"job_id": at.to_bytes(32, "big")} for at in range(number)]
    await world.services.core.database.write(lambda c: c.execute(insert(payloads), rows))
    await world.services.retention.sweep()
    assert await count(world, payloads) == 0


async def test_a_long_chore_holds_up_no_look_for_lost_leases_and_ends_with_the_sweeper(
    world: World,
) -> None:
    core = world.services.core
    quick = replace(core.config.timings, sweep_interval_s=0.001)
    looks, looked_often, ended = 0, asyncio.Event(), asyncio.Event()

    async def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            looked_often.set()

    async def long() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    sweeper = Sweeper(
        replace(core, config=replace(core.config, timings=quick)),
        Watch(world.clock),
        each_time=(look,),
        each_minute=(long,),
    )
    running = asyncio.create_task(sweeper.run())
    async with asyncio.timeout(PATIENCE_S):
        await looked_often.wait()
    assert not ended.is_set()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert ended.is_set()

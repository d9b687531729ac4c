"""What a submission answers with, without a read, is what a read finds."""

import asyncio
import threading

import pytest
from sqlalchemy import Connection

from coordinator.jobs.model import Eligibility, JobPhase
from coordinator.jobs.waiting import WaitingReasons
from coordinator.leases.matching import Needs
from coordinator.leases.roster import Roster
from coordinator.miners.store import change
from tests.coordinator.world import AITBC, CLIENT, World, spec

PROGRAM = {"entrypoint": "main.py", "source": "print(1)", "requirements": ["numpy"]}

SPECS: tuple[dict[str, object], ...] = (
    {},
    {"max_price": None, "model": "nobody-has-it", "ttl_s": 60, "shown_type": "ai-inference"},
    {"api_version": "2026-01-24", "gpu_count": 2, "gpu_memory_mib": 8_192, "warnings": ("/x",)},
    {
        "api_version": "2024-01-01",
        "service": "python",
        "model": "",
        "input": PROGRAM,
        "params": {},
        "label": "a sum",
        "hold": True,
    },
    {
        "service": "whisper_transcribe",
        "model": "",
        "input": {"language": "de", "audio_url": f"artifact:sha256:{'a' * 64}"},
        "params": {},
        "dispute_window_s": 60,
    },
)


@pytest.mark.parametrize("changes", SPECS)
async def test_the_answer_to_a_submission_is_what_a_read_finds(
    world: World, changes: dict[str, object]
) -> None:
    await world.miner()
    world.chain.is_paused = True
    jobs = world.services.jobs
    # The first is the one for which the tables are asked what such jobs usually take.
    first = await jobs.create(CLIENT, spec(**changes))
    second = await jobs.create(CLIENT, spec(**changes))
    for created in (first, second):
        read = await jobs.get(CLIENT, created.job_id)
        assert created == read
        # Members stand in the same order, too: some versions show them as text.
        assert repr(created) == repr(read)
        assert created.phase is JobPhase.ACCEPTED
        assert created.as_of_height == world.chain.head().height
    world.chain.is_paused = False
    await world.until(second.job_id, JobPhase.QUEUED)


async def test_a_submission_during_a_rebuild_is_answered_by_a_read(world: World) -> None:
    world.chain.is_paused = True
    object.__setattr__(world.services.core.follower, "_followed", None)
    created = await world.services.jobs.create(CLIENT, spec())
    assert created.as_of_height == world.chain.head().height
    world.chain.is_paused = False
    await world.until(created.job_id, JobPhase.QUEUED)


async def test_who_could_take_a_job_is_told_as_of_the_newest_write_to_a_miner(
    world: World,
) -> None:
    jobs, database = world.services.jobs, world.services.core.database
    assert (await jobs.create(CLIENT, spec())).eligibility == Eligibility(0, 0, {})
    miner = await world.miner()
    assert (await jobs.create(CLIENT, spec())).eligibility == Eligibility(1, 1, {})
    other = await jobs.create(CLIENT, spec(service="python", model="", input=PROGRAM, params={}))
    assert other.eligibility == Eligibility(1, 0, {"SERVICE_NOT_OFFERED": 1})
    await database.write(lambda c: change(c, miner.address, is_draining=True))
    assert (await jobs.create(CLIENT, spec())).eligibility == Eligibility(
        1, 0, {"MINER_DRAINING": 1}
    )


async def test_miners_that_are_read_while_one_is_written_to_are_not_remembered(
    world: World,
) -> None:
    miner = await world.miner()
    database = world.services.core.database
    reasons = WaitingReasons(database, Roster(world.services.registry))
    needs = Needs.of_spec(spec(), AITBC)
    is_changed, may_end = threading.Event(), threading.Event()

    def drain(connection: Connection) -> None:
        change(connection, miner.address, is_draining=True)
        is_changed.set()
        may_end.wait()

    writing = asyncio.create_task(database.write(drain))
    await asyncio.to_thread(is_changed.wait)
    assert (await reasons.of(needs)).eligible == 1
    may_end.set()
    await writing
    assert (await reasons.of(needs)).eligible == 0

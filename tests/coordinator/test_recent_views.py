"""What is kept of jobs that were read is what a read would find."""

import asyncio
import threading
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from coordinator.database import Database
from coordinator.errors import JobNotFound
from coordinator.jobs.model import JobPhase, JobView
from coordinator.jobs.recent import KEPT_MAX, RecentViews
from coordinator.jobs.views import JobViews
from tests.coordinator.world import CLIENT, World, spec
from tests.databases import COORDINATOR, Place

JOBS = tuple(bytes([number]) * 32 for number in range(3))


async def _shown(world: World, job_id: bytes) -> JobView:
    """Return a view as the tables have it, past everything that is kept."""
    view = await world.services.core.database.read(lambda c: JobViews().one(c, job_id))
    assert view is not None
    return view


def _compared(view: JobView) -> JobView:
    """Return a view without what no read promises: the estimate, and why a job waits."""
    return replace(view, estimated_completion_ms=0, eligibility=None)


async def test_a_job_read_again_and_again_through_its_life_is_what_the_tables_say(
    world: World,
) -> None:
    database, jobs = world.services.core.database, world.services.jobs
    await world.miner()
    job_id = (await world.job()).job_id
    compared: list[JobPhase] = []
    ended = asyncio.Event()

    async def ask() -> None:
        while not ended.is_set():
            version = database.version
            views = [await jobs.get(CLIENT, job_id), await jobs.get(CLIENT, job_id)]
            expected = await _shown(world, job_id)
            if version is not None and version == database.version:
                compared.append(expected.phase)
                assert [_compared(view) for view in views] == [_compared(expected)] * 2

    asking = asyncio.create_task(ask())
    try:
        settled = await world.done(job_id)
    finally:
        ended.set()
        await asking
    await world.quiet()
    assert compared
    again = await jobs.get(CLIENT, job_id)
    assert again.payment == settled.payment
    assert _compared(again) == _compared(await _shown(world, job_id))


async def test_a_view_that_nothing_changed_is_not_read_again_and_a_write_ends_that(
    world: World,
) -> None:
    database, jobs = world.services.core.database, world.services.jobs
    await world.miner()
    job_id = (await world.job()).job_id
    await world.claim(job_id)
    await world.quiet()
    first = await jobs.get(CLIENT, job_id)
    assert await jobs.get(CLIENT, job_id) is first
    await database.write(lambda _: None)
    again = await jobs.get(CLIENT, job_id)
    assert again is not first
    assert again == first


async def test_what_is_kept_for_its_client_is_unknown_to_another(world: World) -> None:
    stranger = await world.client("another")
    await world.miner()
    job_id = (await world.job()).job_id
    await world.claim(job_id)
    await world.quiet()
    await world.services.jobs.get(CLIENT, job_id)
    with pytest.raises(JobNotFound):
        await world.services.jobs.get(stranger, job_id)


async def test_tables_have_no_version_while_they_are_written_and_a_new_one_after(
    place: Place,
) -> None:
    database = Database(place.url(COORDINATOR))
    inside, go_on = threading.Event(), threading.Event()
    seen: list[int | None] = []

    def work(_: Connection) -> None:
        inside.set()
        assert go_on.wait(60)

    seen += [database.version, database.version]
    writing = asyncio.create_task(database.write(work))
    await asyncio.to_thread(inside.wait, 60)
    seen.append(database.version)
    go_on.set()
    await writing
    seen.append(database.version)
    first, again, meanwhile, after = seen
    assert first is not None
    assert first == again
    assert meanwhile is None
    assert after not in {None, first}
    database.close()


@dataclass
class _Tables:
    """Jobs as a database has them, with reads that take a while."""

    version: int | None = 0
    attempts: dict[bytes, int] = field(default_factory=lambda: dict.fromkeys(JOBS, 1))
    reads: list[tuple[int | None, bytes]] = field(default_factory=list)


@given(
    st.lists(
        st.tuples(st.sampled_from(["ask", "answer", "begin", "commit"]), st.sampled_from(JOBS)),
        max_size=60,
    )
)
def test_a_kept_view_is_the_job_as_it_is_whatever_comes_between_question_and_answer(
    steps: list[tuple[str, bytes]],
) -> None:
    tables, recent, written = _Tables(), RecentViews(), 0
    for step, job_id in steps:
        if step == "ask":
            found = recent.find(tables.version, "client", job_id)
            if found is None:
                tables.reads.append((tables.version, job_id))
            else:
                assert found.attempt == tables.attempts[job_id]
        elif step == "answer" and tables.reads:
            version, asked = tables.reads.pop(0)
            recent.keep(version, "client", _view(asked, tables.attempts[asked]))
        elif step == "begin":
            tables.version = None
        elif step == "commit" and tables.version is None:
            written += 1
            tables.version = written
            tables.attempts[job_id] += 1


def test_no_more_views_are_kept_than_the_bound() -> None:
    recent = RecentViews()
    recent.find(1, "client", JOBS[0])
    for number in range(KEPT_MAX + 1):
        recent.keep(1, "client", _view(number.to_bytes(32, "big"), 1))
    kept = [recent.find(1, "client", number.to_bytes(32, "big")) for number in range(KEPT_MAX + 1)]
    assert [view is None for view in kept] == [True] * KEPT_MAX + [False]


def _view(job_id: bytes, attempt: int) -> JobView:
    return JobView(
        job_id=job_id,
        client=bytes(20),
        spec=spec(),
        phase=JobPhase.RUNNING,
        requested_ms=0,
        expires_ms=0,
        estimated_completion_ms=0,
        attempt=attempt,
        miner=None,
        started_ms=None,
        progress=None,
        completed_ms=None,
        ended_ms=None,
        error=None,
        result=None,
        receipt_id=None,
        payment=None,
        as_of_height=0,
    )

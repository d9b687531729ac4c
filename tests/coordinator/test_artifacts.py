"""Artifacts: streamed, bounded, found by digest, gone in time."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.artifacts import ArtifactView
from coordinator.artifacts.under_way import BYTES_PER_SECOND_MIN, GRACE_SECONDS, WHOLE_MAX, Pace
from coordinator.clients import Principal
from coordinator.config import Limits
from coordinator.errors import (
    ArtifactNotFound,
    Forbidden,
    InvalidRequest,
    TooLarge,
    TooManyRequests,
)
from ledger.hashing import sha256
from tests.coordinator.world import CLIENT, TIMINGS, World


async def body(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


@pytest.fixture
async def small(folder: Path) -> AsyncIterator[World]:
    """A coordinator that keeps little."""
    world = World(folder, limits=Limits(artifact_bytes_max=1_000, artifact_quota_bytes=1_500))
    await world.start()
    yield world
    await world.finish()


def files(world: World) -> list[Path]:
    return [path for path in world.config.artifact_dir.rglob("*") if path.is_file()]


async def test_what_was_stored_is_found_by_its_digest(world: World) -> None:
    artifacts = world.services.artifacts
    stored = await artifacts.store(CLIENT, body(b"one ", b"two"), 7)
    assert stored.digest == sha256(b"one two")
    assert stored.size == 7
    assert stored.expires_ms == world.clock() + TIMINGS.artifact_retention_ms
    found = await artifacts.open(CLIENT, stored.digest)
    assert found.path.read_bytes() == b"one two"
    with pytest.raises(ArtifactNotFound):
        await artifacts.open(CLIENT, bytes(32))


async def test_storing_the_same_again_keeps_one_file_and_counts_once(small: World) -> None:
    artifacts = small.services.artifacts
    for _ in range(5):
        await artifacts.store(CLIENT, body(b"x" * 900))
    assert len(files(small)) == 1


async def test_a_body_beyond_the_limit_is_cut_off_and_leaves_no_file(small: World) -> None:
    pulled = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal pulled
        while True:
            pulled += 1
            yield b"x" * 400

    with pytest.raises(TooLarge):
        await small.services.artifacts.store(CLIENT, endless())
    assert pulled == 3
    assert files(small) == []


async def test_a_declared_size_beyond_the_limit_is_refused_unread(small: World) -> None:
    unread = body(b"first")
    with pytest.raises(TooLarge):
        await small.services.artifacts.store(CLIENT, unread, 1_001)
    assert [chunk async for chunk in unread] == [b"first"]


async def test_a_client_keeps_no_more_than_its_quota(small: World) -> None:
    artifacts = small.services.artifacts
    await artifacts.store(CLIENT, body(b"a" * 900))
    with pytest.raises(TooManyRequests):
        await artifacts.store(CLIENT, body(b"b" * 900))
    assert len(files(small)) == 1
    other = await small.client()
    await artifacts.store(other, body(b"b" * 900))


class Held:
    """Bodies that stand still after their first piece."""

    def __init__(self, world: World) -> None:
        self.world, self.may_end = world, asyncio.Event()
        self.begun: asyncio.Queue[None] = asyncio.Queue()

    async def start(self, data: bytes, declared: int | None) -> asyncio.Task[ArtifactView]:
        async def chunks() -> AsyncIterator[bytes]:
            yield data[:1]
            self.begun.put_nowait(None)
            await self.may_end.wait()
            yield data[1:]

        storing = self.world.services.artifacts.store(CLIENT, chunks(), declared)
        task = asyncio.ensure_future(storing)
        began = asyncio.ensure_future(self.begun.get())
        await asyncio.wait([task, began], return_when=asyncio.FIRST_COMPLETED)
        began.cancel()
        return task


@pytest.mark.parametrize("is_declared", [True, False])
async def test_what_bodies_may_yet_bring_counts_before_it_is_on_disk(
    small: World, is_declared: bool
) -> None:
    held = Held(small)
    declared = 900 if is_declared else None
    tasks = [await held.start(bytes([n]) * 900, declared) for n in range(3)]
    with pytest.raises(TooManyRequests):
        await tasks[2]
    assert len(files(small)) == 2
    with pytest.raises(TooManyRequests):
        await small.services.uploads.begin(CLIENT, sha256(b"other"), 100)
    held.may_end.set()
    ends = await asyncio.gather(*tasks[:2], return_exceptions=True)
    assert {type(end) for end in ends} == {ArtifactView, TooManyRequests}
    await small.services.uploads.begin(CLIENT, sha256(b"other"), 100)
    assert len(files(small)) == 1


async def test_a_client_sends_few_files_at_a_time(world: World) -> None:
    held = Held(world)
    tasks = [await held.start(b"n%d" % n, 10) for n in range(WHOLE_MAX + 1)]
    with pytest.raises(TooManyRequests, match="are coming in"):
        await tasks.pop()
    for task in tasks:
        task.cancel()
    assert {type(end) for end in await asyncio.gather(*tasks, return_exceptions=True)} == {
        asyncio.CancelledError
    }
    assert files(world) == []
    await world.services.artifacts.store(CLIENT, body(b"next"))


@given(st.lists(st.tuples(st.floats(0, 60), st.integers(0, 1 << 20)), max_size=200))
def test_a_body_takes_no_longer_than_its_size_allows(pieces: list[tuple[float, int]]) -> None:
    pace, waited, size = Pace(), 0.0, 0
    for seconds, length in pieces:
        assert pace.patience <= GRACE_SECONDS
        if seconds > pace.patience:
            break
        pace.took(seconds, length)
        waited, size = waited + seconds, size + length
        assert waited <= GRACE_SECONDS + size / BYTES_PER_SECOND_MIN + 0.001


@pytest.mark.parametrize(("chunks", "declared"), [((), None), ((b"ab",), 3), ((b"ab",), 1)])
async def test_empty_or_cut_bodies_are_refused(
    world: World, chunks: tuple[bytes, ...], declared: int | None
) -> None:
    with pytest.raises(InvalidRequest):
        await world.services.artifacts.store(CLIENT, body(*chunks), declared)
    assert files(world) == []


async def test_an_upload_that_breaks_off_leaves_no_file(world: World) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await world.services.artifacts.store(CLIENT, broken())
    assert files(world) == []


async def test_what_a_stopped_upload_left_is_cleared_at_the_start(world: World) -> None:
    (world.config.artifact_dir / "drafts" / "half").write_bytes(b"half")
    await world.restart()
    assert files(world) == []


async def test_artifacts_end_when_their_last_keeper_stops(world: World) -> None:
    artifacts, other = world.services.artifacts, await world.client()
    first = await artifacts.store(CLIENT, body(b"shared"))
    world.clock.advance(3_600)
    await artifacts.store(other, body(b"shared"))
    await world.pass_time(TIMINGS.artifact_retention_ms / 1_000 - 3_600)
    assert (await artifacts.open(CLIENT, first.digest)).path.exists()
    await world.pass_time(3_601)
    with pytest.raises(ArtifactNotFound):
        await artifacts.open(CLIENT, first.digest)
    assert files(world) == []


async def test_a_key_without_scopes_neither_stores_nor_reads(world: World) -> None:
    nobody = Principal(CLIENT.client_id, frozenset(), "none")
    with pytest.raises(Forbidden):
        await world.services.artifacts.store(nobody, body(b"x"))
    with pytest.raises(Forbidden):
        await world.services.artifacts.open(nobody, bytes(32))


async def test_the_input_of_a_job_does_not_end_before_the_job(world: World) -> None:
    artifacts = world.services.artifacts
    name, other = [(await artifacts.store(CLIENT, body(text))).digest for text in (b"in", b"not")]
    end_ms = world.clock() + TIMINGS.artifact_retention_ms
    await world.pass_time(TIMINGS.artifact_retention_ms / 1_000 - 600)
    job = await world.job(input={"prompt": f"artifact:sha256:{name.hex()}"}, ttl_s=3_600)
    await world.pass_time(1_200)
    await artifacts.sweep()
    assert world.clock() > end_ms
    assert (await artifacts.open(CLIENT, name)).view.expires_ms == job.expires_ms
    with pytest.raises(ArtifactNotFound):
        await artifacts.open(CLIENT, other)
    await world.pass_time(3_600)
    await artifacts.sweep()
    with pytest.raises(ArtifactNotFound):
        await artifacts.open(CLIENT, name)


async def test_every_file_is_listed_page_by_page(world: World) -> None:
    artifacts = world.services.artifacts
    stored = [await artifacts.store(CLIENT, body(bytes([number]))) for number in range(5)]
    shown: list[ArtifactView] = []
    page, last = await artifacts.list(CLIENT, 2)
    while last is not None:
        shown += page
        page, last = await artifacts.list(CLIENT, 2, last)
    shown += page
    assert sorted(each.digest for each in shown) == sorted(each.digest for each in stored)

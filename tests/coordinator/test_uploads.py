"""Files that come in pieces: whole in the end, whatever breaks meanwhile."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.artifacts import ArtifactView
from coordinator.artifacts.errors import DigestMismatch, UploadBusy, UploadNotFound, WrongOffset
from coordinator.artifacts.model import Upload
from coordinator.artifacts.ranges import ByteRange, RangeNotSatisfiable, range_of
from coordinator.artifacts.uploads import OPEN_MAX, UPLOAD_MS
from coordinator.config import Limits
from coordinator.errors import InvalidRequest, TooLarge, TooManyRequests
from tests.coordinator.world import CLIENT, World

DATA = bytes(range(256)) * 40
DIGEST = hashlib.sha256(DATA).digest()


class Broken(Exception):
    """The connection is gone."""


async def sent(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def broken(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
    raise Broken


async def begin(world: World, digest: bytes = DIGEST, size: int = len(DATA)) -> str:
    return (await world.services.uploads.begin(CLIENT, digest, size)).upload_id


async def append(
    world: World, upload_id: str, offset: int, *pieces: bytes
) -> Upload | ArtifactView:
    return await world.services.uploads.append(CLIENT, upload_id, offset, sent(*pieces))


def drafts(world: World) -> Sequence[str]:
    return world.services.artifacts.folder.upload_ids()


async def test_pieces_make_the_file_that_was_announced(world: World) -> None:
    upload_id = await begin(world)
    half = await append(world, upload_id, 0, DATA[:3_000], DATA[3_000:5_000])
    assert isinstance(half, Upload)
    assert half.received == 5_000
    whole = await append(world, upload_id, 5_000, DATA[5_000:])
    assert isinstance(whole, ArtifactView)
    file = await world.services.artifacts.open(CLIENT, DIGEST)
    assert file.path.read_bytes() == DATA
    with pytest.raises(UploadNotFound):
        await world.services.uploads.get(CLIENT, upload_id)
    assert drafts(world) == []


async def test_a_piece_that_breaks_off_is_kept_and_goes_on_after_a_restart(world: World) -> None:
    upload_id = await begin(world)
    with pytest.raises(Broken):
        await world.services.uploads.append(CLIENT, upload_id, 0, broken(DATA[:700]))
    await world.restart()
    found = await world.services.uploads.get(CLIENT, upload_id)
    assert found.received == 700
    # What a kill left behind the noted bytes is thrown away.
    with world.services.artifacts.folder.upload_path(upload_id).open("ab") as file:
        file.write(b"torn")
    assert isinstance(await append(world, upload_id, 700, DATA[700:]), ArtifactView)


async def test_a_process_that_died_before_the_end_is_taken_up_by_a_piece_of_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Died(BaseException):
        pass

    async def die(*_: object, **_named: object) -> None:
        raise Died

    for method in ("take", "forget"):
        digest = hashlib.sha256(DATA + method.encode()).digest()
        data = DATA + method.encode()
        upload_id = await begin(world, digest, len(data))
        target = world.services.artifacts if method == "take" else world.services.uploads
        with monkeypatch.context() as patch:
            patch.setattr(target, "take" if method == "take" else "_forget", die)
            with pytest.raises(Died):
                await append(world, upload_id, 0, data)
        await world.restart()
        assert isinstance(await append(world, upload_id, len(data)), ArtifactView)
        assert (await world.services.artifacts.open(CLIENT, digest)).path.read_bytes() == data
        assert drafts(world) == []


async def test_wrong_pieces_are_refused_and_change_nothing(world: World) -> None:
    upload_id = await begin(world)
    await append(world, upload_id, 0, DATA[:100])
    for offset in (0, 99, 101):
        with pytest.raises(WrongOffset, match="100 bytes are here"):
            await append(world, upload_id, offset, b"x")
    with pytest.raises(InvalidRequest, match="empty"):
        await append(world, upload_id, 100)
    with pytest.raises(TooLarge):
        await append(world, upload_id, 100, DATA[100:] + b"x")
    with pytest.raises(UploadNotFound):
        await world.services.uploads.get(await world.client(), upload_id)
    assert (await world.services.uploads.get(CLIENT, upload_id)).received == 100


async def test_another_file_than_announced_is_thrown_away(world: World) -> None:
    upload_id = await begin(world, hashlib.sha256(b"other").digest())
    with pytest.raises(DigestMismatch, match=DIGEST.hex()):
        await append(world, upload_id, 0, DATA)
    with pytest.raises(UploadNotFound):
        await world.services.uploads.get(CLIENT, upload_id)
    assert drafts(world) == []


async def test_two_pieces_do_not_come_at_once(world: World) -> None:
    upload_id = await begin(world)
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield DATA[:10]
        begun.set()
        await may_end.wait()
        yield DATA[10:]

    first = asyncio.create_task(world.services.uploads.append(CLIENT, upload_id, 0, slow()))
    await begun.wait()
    with pytest.raises(UploadBusy):
        await append(world, upload_id, 0, DATA)
    with pytest.raises(UploadBusy):
        await world.services.uploads.delete(CLIENT, upload_id)
    may_end.set()
    assert isinstance(await first, ArtifactView)


async def test_what_is_announced_counts_against_the_quota(world: World) -> None:
    limits = Limits(artifact_bytes_max=20_000, artifact_quota_bytes=25_000)
    await world.services.stop()
    world.config = replace(world.config, limits=limits)
    world.services = world.build()
    await world.start()
    with pytest.raises(TooLarge):
        await begin(world, size=20_001)
    upload_id = await begin(world, hashlib.sha256(b"1").digest(), 20_000)
    with pytest.raises(TooManyRequests):
        await begin(world)
    with pytest.raises(TooManyRequests):
        await world.services.artifacts.store(CLIENT, sent(DATA))
    await world.services.uploads.delete(CLIENT, upload_id)
    await world.services.artifacts.store(CLIENT, sent(DATA))


async def test_every_announcement_of_the_same_file_counts(world: World) -> None:
    limits = Limits(artifact_bytes_max=20_000, artifact_quota_bytes=25_000)
    await world.services.stop()
    world.config = replace(world.config, limits=limits)
    world.services = world.build()
    await world.start()
    first = await begin(world)
    await begin(world)
    with pytest.raises(TooManyRequests):
        await begin(world)
    assert isinstance(await append(world, first, 0, DATA), ArtifactView)


async def test_uploads_that_nobody_goes_on_with_are_deleted(world: World) -> None:
    for number in range(OPEN_MAX):
        await begin(world, hashlib.sha256(bytes([number])).digest(), 10)
    with pytest.raises(TooManyRequests):
        await begin(world)
    world.clock.advance(UPLOAD_MS / 1_000)
    upload_id = await begin(world)
    await append(world, upload_id, 0, DATA[:100])
    await world.pass_time(UPLOAD_MS / 1_000 - 1)
    assert drafts(world) == [upload_id]
    await world.pass_time(60)
    assert drafts(world) == []


async def test_files_without_an_owner_are_cleared_after_a_restart(world: World) -> None:
    await world.services.artifacts.store(CLIENT, sent(DATA))
    stray = world.services.artifacts.folder.path_of(bytes(32))
    stray.parent.mkdir()
    stray.write_bytes(b"left by a process that died")
    await world.restart()
    await world.services.artifacts.sweep()
    assert not stray.exists()
    await world.services.artifacts.open(CLIENT, DIGEST)


@given(
    st.binary(min_size=1, max_size=40), st.integers(0, 50), st.one_of(st.none(), st.integers(0, 50))
)
def test_a_range_is_what_a_slice_is(data: bytes, first: int, last: int | None) -> None:
    header = f"bytes={first}-{'' if last is None else last}"
    expected = data[first:] if last is None else data[first : last + 1]
    if last is not None and last < first:
        assert range_of(header, len(data)) is None
        return
    if not expected:
        with pytest.raises(RangeNotSatisfiable):
            range_of(header, len(data))
        return
    found = range_of(header, len(data))
    assert found is not None
    assert data[found.first : found.last + 1] == expected
    assert found.length == len(expected)


def test_the_end_of_a_file_may_be_asked_for_and_other_headers_are_ignored() -> None:
    assert range_of("bytes=-3", 10) == ByteRange(7, 9)
    assert range_of("bytes=-30", 10) == ByteRange(0, 9)
    with pytest.raises(RangeNotSatisfiable):
        range_of("bytes=-0", 10)
    for header in ("bytes=1-2,4-5", "lines=1-2", "bytes=", "bytes=-", "bytes=a-b", "bytes=٣-"):
        assert range_of(header, 10) is None

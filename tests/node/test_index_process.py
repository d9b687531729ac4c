"""The index in a process of its own: killed anywhere, refused, woken, and gone with its node."""

import asyncio
import io
import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.codec import encode
from ledger.store import (
    ChainStore,
    Indexer,
    IndexLayout,
    IndexReader,
    IndexStep,
    prepare_index,
)
from node import index_process
from node.index_process import LOST, IndexProcess
from node.index_runners import Place
from node.index_worker import (
    BROKEN,
    FAILPOINT_VARIABLE,
    GATHER_S,
    GATHER_S_MAX,
    IndexReport,
    IndexSettings,
    gathering_s,
    serve,
)
from node.ports import SystemClock
from tests.databases import Files
from tests.explorer.chains import build_chain
from tests.processes import child_environment
from tests.store.chains import TAGS, Builder, random_history
from tests.store.indexes import Dump, dump, open_indexed

PATIENCE_S = 60.0
STEPS_OF_A_BATCH = [step for step in IndexStep if step is not IndexStep.PARTITION_ARCHIVED]


def settings_of(folder: Path, layout: IndexLayout, *, failpoints: bool = False) -> IndexSettings:
    return IndexSettings(
        f"sqlite:///{folder / 'chain.db'}",
        f"sqlite:///{folder / 'index.db'}",
        layout.partition_entries,
        layout.keep_ms,
        failpoints,
    )


def index_until_idle(settings: IndexSettings, failpoint: str = "") -> tuple[list[IndexReport], int]:
    """Run the worker until it waits or ends; return its reports and its exit status."""
    prepare_index(settings.index_url)
    environment = child_environment() | {FAILPOINT_VARIABLE: failpoint}
    command = [sys.executable, "-m", "node.index_worker"]
    reports: list[IndexReport] = []
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as worker:
        worker.stdin.write(msgspec.json.encode(settings) + b"\n")
        worker.stdin.flush()
        for line in worker.stdout:
            reports.append(msgspec.json.decode(line, type=IndexReport))
            if reports[-1].is_waiting:
                break
        worker.stdin.close()
        return reports, worker.wait(PATIENCE_S)


def dump_from_scratch(chain: Path, folder: Path, layout: IndexLayout) -> Dump:
    """Index a chain at once, in this process."""
    (folder / "chain.db").write_bytes(chain.read_bytes())
    with open_indexed(Files(folder), layout) as indexed:
        indexed.catch_up(limit=10**6)
        return dump(indexed)


def test_an_index_whose_process_was_killed_at_every_step_is_that_of_one_never_killed(
    tmp_path: Path,
):
    with build_chain(tmp_path) as chain:
        span_ms = chain.world.now_ms - chain.world.blocks[0].header.timestamp_ms
    (tmp_path / "index.db").unlink()
    layout = IndexLayout(partition_entries=15, keep_ms=span_ms // 3)
    settings = settings_of(tmp_path, layout, failpoints=True)
    height = -1
    kills = [f"{step}:2" for step in STEPS_OF_A_BATCH] + [f"{IndexStep.PARTITION_ARCHIVED}:1"]
    # The same archiving is met again, then what follows.
    kills += [f"{step}:1" for step in reversed(IndexStep)]
    for kill in kills:
        reports, status = index_until_idle(settings, kill)
        assert status == -signal.SIGKILL, (kill, reports)
        assert reports[0].height >= height
        height = reports[-1].height
    reports, status = index_until_idle(settings)
    assert (status, reports[-1].is_waiting) == (0, True)
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    expected = dump_from_scratch(tmp_path / "chain.db", fresh, layout)
    assert len(expected["partitions"]) > 2
    assert expected["cursor"][0][-1] == 1, "something was archived"
    with open_indexed(Files(tmp_path), layout) as indexed:
        assert dump(indexed) == expected


def test_a_failpoint_is_obeyed_only_by_a_node_that_is_configured_for_tests(tmp_path: Path):
    stored(tmp_path, random_history(seed=2, blocks=5).builder)
    settings = settings_of(tmp_path, IndexLayout())
    reports, status = index_until_idle(settings, f"{IndexStep.BEFORE_COMMIT}:1")
    assert (status, reports[-1].height) == (0, 4)


def stored(folder: Path, builder: Builder, blocks: int | None = None) -> None:
    """Store a chain's first blocks."""
    with closing(ChainStore.open(f"sqlite:///{folder / 'chain.db'}")) as store:
        store.initialise(TAGS, builder.sealed[0].block, {})
        for sealed in builder.sealed[:blocks]:
            sealed.commit_to(store)


@asynccontextmanager
async def running(
    folder: Path, final_height: int, place: Place = "process"
) -> AsyncIterator[IndexProcess]:
    settings = settings_of(folder, IndexLayout(partition_entries=50))
    height = prepare_index(settings.index_url)
    process = IndexProcess(
        settings, SystemClock(), height=height, final_height=final_height, place=place
    )
    await process.start()
    try:
        yield process
    finally:
        await process.stop()


async def until(process: IndexProcess, is_so: Callable[[], bool]) -> None:
    """Wait for what the process does to be known here."""
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():
            await process.changed()


@pytest.mark.parametrize("place", ["process", "thread"])
async def test_the_index_catches_up_and_follows_new_final_blocks(tmp_path: Path, place: Place):
    builder = random_history(seed=2, blocks=30).builder
    stored(tmp_path, builder, 20)
    async with running(tmp_path, 19, place) as process:
        assert (process.lag_blocks, process.fault) == (20, "")
        assert process.lag_ms >= 0
        assert await process.wait_for(19, PATIENCE_S)
        assert (process.height, process.lag_blocks, process.lag_ms) == (19, 0, 0)
        assert not await process.wait_for(20, 0.01)
        with closing(ChainStore.open(f"sqlite:///{tmp_path / 'chain.db'}")) as store:
            for sealed in builder.sealed[20:]:
                sealed.commit_to(store)
                process.on_final(sealed.height)
        assert await process.wait_for(29, PATIENCE_S)
        with closing(IndexReader(f"sqlite:///{tmp_path / 'index.db'}")) as reader:
            assert reader.indexed_height() == 29
        assert (process.restarts, process.fault) == (0, "")


def _was_started_again(process: IndexProcess, before: int) -> bool:
    return process.restarts > before


async def test_a_killed_process_is_started_again_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(index_process, "RETRY_S_MIN", 0.01)
    builder = random_history(seed=2, blocks=20).builder
    stored(tmp_path, builder, 10)
    async with running(tmp_path, 9) as process:
        assert await process.wait_for(9, PATIENCE_S)
        for _ in range(2):
            number, before = process.pid, process.restarts
            assert number is not None
            os.kill(number, signal.SIGKILL)
            await until(process, partial(_was_started_again, process, before))
        stored(tmp_path, builder)
        process.on_final(19)
        assert await process.wait_for(19, PATIENCE_S)
        await until(process, lambda: not process.fault)


async def test_a_process_that_is_gone_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(index_process, "RETRY_S_MIN", PATIENCE_S)
    stored(tmp_path, random_history(seed=2, blocks=10).builder)
    async with running(tmp_path, 9) as process:
        assert await process.wait_for(9, PATIENCE_S)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        await until(process, lambda: process.fault == LOST)
        assert "status -9" in process.fault_detail
        process.on_final(10)
        assert process.lag_blocks == 1


@pytest.mark.parametrize("place", ["process", "thread"])
async def test_a_refused_block_stops_the_index_with_the_reason_until_it_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: Place
):
    monkeypatch.setattr(index_process, "RETRY_S_MIN", 0.01)
    monkeypatch.setattr(index_process, "RETRY_S_MAX", 0.2)
    builder = random_history(seed=2, blocks=12).builder
    stored(tmp_path, builder)
    whole = encode(builder.sealed[8].outcomes)
    assert builder.sealed[8].outcomes
    change_outcomes(tmp_path, 8, encode(()))
    async with running(tmp_path, 11, place) as process:
        await until(process, lambda: process.fault == "INDEX_REFUSED")
        assert "outcome root of block 8" in process.fault_detail
        assert process.height < 8
        assert process.lag_ms > 0
        change_outcomes(tmp_path, 8, whole)
        assert await process.wait_for(11, PATIENCE_S)
        await until(process, lambda: not process.fault)
        assert process.fault_detail == ""


def change_outcomes(folder: Path, height: int, outcomes: bytes) -> None:
    with (
        closing(ChainStore.open(f"sqlite:///{folder / 'chain.db'}")) as store,
        store._database.writing() as connection,
    ):
        connection.exec_driver_sql(
            "UPDATE blocks SET outcomes = ? WHERE height = ?", (outcomes, height)
        )


async def test_a_node_can_stop_while_it_waits_to_start_the_process_again(tmp_path: Path):
    async with running(tmp_path, 0) as process:
        # There is no chain to read: the process ends at once with the reason.
        await until(process, lambda: process.fault == "STORE_MISSING")


PARENT = """
import asyncio, sys
import msgspec
from node.index_process import IndexProcess
from node.index_worker import IndexSettings
from node.ports import SystemClock

async def main():
    settings = msgspec.json.decode(sys.argv[1], type=IndexSettings)
    process = IndexProcess(settings, SystemClock(), height=-1, final_height=9)
    await process.start()
    assert await process.wait_for(9, 60)
    print("pid", process.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_the_process_ends_when_its_node_is_killed(tmp_path: Path):
    stored(tmp_path, random_history(seed=2, blocks=10).builder)
    settings = settings_of(tmp_path, IndexLayout())
    prepare_index(settings.index_url)
    command = [sys.executable, "-c", PARENT, msgspec.json.encode(settings).decode()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=child_environment()) as node:
        said = (line.split() for line in node.stdout)
        worker = os.pidfd_open(next(int(words[1]) for words in said if words[0] == b"pid"))
        try:
            node.kill()
            ended, _, _ = select.select([worker], [], [], PATIENCE_S)
        finally:
            os.close(worker)
    assert ended


def test_the_worker_loads_neither_web_framework_nor_migrations(tmp_path: Path):
    stored(tmp_path, random_history(seed=2, blocks=3).builder)
    prepare_index(settings_of(tmp_path, IndexLayout()).index_url)
    code = f"""
import os, sys
from node.index_worker import serve
read, write = os.pipe()
os.write(write, {msgspec.json.encode(settings_of(tmp_path, IndexLayout()))!r} + b"\\n")
os.close(write)
assert serve(read, sys.stdout.buffer, {{}}) == 0
assert not {{"litestar", "alembic", "structlog", "uvicorn", "coordinator"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, env=child_environment())


def test_a_fault_of_the_indexer_itself_is_told_and_not_only_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """What no error of a database explains: the operator learns what and where, each time."""

    def advance(_indexer: Indexer, _limit: int) -> int:
        raise OverflowError("too large to convert")

    with open_indexed(Files(tmp_path)) as indexed:
        indexed.take(random_history(seed=1, blocks=3).builder)
    monkeypatch.setattr(Indexer, "advance", advance)
    source, wakes = os.pipe()
    os.write(wakes, msgspec.json.encode(settings_of(tmp_path, IndexLayout())) + b"\n")
    told = io.BytesIO()
    try:
        assert serve(source, told, {}) != 0
    finally:
        os.close(source)
        os.close(wakes)
    *_, last = (
        msgspec.json.decode(line, type=IndexReport) for line in told.getvalue().splitlines()
    )
    assert last.code == BROKEN
    assert last.detail.startswith("OverflowError: too large to convert (")
    assert "Traceback" in capfd.readouterr().err


@given(took_s=st.floats(0, 60), more_s=st.floats(0, 60))
def test_blocks_are_gathered_the_longer_the_dearer_a_transaction_is_and_within_bounds(
    took_s: float, more_s: float
):
    assert GATHER_S <= gathering_s(took_s) <= gathering_s(took_s + more_s) <= GATHER_S_MAX

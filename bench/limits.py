"""What no chain on this machine can beat: raw signatures, one synced write, plain SQLite.

Every benchmark measures these in its own run, so that its figures can be told as shares of them:
a machine's speed changes from hour to hour, and with it everything that it is asked to do.
"""

import os
import sqlite3
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from bench.figures import Figure
from ledger.keys import KeyPair, verify

WRITE_BYTES: Final = 4_096
"""Size of a small write: a page."""

BLOCK_BYTES: Final = 524_288
"""Size of a large one: about a block of 2,000 transfers with its state delta."""

ROWS: Final = 10_000
"""Rows of a bulk insert, in one transaction."""

ROW_BYTES: Final = 100
"""Size of a row, about that of a transaction's in the index."""

_MESSAGE: Final = bytes(64)


@dataclass(frozen=True, slots=True)
class Effort:
    """How often each limit is measured."""

    runs: int = 5
    """Runs of whatever takes long."""
    verifications: int = 1_000
    """Signatures of one process in a run."""
    writes: int = 50
    """Synced writes, each a run of its own."""


QUICK: Final = Effort(runs=1, verifications=100, writes=3)
"""To see that a benchmark works."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The raw limits of this machine, as figures."""

    core: Figure
    """Signatures a second on one core."""
    cores: Figure
    """Signatures a second on all cores."""
    fsync: Figure
    """A synced write of a page."""
    append: Figure
    """A durable SQLite transaction that appends a small row."""
    block: Figure
    """A durable SQLite transaction that appends a block."""
    rows: Figure
    """Rows a second into a table without indexes, 10,000 in a durable SQLite transaction."""

    @classmethod
    def of(cls, *measured: "Measured") -> "Limits":
        """Summarise the runs of one or several measurements."""
        one, many, fsync, append, block, rows = (
            [value for values in each for value in values] for each in zip(*measured, strict=True)
        )
        cores = len(os.sched_getaffinity(0))
        return cls(
            Figure.of("limit.ed25519.core", "Ed25519 verifications, one core", "1/s", one),
            Figure.of("limit.ed25519", f"Ed25519 verifications, {cores} cores", "1/s", many),
            Figure.of("limit.fsync", "write of 4 KiB and fsync", "ms", fsync),
            Figure.of("limit.append", "SQLite append of 4 KiB, synchronous=FULL", "ms", append),
            Figure.of("limit.block", "SQLite append of 512 KiB, synchronous=FULL", "ms", block),
            Figure.of("limit.rows", "SQLite rows of 100 B, no index", "1/s", rows),
        )

    def figures(self) -> list[Figure]:
        """Return all of them, in the order of a report."""
        return [self.core, self.cores, self.fsync, self.append, self.block, self.rows]


Measured = tuple[list[float], list[float], list[float], list[float], list[float], list[float]]
"""The runs of each limit, in the order of `Limits`."""


def measure_limits(folder: Path, effort: Effort) -> Measured:
    """Measure the limits.

    Args:
        folder: made here; files are written below it, so it decides the disk.
        effort: how often.
    """
    folder.mkdir()
    one, many = _verifications(len(os.sched_getaffinity(0)), effort)
    append, block = (_appends(folder, size, effort) for size in (WRITE_BYTES, BLOCK_BYTES))
    return one, many, _fsyncs(folder, effort), append, block, _rows(folder, effort)


def _verify_many(count: int) -> float:
    key = KeyPair(bytes(32))
    signature = key.sign(_MESSAGE)
    began = time.perf_counter()
    for _ in range(count):
        assert verify(key.public_key, _MESSAGE, signature)
    return time.perf_counter() - began


def _verifications(cores: int, effort: Effort) -> tuple[list[float], list[float]]:
    """Return the signatures a second of one process alone, and of one on each core at once."""
    each, all_at_once = [effort.verifications], [effort.verifications] * cores
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        list(pool.map(_verify_many, all_at_once))
        one, many = (
            [sum(counts) / max(pool.map(_verify_many, counts)) for _ in range(effort.runs)]
            for counts in (each, all_at_once)
        )
    return one, many


def _fsyncs(folder: Path, effort: Effort) -> list[float]:
    durations = []
    with (folder / "limit.fsync").open("wb") as probe:
        for _ in range(effort.writes):
            probe.write(bytes(WRITE_BYTES))
            probe.flush()
            began = time.perf_counter()
            os.fsync(probe.fileno())
            durations.append((time.perf_counter() - began) * 1e3)
    return durations


def _appends(folder: Path, size: int, effort: Effort) -> list[float]:
    """Return the milliseconds of each durable transaction that appends one row."""
    durations = []
    database = _plain_database(folder / f"limit-{size}.db")
    for number in range(effort.writes):
        content = number.to_bytes(4, "big") * (size // 4)
        began = time.perf_counter()
        with database:
            database.execute("INSERT INTO plain (content) VALUES (?)", (content,))
        durations.append((time.perf_counter() - began) * 1e3)
    database.close()
    return durations


def _rows(folder: Path, effort: Effort) -> list[float]:
    rates = []
    database = _plain_database(folder / "limit-rows.db")
    rows = [(number.to_bytes(4, "big") * (ROW_BYTES // 4),) for number in range(ROWS)]
    for _ in range(effort.runs):
        began = time.perf_counter()
        with database:
            database.executemany("INSERT INTO plain (content) VALUES (?)", rows)
        rates.append(ROWS / (time.perf_counter() - began))
    database.close()
    return rates


def _plain_database(path: Path) -> sqlite3.Connection:
    """Return a database as durable as the chain's, with a table that has no index."""
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE plain (number INTEGER PRIMARY KEY, content BLOB) STRICT")
    return database

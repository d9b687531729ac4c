"""What every benchmark states beside its figures: the machine, and the limits it sets."""

import os
import platform
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import sqlalchemy

from ledger.keys import KeyPair, verify
from ledger.store.engine import Database

RUNS = 5
FSYNCS = 50
VERIFICATIONS = 1_000
_MESSAGE = bytes(64)
_SQLITE_SYNCHRONOUS = {0: "off", 1: "normal", 2: "full", 3: "extra"}


@dataclass(frozen=True)
class Machine:
    """Where it was measured."""

    processor: str
    """Name of the processor as the system gives it."""
    cores: int
    """Cores that this process may use."""
    memory_gib: float
    """Memory of the machine."""
    system: str
    """Operating system."""
    python: str
    """Version of Python."""
    load: float
    """Load average of the last minute when the benchmark began; above 0 it was not alone."""


@dataclass(frozen=True)
class Figure:
    """One measured quantity over repeated runs."""

    name: str
    """What was measured."""
    unit: str
    """Its unit."""
    median: float
    """Middle of the runs."""
    low: float
    """Least run."""
    high: float
    """Greatest run."""
    runs: int
    """How many."""

    @classmethod
    def of(cls, name: str, unit: str, values: Sequence[float]) -> "Figure":
        """Summarise repeated runs."""
        middle, low, high = (
            round(value, 3) for value in (median(values), min(values), max(values))
        )
        return cls(name, unit, middle, low, high, runs=len(values))

    def line(self) -> str:
        """Return the figure as a line of a table."""
        spread = f"({self.low:,.10g} … {self.high:,.10g}, {self.runs} runs)"
        return f"{self.name:<58}{self.median:>12,.10g} {self.unit:<6} {spread}"


def describe_machine() -> Machine:
    """Return where this runs."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(pages / 2**30, 1),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        load=round(os.getloadavg()[0], 2),
    )


def machine_lines(machine: Machine) -> list[str]:
    """Return the machine as lines of a report."""
    size = f"{machine.cores} cores, {machine.memory_gib} GiB"
    return [
        f"machine   {machine.processor}, {size}, {machine.system}, Python {machine.python}",
        f"load      {machine.load} in the minute before; a figure means little on a busy machine",
    ]


def physical_limits(folder: Path) -> list[Figure]:
    """Measure what no ledger on this machine can beat: signatures and one synced write."""
    cores = len(os.sched_getaffinity(0))
    return [
        Figure.of("Ed25519 verifications, one core", "1/s", _verifications(1)),
        Figure.of(f"Ed25519 verifications, {cores} cores", "1/s", _verifications(cores)),
        Figure.of("write of 4 KiB and fsync", "ms", _fsyncs(folder / "fsync-probe")),
    ]


def sqlite_mode(url: str) -> dict[str, Any]:
    """Return how the store's own connections to a SQLite file are set up.

    Args:
        url: the store's database.
    """
    database = Database(url)
    try:
        with database.writing() as connection:
            read = {
                name: connection.execute(sqlalchemy.text(f"PRAGMA {name}")).scalar_one()
                for name in ("journal_mode", "synchronous", "page_size")
            }
    finally:
        database.close()
    return read | {"synchronous": _SQLITE_SYNCHRONOUS[read["synchronous"]]}


def as_json(machine: Machine, figures: Sequence[Figure]) -> dict[str, Any]:
    """Return machine and figures for `--json`."""
    return {"machine": asdict(machine), "figures": [asdict(figure) for figure in figures]}


def repeated(runs: int, measure: Callable[[], float]) -> list[float]:
    """Return what `measure` gives in each of `runs` runs."""
    return [measure() for _ in range(runs)]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _verify_many(_worker: int) -> float:
    key = KeyPair(bytes(32))
    signature = key.sign(_MESSAGE)
    began = time.perf_counter()
    for _ in range(VERIFICATIONS):
        assert verify(key.public_key, _MESSAGE, signature)
    return time.perf_counter() - began


def _verifications(processes: int) -> list[float]:
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        list(pool.map(_verify_many, range(processes)))
        return [
            processes * VERIFICATIONS / max(pool.map(_verify_many, range(processes)))
            for _ in range(RUNS)
        ]


def _fsyncs(path: Path) -> list[float]:
    durations = []
    with path.open("wb") as probe:
        for _ in range(FSYNCS):
            probe.write(bytes(4_096))
            probe.flush()
            began = time.perf_counter()
            os.fsync(probe.fileno())
            durations.append((time.perf_counter() - began) * 1e3)
    return durations

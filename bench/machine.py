"""Where a benchmark ran: the machine, its load, the versions, the commit."""

import os
import platform
import sqlite3
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
import sqlalchemy

from ledger.store.engine import Database

ROOT: Final = Path(__file__).resolve().parent.parent
"""The checkout."""

_SQLITE_SYNCHRONOUS: Final = {0: "off", 1: "normal", 2: "full", 3: "extra"}


@dataclass(frozen=True, slots=True, kw_only=True)
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
    sqlite: str
    """Version of SQLite."""
    load: float
    """Load average of the last minute when the benchmark began; an earlier one counts in it."""
    busy: float
    """Percent of all cores that others used right before it began."""
    commit: str
    """Commit that was measured, with a + when files differ from it; empty outside of git."""

    def lines(self) -> list[str]:
        """Return it as lines of a report."""
        size = f"{self.cores} cores, {self.memory_gib} GiB"
        versions = f"Python {self.python}, SQLite {self.sqlite}"
        others = f"others used {self.busy:.0f}% of all cores right before"
        return [
            f"machine     {self.processor}, {size}, {self.system}",
            f"versions    commit {self.commit or 'unknown'}, {versions}",
            f"load        {self.load} in the minute before; {others}",
        ]


def describe_machine(look_s: float) -> Machine:
    """Return where this runs.

    Args:
        look_s: how long to look at what others do meanwhile.
    """
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(pages / 2**30, 1),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        sqlite=sqlite3.sqlite_version,
        load=round(os.getloadavg()[0], 2),
        busy=round(psutil.cpu_percent(look_s), 1),
        commit=_commit(),
    )


def store_mode(url: str) -> dict[str, str]:
    """Return how the store's own connections to a database are set up.

    Args:
        url: the store's database, which exists; for SQLite its settings are asked of it.
    """
    if sqlalchemy.make_url(url).get_backend_name() == "sqlite":
        read = _settings(url, "PRAGMA", ("journal_mode", "synchronous", "page_size"))
        synchronous = _SQLITE_SYNCHRONOUS[int(read["synchronous"])]
        durability = (
            f"journal {read['journal_mode']}, synchronous {synchronous}, "
            f"pages of {read['page_size']}"
        )
        return {"engine": "sqlite", "durability": durability}
    read = _settings(url, "SHOW", ("server_version", "fsync", "synchronous_commit"))
    durability = f"fsync {read['fsync']}, synchronous_commit {read['synchronous_commit']}"
    return {"engine": f"postgresql {read['server_version']}", "durability": durability}


def _settings(url: str, ask: str, names: Sequence[str]) -> dict[str, str]:
    """Return settings of the connection that writes a store."""
    database = Database(url)
    try:
        with database.writing() as connection:
            return {
                name: str(connection.execute(sqlalchemy.text(f"{ask} {name}")).scalar_one())
                for name in names
            }
    finally:
        database.close()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _commit() -> str:
    try:
        commit = _git("rev-parse", "--short", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return ""
    return commit + ("+" if changed else "")


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments],  # noqa: S607 - the developer's own git
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()

"""What one run of a benchmark says, and the file in which such runs are kept: JSON, one a line."""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import msgspec

from bench.figures import Figure
from bench.machine import ROOT, Machine

HISTORY: Final = ROOT / ".bench" / "history.jsonl"
"""Where runs are kept unless another file is named; no part of the repository."""


Bounds = tuple[str, int, int] | tuple[str, str, str]
"""A member of a workload, with the least and the greatest number that counts, or one text twice."""


class HistoryUnreadable(Exception):
    """A history holds a line that no benchmark wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One run of a benchmark."""

    benchmark: str
    """Its name."""
    at: str
    """When it began: UTC, to the second."""
    machine: Machine
    """Where."""
    mode: dict[str, str]
    """How what was measured is set up: engine, durability, processes, topology."""
    workload: dict[str, int | str]
    """What it was given to do; figures compare between runs with the same."""
    quick: bool
    """Whether it ran only to see that it works: its figures mean nothing."""
    figures: tuple[Figure, ...]
    """What it measured, the raw limits first."""

    def figure(self, key: str) -> Figure | None:
        """Return a figure by its key."""
        return next((figure for figure in self.figures if figure.key == key), None)

    def head(self) -> list[str]:
        """Return what stands above the figures."""
        work = ", ".join(f"{name} {_of(value)}" for name, value in self.workload.items())
        lines = [
            f"{self.benchmark}, {self.at}",
            *self.machine.lines(),
            *(f"{name:<11} {text}" for name, text in self.mode.items()),
            f"workload    {work}",
        ]
        if self.quick:
            lines.append("quick       run to see that it works; quote no figure of it")
        return lines

    def text(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(asdict(self), separators=(",", ":"))


def append(report: Report, history: Path) -> None:
    """Add a run to a history, which is made if there is none."""
    history.parent.mkdir(parents=True, exist_ok=True)
    # One write to a file opened for appending: runs that end together do not mix.
    descriptor = os.open(history, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, report.text().encode() + b"\n")
    finally:
        os.close(descriptor)


def read_history(history: Path) -> list[Report]:
    """Return the runs of a history, oldest first; none where there is no such file.

    Raises:
        HistoryUnreadable: a line is no run of a benchmark.
    """
    if not history.exists():
        return []
    reports = []
    for number, line in enumerate(history.read_bytes().splitlines(), 1):
        try:
            reports.append(msgspec.json.decode(line, type=Report))
        except msgspec.DecodeError as error:
            raise HistoryUnreadable(
                f"{history}, line {number}: {error}; delete that line, or name another file"
            ) from None
    return reports


def newest(
    reports: Iterable[Report],
    benchmark: str,
    key: str,
    bounds: Iterable[Bounds] = (),
) -> tuple[Report, Figure] | None:
    """Return the newest run that has a figure, and the figure.

    Args:
        reports: oldest first; quick ones do not count.
        benchmark: which benchmark.
        key: which figure.
        bounds: what the run's workload has to be.
    """
    found = None
    for report in reports:
        figure = report.figure(key)
        if figure is None or report.quick or report.benchmark != benchmark:
            continue
        if all(_within(report.workload.get(name), low, high) for name, low, high in bounds):
            found = report, figure
    return found


def _within(value: int | str | None, low: int | str, high: int | str) -> bool:
    if isinstance(value, int) and isinstance(low, int) and isinstance(high, int):
        return low <= value <= high
    return value == low == high


def _of(value: int | str) -> str:
    return f"{value:,}" if isinstance(value, int) else value

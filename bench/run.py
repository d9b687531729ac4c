"""The frame of every benchmark: its options, its raw limits, its report, its place in the history.

A benchmark is a module with a `main` that calls `run_benchmark` with a function of its own. That
function measures, and hands each figure to the `Run`; all the rest is the same for all.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from bench.figures import Figure
from bench.limits import QUICK, Effort, Limits, measure_limits
from bench.machine import describe_machine
from bench.report import HISTORY, Report, append

LOOK_S = 2.0
"""How long to look whether others use the machine, before anything is measured."""

RUNS = 5
"""Runs of a measurement unless the caller asks for another number."""


class MachineLacks(Exception):
    """What was asked for needs a program that this machine does not have; says which."""


class Run:
    """One run of a benchmark, while it goes on."""

    def __init__(self, options: argparse.Namespace, folder: Path, limits: Limits) -> None:
        """Begin with the raw limits; `run_benchmark` does so."""
        self.options = options
        """What `benchmark_parser` and the benchmark's own options gave."""
        self.folder = folder
        """Empty, and deleted at the end."""
        self.limits = limits
        """What this machine gives at most, as measured before the benchmark."""
        self.mode: dict[str, str] = {}
        """How what is measured is set up; see `store_mode`."""
        self.workload: dict[str, int | str] = {}
        """What it is given to do."""
        self.figures: list[Figure] = []
        """What was measured so far."""
        self.shown: list[Figure | str] = []
        """What people read of it, below the raw limits."""
        self.faults: list[str] = []
        """Budgets that are missed, in words; the command then ends with 1."""
        self._began = time.monotonic()

    @property
    def quick(self) -> bool:
        """Whether it only has to show that it works."""
        return bool(self.options.quick)

    @property
    def runs(self) -> int:
        """How often to measure what is measured repeatedly."""
        return int(self.options.runs)

    def add(
        self, key: str, name: str, unit: str, values: Sequence[float], limit: Figure | None = None
    ) -> Figure:
        """Record a figure and show it; see `Figure.of`."""
        figure = self.keep(key, name, unit, values, limit)
        self.shown.append(figure)
        return figure

    def keep(
        self, key: str, name: str, unit: str, values: Sequence[float], limit: Figure | None = None
    ) -> Figure:
        """Record a figure that people read elsewhere, as in a table of the benchmark's own."""
        figure = Figure.of(key, name, unit, values, limit)
        self.figures.append(figure)
        return figure

    def judge(self, limits: Limits) -> None:
        """Tell all figures as shares of these limits."""
        keys = {limit.key: limit for limit in limits.figures()}

        def judged(figure: Figure) -> Figure:
            return figure.against(keys[figure.limit]) if figure.limit else figure

        self.limits = limits
        self.figures = [judged(figure) for figure in self.figures]
        self.shown = [each if isinstance(each, str) else judged(each) for each in self.shown]

    def say(self, text: str) -> None:
        """Tell whoever waits how far it is; no part of the report."""
        print(f"{time.monotonic() - self._began:6.0f} s  {text}", file=sys.stderr, flush=True)


def benchmark_parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """Return the parser of the options that all benchmarks have."""
    parser = argparse.ArgumentParser(prog=f"./dev bench {name}", description=description)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--runs", type=positive, default=RUNS, help="repetitions whose median counts"
    )
    parser.add_argument("--quick", action="store_true", help="few repetitions, nothing to quote")
    parser.add_argument("--folder", type=Path, help="where databases are written; decides the disk")
    parser.add_argument(
        "--history",
        type=Path,
        help="file that the run is appended to, by default .bench/history.jsonl; "
        "a quick run is only where a file is named",
    )
    return parser


def positive(text: str) -> int:
    """Return an option's number, which is at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def run_benchmark(
    name: str,
    parser: argparse.ArgumentParser,
    arguments: Sequence[str],
    measure: Callable[[Run], None],
) -> int:
    """Measure the limits and what the benchmark is for, print it, and add it to the history.

    Args:
        name: of the benchmark.
        parser: from `benchmark_parser`, with the benchmark's own options.
        arguments: the command's.
        measure: measures, and fills the run's mode, workload and figures.

    Returns:
        The command's exit code; 1 if a budget is missed, 3 where the machine lacks a program.
    """
    options = parser.parse_args(list(arguments))
    try:
        faults = _run(name, options, measure)
    except MachineLacks as reason:
        print(f"bench: {reason}", file=sys.stderr)
        return 3
    for fault in faults:
        print(f"bench: {fault}", file=sys.stderr)
    return 1 if faults else 0


def _run(name: str, options: argparse.Namespace, measure: Callable[[Run], None]) -> Sequence[str]:
    """Measure and report; return the budgets that are missed."""
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    machine = describe_machine(0.05 if options.quick else LOOK_S)
    with tempfile.TemporaryDirectory(prefix="aitbc-bench-", dir=options.folder) as scratch:
        folder = Path(scratch)
        effort = QUICK if options.quick else Effort()
        measured = [measure_limits(folder / "before", effort)]
        run = Run(options, folder / name, Limits.of(*measured))
        run.folder.mkdir()
        measure(run)
        if not options.quick:
            # The machine may have been another one meanwhile.
            measured.append(measure_limits(folder / "after", effort))
    run.judge(Limits.of(*measured))
    report = Report(
        benchmark=name,
        at=at,
        machine=machine,
        mode=run.mode,
        workload=run.workload,
        quick=run.quick,
        figures=(*run.limits.figures(), *run.figures),
    )
    if options.json:
        print(json.dumps(asdict(report), indent=2))
    else:
        lines = [*run.limits.figures(), "", *run.shown]
        print(*report.head(), "", sep="\n")
        print(*(each if isinstance(each, str) else each.line() for each in lines), sep="\n")
    history = options.history or (None if run.quick else HISTORY)
    if history:
        append(report, history)
        run.say(f"added to {history}")
    return run.faults

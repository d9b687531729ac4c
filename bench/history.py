"""Figures of earlier runs over time: ./dev bench history [NAME]."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from bench.figures import Figure, told
from bench.report import HISTORY, HistoryUnreadable, Report, read_history
from bench.run import positive

BAR: Final = 20
"""Width of the longest bar."""

LAST: Final = 20
"""Runs shown of a figure."""


def main(arguments: Sequence[str]) -> int:
    """Print each figure of a benchmark, a line a run; `--json` prints the runs as they are."""
    options = _options(arguments)
    try:
        reports = read_history(options.history)
    except HistoryUnreadable as reason:
        print(f"history: {reason}", file=sys.stderr)
        return 1
    if options.name is None:
        print(*overview(reports) or [f"no runs in {options.history}"], sep="\n")
        return 0
    chosen = [report for report in reports if report.benchmark == options.name]
    if not options.quick:
        chosen = [report for report in chosen if not report.quick]
    if options.json:
        print(json.dumps([asdict(report) for report in chosen], indent=2))
        return 0
    if not chosen:
        print(f"no runs of {options.name} in {options.history}")
        return 1
    print("\n".join(told_over_time(chosen, options.figure, options.last)))
    return 0


def overview(reports: Sequence[Report]) -> list[str]:
    """Return a line for each benchmark: how many runs, and when the newest was."""
    runs: dict[str, list[Report]] = {}
    for report in reports:
        runs.setdefault(report.benchmark, []).append(report)
    return [
        f"{name:<12}{len(of_one):>5} runs, the newest {of_one[-1].at}"
        for name, of_one in sorted(runs.items())
    ]


def told_over_time(reports: Sequence[Report], part: str, last: int) -> list[str]:
    """Return every figure whose key has `part`, with its newest runs, oldest first.

    Args:
        reports: of one benchmark, oldest first.
        part: of a key; all have the empty one.
        last: how many runs to show.
    """
    keys = {figure.key: figure for report in reports for figure in report.figures}
    lines = []
    for key, newest in keys.items():
        if part not in key:
            continue
        rows = [
            (report, figure) for report in reports for figure in report.figures if figure.key == key
        ][-last:]
        most = max(figure.median for _, figure in rows)
        lines += ["", f"{key}: {newest.name.strip()}, {newest.unit}"]
        lines += [_row(report, figure, most) for report, figure in rows]
    return lines[1:]


def _row(report: Report, figure: Figure, most: float) -> str:
    bar = "▇" * round(BAR * figure.median / most) if most else ""
    share = "" if figure.share is None else f"{figure.share:.0%} of limit"
    spread = f"({told(figure.low)} … {told(figure.high)})"
    work = " ".join(f"{name}={value}" for name, value in report.workload.items())
    return (
        f"  {report.at[:16].replace('T', ' ')}  {report.machine.commit or '?':<10}"
        f"{told(figure.median):>10} {spread:<22}{share:<14}{bar:<{BAR}}  {work}"
    )


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench history", description=__doc__)
    parser.add_argument("name", nargs="?", help="benchmark; none lists those that ran")
    parser.add_argument("--history", type=Path, default=HISTORY, help="file to read")
    parser.add_argument("--figure", default="", help="only figures whose key has this part")
    parser.add_argument("--last", type=positive, default=LAST, help="newest runs of each figure")
    parser.add_argument("--quick", action="store_true", help="show quick runs too")
    parser.add_argument("--json", action="store_true", help="print the runs as JSON")
    return parser.parse_args(list(arguments))

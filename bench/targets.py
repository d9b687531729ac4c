"""The table of aims beside what the newest recorded runs reached; --measure measures all of it."""

import argparse
import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.aims import DESIGN_CORE, DESIGN_CORES, commands
from bench.report import HISTORY, HistoryUnreadable, read_history
from bench.standings import Standing, markdown, standings, table

PACE_NOTE = (
    f"Aims are for {DESIGN_CORES} cores that verify {DESIGN_CORE:,} signatures a second each. "
    "The pace is the raw verification\nof the measured machine in the same run against that; "
    "`at pace 1` is what was reached, scaled by it.\nMemory and the share of raw verification are "
    "not scaled."
)


def main(arguments: Sequence[str]) -> int:
    """Print the table, after measuring it if that is asked for; `--json` prints its rows."""
    options = _options(arguments)
    failed = _measure(options) if options.measure else 0
    try:
        found = standings(read_history(options.history))
    except HistoryUnreadable as reason:
        print(f"targets: {reason}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps([_row(standing) for standing in found], indent=2))
        return failed
    lines = markdown(found) if options.markdown else table(found)
    print(*lines, "", PACE_NOTE, sep="\n")
    return failed


def _measure(options: argparse.Namespace) -> int:
    """Run every benchmark that an aim names, each in a process of its own, one after the other.

    Returns:
        0, or the exit code of the last that failed; the others are in the history all the same.
    """
    wanted = [each for each in commands() if options.only in each]
    failed = 0
    for at, command in enumerate(wanted, 1):
        print(f"{at} of {len(wanted)}: ./dev bench {command}", file=sys.stderr, flush=True)
        arguments = [*shlex.split(command), "--history", str(options.history)]
        if options.folder:
            arguments += ["--folder", str(options.folder)]
        # Their reports go to the history; standard output stays for the table.
        done = subprocess.run(
            [sys.executable, "-P", "-m", "devnet", "bench", *arguments],
            stdout=sys.stderr,
            check=False,
        )
        failed = done.returncode or failed
    return failed


def _row(standing: Standing) -> dict[str, object]:
    aim, figure, report = standing.aim, standing.figure, standing.report
    return {
        "what": aim.what,
        "unit": aim.unit,
        "at_least": aim.least,
        "stretch": aim.stretch,
        "command": f"./dev bench {aim.command}",
        "reached": standing.value,
        "low": figure and figure.low,
        "high": figure and figure.high,
        "verdict": standing.verdict(standing.value),
        "pace": standing.pace,
        "reached_at_pace_1": standing.at_design_pace,
        "verdict_at_pace_1": standing.verdict(standing.at_design_pace),
        "at": report and report.at,
        "commit": report and report.machine.commit,
        "busy": report and report.machine.busy,
    }


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench targets", description=__doc__)
    parser.add_argument("--measure", action="store_true", help="measure first; takes half an hour")
    parser.add_argument("--only", default="", help="with --measure: commands with this part")
    parser.add_argument("--folder", type=Path, help="where databases are written")
    parser.add_argument("--history", type=Path, default=HISTORY, help="file of the recorded runs")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    return parser.parse_args(list(arguments))

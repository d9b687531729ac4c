"""`./dev check`: everything that can be judged without running the program.

All checks run, also after one failed, and each prints one line with its time.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from devnet.checks import check_style, tighten
from devnet.commands import ROOT

app = typer.Typer(add_completion=False)

PACKAGES = (
    "bench", "cli", "consensus", "coordinator", "devnet", "explorer_web", "genesis", "ledger",
    "miner", "node", "sdk/python", "tests",
)  # fmt: skip
"""Folders of typed Python."""


@dataclass(frozen=True)
class Step:
    """One check."""

    name: str
    """What it looks at."""
    run: Callable[[], tuple[bool, str]]
    """Runs it; returns whether all is well, and what it printed."""


@app.command()
def check(
    fix: Annotated[
        bool, typer.Option("--fix", help="First format, fix what can be fixed, lower the baseline.")
    ] = False,
) -> None:
    """Check format, lint, types, import contracts and house style."""
    os.chdir(ROOT)
    if fix:
        _fix()
    failed = run_steps(STEPS)
    if failed:
        print(f"check: failed: {', '.join(failed)}. ./dev check --fix repairs format and some lint")
        raise typer.Exit(1)
    print("check: all is well")


def run_steps(steps: Sequence[Step]) -> list[str]:
    """Run all steps, print one line each, and return the names of those that failed."""
    return [step.name for step in steps if not _report(step)]


def _report(step: Step) -> bool:
    start = time.monotonic()
    passed, output = step.run()
    seconds = time.monotonic() - start
    if not passed:
        print(output.rstrip() or "(it printed nothing)")
    print(f"{'ok    ' if passed else 'FAILED'}  {step.name:<16}{seconds:6.1f} s", flush=True)
    return passed


def _fix() -> None:
    for arguments in (("format",), ("check", "--fix", "--quiet")):
        _tool("ruff", *arguments)
    if tighten(ROOT):
        print("check: lowered the baseline of the style checks")


def _tool(name: str, *arguments: str) -> tuple[bool, str]:
    """Run a tool of the environment on the checkout."""
    # Import-linter draws for a terminal of the width that it is told.
    environment = os.environ | {"COLUMNS": "100", "PYTHONUTF8": "1"}
    done = subprocess.run(
        [str(Path(sys.executable).parent / name), *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    return done.returncode == 0, done.stdout


def _style() -> tuple[bool, str]:
    judgement = check_style(ROOT)
    lines = [str(violation) for violation in judgement.failures]
    lines += [f"{entry}; run ./dev check --fix" for entry in judgement.loose]
    return not lines, "\n".join(lines)


def _types() -> tuple[bool, str]:
    present = [name for name in PACKAGES if any((ROOT / name).rglob("*.py"))]
    return _tool("mypy", *present)


STEPS = (
    Step("format", lambda: _tool("ruff", "format", "--check", "--diff", "--quiet")),
    Step("lint", lambda: _tool("ruff", "check", "--no-cache", "--quiet")),
    Step("types", _types),
    Step("import contracts", lambda: _tool("lint-imports", "--no-logo")),
    Step("house style", _style),
)
"""All checks, the quickest first."""

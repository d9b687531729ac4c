"""`./dev test`: runs the tests through pytest and says what they took and what they left out."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from devnet.commands import ROOT
from devnet.commands.needs import provide, wanted_by
from devnet.network.bytecode import keeping_byte_code

app = typer.Typer(add_completion=False)

MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes a folder of its own in it
"""Where Linux keeps files in memory."""

MEMORY_BYTES_MIN = 4 << 30
"""Room that the folders of the tests get there at least; they take a tenth of it."""

SOAK_SECONDS_MAX = 6 * 3600
"""Longest time that one soak test may take."""


@app.command(
    "test",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    epilog="All other arguments go to pytest: ./dev test tests/ledger -k escrow -x",
)
def run_tests(
    context: typer.Context,
    soak: Annotated[bool, typer.Option("--soak", help="Run the long tests, only those.")] = False,
) -> None:
    """Run the tests, complete or the parts that you name.

    Programs that tests need (Chromium, a C compiler, Node.js, PostgreSQL) are installed with apt
    when this runs as root on Debian. Otherwise the tests that need them are skipped, counted and
    named at the end. With CI=true a skipped test is a failure.
    """
    start = time.monotonic()
    arguments = [_rooted(argument) for argument in context.args]
    for need in wanted_by(selected_paths(arguments)):
        if not provide(need):
            print(f"test: {need.programs[0]} is missing; its tests are skipped. {need.remedy}")
    command = [sys.executable, "-m", "pytest", *worker_options(arguments)]
    if soak:
        command += ["-m", "soak", "--hypothesis-profile=soak", f"--timeout={SOAK_SECONDS_MAX}"]
    environment = keeping_byte_code(os.environ) | folders_in_memory(os.environ)
    done = subprocess.run([*command, *arguments], cwd=ROOT, env=environment, check=False)
    print(f"test: {time.monotonic() - start:.0f} s in all", flush=True)
    # A signal's negative code would be taken for another one by the shell.
    raise typer.Exit(done.returncode if done.returncode >= 0 else 128 - done.returncode)


def worker_options(arguments: Sequence[str]) -> list[str]:
    """Return pytest's options for workers: none where the tests are few or somebody watches one."""
    watched = ("-n", "--numprocesses", "-s", "--capture=no", "--pdb", "--collect-only", "--co")
    if any(argument.startswith(watched) for argument in arguments):
        return []
    paths = selected_paths(arguments)
    files = {
        file for path in paths for file in ([path] if path.is_file() else path.rglob("test_*.py"))
    }
    processors = min(2, os.cpu_count() or 1)
    if processors == 1 or len(files) == 1:
        return []
    # One more than processors: a quarter of a worker's time is waiting for other processes.
    workers = processors + 1
    # By file: what a file starts (a network, a browser) is started once. In the order of
    # tests/conftest.py, and not those with most tests first, which are not the longest.
    return ["-n", str(workers), "--dist", "loadfile", "--no-loadscope-reorder"]


def folders_in_memory(environment: Mapping[str, str], memory: Path = MEMORY) -> dict[str, str]:
    """Return the variables that put the folders of the tests in memory, if it has room.

    The tests sync thousands of small files. What a loss of power does is shown on logged writes
    (tests/crash), not on the disk of the machine.
    """
    if "PYTEST_DEBUG_TEMPROOT" in environment or not memory.is_dir():
        return {}
    found = os.statvfs(memory)
    runs_programs = not found.f_flag & os.ST_NOEXEC  # Some tests compile one, and run it.
    has_room = found.f_bavail * found.f_frsize >= MEMORY_BYTES_MIN
    return {"PYTEST_DEBUG_TEMPROOT": str(memory)} if has_room and runs_programs else {}


def selected_paths(arguments: Sequence[str]) -> list[Path]:
    """Return the files and folders that the arguments name, or all tests."""
    named = (ROOT / argument.partition("::")[0] for argument in arguments)
    tests = ROOT / "tests"
    return [path for path in named if path.is_relative_to(tests) and path.exists()] or [tests]


def _rooted(argument: str) -> str:
    """Make a path that is relative to the caller's folder absolute; leave the rest as it is."""
    path, separator, rest = argument.partition("::")
    here = Path.cwd() / path
    if argument[:1] != "-" and Path.cwd() != ROOT and here.exists():
        return f"{here}{separator}{rest}"
    return argument

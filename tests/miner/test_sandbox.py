"""Programs of strangers: what they try comes to nothing.

Where bubblewrap works, they run in it, and each attempt fails inside. Where the system forbids
what it needs, as containers may, the same holds in the other way that is promised: no program of
a stranger is run at all.
"""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from miner.runners.discovery import discover_runners
from miner.runners.python import PythonRunner
from miner.runners.sandbox import (
    SHARED_BYTES_MAX,
    TEMPORARY_BYTES_MAX,
    Bubblewrap,
    Confinement,
    Level,
    LimitsOnly,
    find_sandbox,
)
from miner.work import BadInput, RunnerFailed
from tests.miner.bench_work import Bench

REFUSED = {"refused": True}
"""What comes of a stranger's program where nothing can confine it."""


@pytest.fixture(scope="module")
def sandbox(bubblewrap: str) -> Bubblewrap | None:
    """Return the sandbox; None where the system forbids what it needs."""
    assert bubblewrap
    return find_sandbox()


@pytest.fixture
def confinement(sandbox: Bubblewrap | None) -> Confinement:
    return sandbox or LimitsOnly()


@pytest.fixture
def listener() -> Iterator[int]:
    """Return the port of a server on this machine's loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def attempt(bench: Bench, confinement: Confinement, source: str) -> Any:
    """Return what a stranger's program tells in its result, or that it was not run."""
    runner = PythonRunner(confinement)
    work = bench.work("python", {"entrypoint": "main.py", "source": source})
    if confinement.level is Level.LIMITS:
        with pytest.raises(RunnerFailed, match="cannot confine"):
            runner.run(work)
        assert not (work.folder / "out").exists()
        return REFUSED
    return runner.run(work).json


def told(expression: str, before: str = "") -> str:
    wanted = f"json.dump({expression}, open('result.json', 'w'))"
    return f"import json, os, pathlib, socket\n{before}\n{wanted}"


def test_the_level_is_stated_and_decides_whether_programs_of_clients_are_taken(
    confinement: Confinement,
) -> None:
    support = PythonRunner(confinement).support()
    assert support["confinement"] == confinement.level.value
    assert support["sources"] is (confinement.level is Level.SANDBOX)
    assert "network" in confinement.statement


def test_a_miner_that_has_to_confine_declines_programs_where_it_cannot(
    sandbox: Bubblewrap | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = {runner.service for runner in discover_runners({})}
    assert ("python" in services) is (sandbox is not None)
    monkeypatch.setenv("PATH", os.devnull)
    assert "python" not in {runner.service for runner in discover_runners({})}
    assert "python" in {runner.service for runner in discover_runners({}, Level.LIMITS)}


def test_a_bwrap_that_confines_nothing_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program of that name runs what it is told to run, in no sandbox."""
    fake = tmp_path / "bwrap"
    fake.write_text('#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert find_sandbox() is None


def test_there_is_no_network(bench: Bench, confinement: Confinement, listener: int) -> None:
    before = (
        "def reach(address):\n"
        "    try:\n"
        "        socket.create_connection(address, 2).close()\n"
        "        return True\n"
        "    except OSError:\n"
        "        return False\n"
    )
    source = told(f"[reach(('127.0.0.1', {listener})), reach(('192.0.2.1', 80))]", before)
    assert attempt(bench, confinement, source) in ([False, False], REFUSED)


def test_files_of_this_machine_are_not_there(
    bench: Bench, confinement: Confinement, tmp_path: Path
) -> None:
    secret = tmp_path / "miner-key.json"
    secret.write_text("hunter2")
    paths = [str(secret), "/etc/passwd", "/etc/shadow", str(Path.home() / ".ssh"), str(bench.root)]
    source = told(f"[path for path in {paths!r} if os.path.exists(path)]")
    assert attempt(bench, confinement, source) in ([], REFUSED)


def test_nothing_can_be_written_but_the_jobs_own_folder(
    bench: Bench, confinement: Confinement
) -> None:
    before = (
        "import sys\n"
        "def writes(folder):\n"
        "    try:\n"
        "        pathlib.Path(folder, 'x').write_text('x')\n"
        "        return True\n"
        "    except OSError:\n"
        "        return False\n"
        "folders = ['/', '/usr', '/etc', '/dev', '/job/given', '/job/program', sys.prefix]\n"
    )
    source = told(
        "[f for f in [*folders, '/job', '/job/out', '/tmp', '/dev/shm'] if writes(f)]", before
    )
    assert attempt(bench, confinement, source) in (["/job/out", "/tmp", "/dev/shm"], REFUSED)


@pytest.mark.parametrize(
    ("folder", "bytes_max"), [("/tmp", TEMPORARY_BYTES_MAX), ("/dev/shm", SHARED_BYTES_MAX)]
)
def test_what_is_kept_in_memory_is_bounded(
    bench: Bench, confinement: Confinement, folder: str, bytes_max: int
) -> None:
    before = (
        "def fill(folder):\n"
        "    kept, piece = 0, b'x' * (1 << 20)\n"
        "    try:\n"
        "        for number in range(600):\n"
        "            with open(f'{folder}/{number}', 'wb', buffering=0) as file:\n"
        "                kept += file.write(piece)\n"
        "    except OSError:\n"
        "        pass\n"
        "    return kept\n"
    )
    kept = attempt(bench, confinement, told(f"fill({folder!r})", before))
    assert kept == REFUSED or 0 < kept <= bytes_max


def test_locks_between_its_processes_and_devices_work(
    bench: Bench, confinement: Confinement
) -> None:
    before = (
        "import multiprocessing\nopen('/dev/null', 'w').write('x')\nlock = multiprocessing.Lock()"
    )
    source = told("[lock.acquire(), len(open('/dev/urandom', 'rb').read(8))]", before)
    assert attempt(bench, confinement, source) in ([True, 8], REFUSED)


def test_other_processes_are_neither_seen_nor_reached(
    bench: Bench, confinement: Confinement
) -> None:
    before = (
        "def reach(pid):\n"
        "    try:\n"
        "        os.kill(pid, 0)\n"
        "        return True\n"
        "    except OSError:\n"
        "        return False\n"
    )
    source = told(
        f"[len([p for p in os.listdir('/proc') if p.isdigit()]) < 4, reach({os.getpid()})]", before
    )
    assert attempt(bench, confinement, source) in ([True, False], REFUSED)


def test_the_program_is_nobody_without_any_capability(
    bench: Bench, confinement: Confinement
) -> None:
    status = "dict(l.split(':', 1) for l in open('/proc/self/status') if l.startswith('Cap'))"
    before = f"caps = {{k: int(v, 16) for k, v in {status}.items() if k != 'CapBnd'}}"
    source = told("[os.getuid(), any(caps.values())]", before)
    assert attempt(bench, confinement, source) in ([65534, False], REFUSED)


def test_what_a_program_started_ends_with_it(bench: Bench, confinement: Confinement) -> None:
    """They leave its group and its session, and are gone when its results are read."""
    mark = f"aitbc-left-behind-{os.getpid()}"
    source = (
        "import subprocess, sys\n"
        f"code = 'import time; time.sleep(600)  # {mark}'\n"
        "for _ in range(20):\n"
        "    subprocess.Popen([sys.executable, '-c', code], start_new_session=True)\n"
    ) + told("1")
    assert attempt(bench, confinement, source) in (1, REFUSED)
    assert not [p for p in Path("/proc").glob("[0-9]*/cmdline") if mark in _text(p)]


def test_a_link_in_the_results_place_is_not_followed_out_of_the_sandbox(
    bench: Bench, confinement: Confinement, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text(json.dumps("hunter2"))
    source = f"import os; os.symlink({str(secret)!r}, 'result.json')"
    try:
        assert attempt(bench, confinement, source) == REFUSED
    except BadInput as error:
        assert "no plain file" in str(error)  # noqa: PT017 - either way is right


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""

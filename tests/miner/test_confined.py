"""Programs under limits: what they take is bounded, and they do not outlive the miner."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from miner.runners import confined as confined_module
from miner.runners.confined import EXIT_NOT_STARTED, Limits, confined

PYTHON = [sys.executable, "-I", "-S", "-c"]


def run(limits: Limits, script: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        confined(limits, [*PYTHON, script]), capture_output=True, timeout=60, check=False
    )


def test_output_code_and_input_are_the_programs_own() -> None:
    done = run(Limits(), "import sys; print('told'); sys.exit(7)")
    assert (done.returncode, done.stdout) == (7, b"told\n")


def test_a_program_that_writes_too_much_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "large"
    script = "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n"
    script += f"f = open({str(path)!r}, 'wb', 0)\nfor _ in range(99): f.write(bytes(4096))"
    done = run(Limits(file_bytes=8_192), script)
    assert done.returncode == -signal.SIGXFSZ
    assert path.stat().st_size == 8_192


def test_a_program_that_asks_for_too_much_memory_does_not_get_it() -> None:
    done = run(Limits(memory_bytes=512 << 20), "bytearray(1 << 30)")
    assert done.returncode == 1
    assert b"MemoryError" in done.stderr


def test_a_program_that_computes_for_too_long_is_ended() -> None:
    done = run(Limits(cpu_s=1), "while True: pass")
    assert done.returncode == -signal.SIGKILL


def test_a_program_that_is_not_there_has_its_own_code() -> None:
    command = confined(Limits(), ["/no/such/program"])
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode == EXIT_NOT_STARTED
    assert b"/no/such/program" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="the death signal is Linux's")
def test_a_program_does_not_outlive_a_miner_that_is_killed() -> None:
    sleeper = repr([*PYTHON, "import time; time.sleep(600)"])
    parent = (
        "import subprocess, sys, time, importlib.util\n"
        f"spec = importlib.util.spec_from_file_location('confined', {confined_module.__file__!r})\n"
        "module = importlib.util.module_from_spec(spec)\n"
        "sys.modules['confined'] = module\n"
        "spec.loader.exec_module(module)\n"
        f"child = subprocess.Popen(module.confined(module.Limits(), {sleeper}))\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([*PYTHON, parent], stdout=subprocess.PIPE, text=True) as miner:
        assert miner.stdout is not None
        child = psutil.Process(int(miner.stdout.readline()))
        _wait_until_it_sleeps(child)
        os.kill(miner.pid, signal.SIGKILL)
        gone, alive = psutil.wait_procs([child], timeout=30)
    assert (len(gone), alive) == (1, [])


def _wait_until_it_sleeps(child: psutil.Process) -> None:
    """Wait until the launcher has become the program: only then the death signal is asked for."""
    deadline = time.monotonic() + 30
    while confined_module.__file__ in child.cmdline():
        assert time.monotonic() < deadline
        time.sleep(0.01)

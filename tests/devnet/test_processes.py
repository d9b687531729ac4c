"""Processes of a local network end with everything that they started, and nobody else ends."""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from devnet.network.errors import ProcessEnded
from devnet.network.processes import ManagedProcess

PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
{then}
"""


def start(tmp_path: Path, then: str) -> tuple[ManagedProcess, psutil.Process]:
    """Return a process and the one that it has started."""
    log = tmp_path / "log"
    command = [sys.executable, "-c", PARENT.format(then=then)]
    process = ManagedProcess("parent", command, log)
    process.wait_until(lambda: log.read_text().endswith("\n"), 30)
    return process, psutil.Process(int(log.read_text()))


def wait_gone(process: psutil.Process) -> None:
    """Wait until it has ended; whoever inherits it may take a while to reap it."""
    deadline = time.monotonic() + 30
    with contextlib.suppress(psutil.NoSuchProcess):
        while process.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_killed_process_takes_its_children_along(tmp_path: Path) -> None:
    process, child = start(tmp_path, "time.sleep(600)")
    assert process.kill() == -signal.SIGKILL
    wait_gone(child)


def test_a_process_that_ends_by_itself_leaves_no_child_behind(tmp_path: Path) -> None:
    process, child = start(tmp_path, "sys.exit(7)")
    with pytest.raises(ProcessEnded, match="exit code 7"):
        process.wait_until(lambda: False, 30)
    wait_gone(child)
    assert process.exit_code() == 7


def test_a_paused_process_can_be_killed(tmp_path: Path) -> None:
    process, child = start(tmp_path, "time.sleep(600)")
    process.send_signal(signal.SIGSTOP)
    deadline = time.monotonic() + 30
    while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < deadline
    process.kill()
    wait_gone(child)


def test_nothing_is_sent_to_the_number_of_a_process_that_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, _ = start(tmp_path, "sys.exit(0)")
    while process.exit_code() is None:
        time.sleep(0.01)
    sent: list[int] = []
    monkeypatch.setattr(os, "killpg", lambda pid, _number: sent.append(pid))
    monkeypatch.setattr(os, "kill", lambda pid, _number: sent.append(pid))
    assert process.kill() == process.stop() == 0
    process.send_signal(signal.SIGSTOP)
    process.ask_to_stop()
    assert sent == []

"""Real processes of a devnet: start, wait until ready, stop in order, leave none behind."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from devnet.network.errors import ProcessEnded

STOP_TIMEOUT_S = 15.0
"""Time a process has to end after SIGTERM before it is killed; a miner may finish a job in it."""

_POLL_S = 0.05


class ManagedProcess:
    """One process of the devnet with its log file."""

    def __init__(self, name: str, command: Sequence[str], log_file: Path) -> None:
        """Start `command`; its output goes to `log_file`, appended."""
        self.name = name
        self.log_file = log_file
        launcher = [sys.executable, "-m", "devnet.network.child", str(os.getpid())]
        with log_file.open("ab") as log:
            self._popen = subprocess.Popen(
                [*launcher, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._popen.pid

    def exit_code(self) -> int | None:
        """Return the exit code, None while the process runs."""
        return self._popen.poll()

    def require_alive(self) -> None:
        """Check that the process runs.

        Raises:
            ProcessEnded: it does not; the text carries the last lines of its log.
        """
        code = self.exit_code()
        if code is not None:
            raise ProcessEnded(
                f"{self.name} ended with exit code {code}; its log is {self.log_file}\n"
                + _last_lines(self.log_file)
            )

    def wait_until(self, is_ready: Callable[[], bool], timeout_s: float) -> None:
        """Wait until `is_ready()` holds.

        Raises:
            ProcessEnded: the process ended meanwhile, or the time is over.
        """
        deadline = time.monotonic() + timeout_s
        while not is_ready():
            self.require_alive()
            if time.monotonic() > deadline:
                raise ProcessEnded(
                    f"{self.name} was not ready after {timeout_s:.0f} s; "
                    f"its log is {self.log_file}\n" + _last_lines(self.log_file)
                )
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """End the process and everything it started: SIGTERM, then SIGKILL to its group."""
        if self.exit_code() is None:
            self._popen.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(STOP_TIMEOUT_S)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()


def _last_lines(log_file: Path, count: int = 12) -> str:
    lines = log_file.read_text(errors="replace").splitlines()[-count:]
    return "\n".join(f"  | {line}" for line in lines)

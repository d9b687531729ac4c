"""Real processes of a local network: start, signal, stop in order, leave none behind."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from devnet.network.bytecode import keeping_byte_code
from devnet.network.errors import ProcessEnded

STOP_TIMEOUT_S = 15.0
"""Time a process has to end after SIGTERM before it is killed; a miner may finish a job in it."""

_POLL_S = 0.05


class ManagedProcess:
    """One process with its log file."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log_file: Path,
        environment: Mapping[str, str] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        """Start `command`; its output goes to `log_file`, appended.

        Args:
            name: what messages call it.
            command: program and arguments.
            log_file: where its output goes.
            environment: variables besides this process's own.
            stop_signal: what asks it to end.
        """
        self.name = name
        self._stop_signal = stop_signal
        self.log_file = log_file
        self._reaping = threading.Lock()
        launcher = [sys.executable, "-m", "devnet.network.child", str(os.getpid())]
        with log_file.open("ab") as log:
            self._popen = subprocess.Popen(
                [*launcher, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=keeping_byte_code(os.environ) | dict(environment or {}),
            )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._popen.pid

    def exit_code(self) -> int | None:
        """Return the exit code, None while the process runs; what it left behind is killed."""
        with self._reaping:
            if self._popen.returncode is None and self._has_ended():
                # Before it is reaped its number is nobody else's, nor is that of its group.
                self._signal_group(signal.SIGKILL)
                self._popen.wait()
            return self._popen.returncode

    def require_alive(self) -> None:
        """Check that the process runs.

        Raises:
            ProcessEnded: it does not; the text carries the last lines of its log.
        """
        code = self.exit_code()
        if code is not None:
            raise ProcessEnded(
                f"{self.name} {how_it_ended(code)}; its log is {self.log_file}\n"
                + last_lines(self.log_file)
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
                    f"its log is {self.log_file}\n" + last_lines(self.log_file)
                )
            time.sleep(_POLL_S)

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and everything it started, if it still runs."""
        if self.exit_code() is None:
            self._signal_group(number)

    def ask_to_stop(self) -> None:
        """Ask the process to end; see `stop`."""
        if self.exit_code() is None:
            self._popen.send_signal(self._stop_signal)

    def stop(self) -> int:
        """End the process and everything it started: its stop signal, then SIGKILL to its group.

        Returns:
            Its exit code.
        """
        self.ask_to_stop()
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while self.exit_code() is None and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        return self.kill()

    def kill(self) -> int:
        """End the process and everything it started as a power cut would; return its exit code."""
        self.send_signal(signal.SIGKILL)
        while (code := self.exit_code()) is None:
            time.sleep(_POLL_S / 10)
        return code

    def _has_ended(self) -> bool:
        """Return whether the process has ended, without reaping it where the system allows that."""
        if sys.platform == "darwin":
            return self._popen.poll() is not None
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self._popen.pid, options) is not None

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, number)


def how_it_ended(exit_code: int) -> str:
    """Return what an exit code means, as the end of a sentence."""
    if exit_code < 0:
        return f"was ended by {signal.Signals(-exit_code).name}"
    return f"ended with exit code {exit_code}"


def last_lines(log_file: Path, count: int = 12) -> str:
    """Return the end of a log, indented."""
    lines = log_file.read_text(errors="replace").splitlines()[-count:]
    return "\n".join(f"  | {line}" for line in lines)

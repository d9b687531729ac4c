"""A devnet as a newcomer starts it: `python -m devnet devnet`, in a process of its own."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from devnet.network.ports import FreePorts

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 220.0
STOP_TIMEOUT_S = 60.0
READY_LINE = "Ctrl-C stops everything"


@dataclass
class RunningDevnet:
    """A devnet that stays up, and what it printed."""

    process: "subprocess.Popen[str]"
    ports: Sequence[int]
    directory: Path
    output: list[str] = field(default_factory=list)
    grown: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        """Address that the devnet prints."""
        return f"http://localhost:{self.ports[0]}"

    @property
    def text(self) -> str:
        """All that it printed so far."""
        return "".join(self.output)

    def node_pid(self, name: str) -> int:
        """Return the process id that it printed for a node."""
        found = re.search(rf"node +{name} +pid (\d+)", self.text)
        assert found is not None, self.text
        return int(found.group(1))

    def node_url(self, name: str) -> str:
        """Return the address that it printed for a node."""
        found = re.search(rf"node +{name} +pid \d+ +(http://\S+?)/ ", self.text)
        assert found is not None, self.text
        return found.group(1)

    def wait_for_line(self, pattern: str, timeout_s: float = 60.0) -> str:
        """Return the first line that a pattern is found in, once it is printed."""
        with self.grown:
            assert self.grown.wait_for(lambda: self._line_with(pattern), timeout_s), self.text
        return self._line_with(pattern)

    def _line_with(self, pattern: str) -> str:
        return next((line for line in self.output if re.search(pattern, line)), "")

    def demo_job_id(self) -> str:
        """Return the id of the demo's first job."""
        found = re.search(r"job_[0-9a-f]{64}", self.text)
        assert found is not None, self.text
        return found.group(0)

    def interrupt(self) -> int:
        """Press Ctrl-C and return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(STOP_TIMEOUT_S)


def command(directory: Path, ports: Sequence[int], *options: str) -> list[str]:
    """Return the command line of a devnet."""
    arguments = [sys.executable, "-m", "devnet", "devnet", "--directory", str(directory)]
    for port in ports:
        arguments += ["--port", str(port)]
    return [*arguments, *options]


def run(directory: Path, ports: Sequence[int], *options: str) -> "subprocess.CompletedProcess[str]":
    """Run a devnet to its end and return what it printed."""
    return subprocess.run(
        command(directory, ports, *options),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=START_TIMEOUT_S,
        check=False,
    )


@contextlib.contextmanager
def started(directory: Path, ports: Sequence[int], *options: str) -> Iterator[RunningDevnet]:
    """Start a devnet, wait until it says that it is up, and stop it afterwards."""
    process = subprocess.Popen(
        command(directory, ports, *options),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    devnet = RunningDevnet(process, ports, directory)
    ready = threading.Event()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            with devnet.grown:
                devnet.output.append(line)
                devnet.grown.notify_all()
            if READY_LINE in line:
                ready.set()
        ready.set()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert ready.wait(START_TIMEOUT_S), devnet.text
        assert process.poll() is None, devnet.text
        yield devnet
    finally:
        if process.poll() is None:
            devnet.interrupt()
        reader.join()
        if process.stdout is not None:
            process.stdout.close()


def processes_of(directory: Path) -> list[psutil.Process]:
    """Return the processes whose command line names something in a directory, runners aside."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            line = process.cmdline()
            if any(str(directory) in part for part in line) and "devnet.network.child" not in line:
                found.append(process)
    return [process for process in found if "devnet" not in process.cmdline()[2:4]]


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listens on now, and that no outgoing connection gets."""
    free = FreePorts()
    return [free.take() for _ in range(count)]

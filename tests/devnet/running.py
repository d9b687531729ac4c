"""A devnet as a newcomer starts it: `python -m devnet devnet`, in a process of its own."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 110.0
STOP_TIMEOUT_S = 60.0
READY_LINE = "Ctrl-C stops everything"


@dataclass
class RunningDevnet:
    """A devnet that stays up, and what it printed."""

    process: "subprocess.Popen[str]"
    ports: Sequence[int]
    directory: Path
    output: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Address that the devnet prints."""
        return f"http://localhost:{self.ports[0]}"

    @property
    def text(self) -> str:
        """All that it printed so far."""
        return "".join(self.output)

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
def started(directory: Path, ports: Sequence[int]) -> Iterator[RunningDevnet]:
    """Start a devnet, wait until it says that it is up, and stop it afterwards."""
    process = subprocess.Popen(
        command(directory, ports),
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
            devnet.output.append(line)
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
    """Return ports that nothing listens on now."""
    with contextlib.ExitStack() as open_sockets:
        ports = []
        for _ in range(count):
            probe = open_sockets.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            ports.append(probe.getsockname()[1])
        return ports

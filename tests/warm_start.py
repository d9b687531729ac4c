"""Processes of the command `aitbc` that begin with its modules loaded: forks of a parent of theirs.

Starting a node is mostly importing: a second and a half of processor time, and a run of the tests
starts hundreds. A forked node is a process like any other, with a number, memory, files and
sockets of its own; it reads its command line, configuration and environment in `cli.main` as ever.

What a fork cannot show is the interpreter's own start and the imports. These are shown by
`tests/node/test_node_process.py`, by the tests of `./dev devnet` and of the guides, which type
commands, and wherever a process needs a library or a module of its own (`NodeProcess`).
"""

import atexit
import contextlib
import functools
import gc
import importlib
import itertools
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

PARENTS: Final = 2
"""They take turns: processes of one parent iterate over sets in one order, and validators have to
agree in whichever order each of them does."""

REQUEST_BYTES_MAX: Final = 1 << 20
FILES: Final = 4
"""Sent with a request: standard input, output and errors, and where to tell of the process."""


LOADED: Final = (
    "cli.node",
    "cli.node_run",
    "alembic.command",
    "litestar._kwargs",
    "litestar.middleware._internal.exceptions",
    "litestar.middleware.response_cache",
    "litestar.plugins.attrs",
    "litestar.plugins.pydantic",
    "pydantic.json_schema",
    "pydantic.v1",
    "pygments.formatters.html",
    "pygments.lexers.html",
    "pygments.lexers.shell",
    "pygments.styles.default",
    "uvicorn.lifespan.off",
    "uvicorn.protocols.http.httptools_impl",
    "uvicorn.protocols.websockets.websockets_sansio_impl",
)
"""What a node's process imports: the first two at once, the others while it starts. One that is
left out is imported in each process, as one that is gone stops the parent."""


def can_fork() -> bool:
    """Whether this system has what the parent needs."""
    return sys.platform == "linux"


# ------------------------------------------------------------ in the test's process


class ForkedProcess:
    """A process that a parent forked; it has what tests use of `subprocess.Popen`."""

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], *, stderr: IO[bytes]
    ) -> None:
        """Start `aitbc` with these arguments; returns once it has a number.

        Args:
            arguments: after the command's name.
            environment: all of it.
            stderr: where its standard error goes; its standard output is `stdout`.
        """
        self.returncode: int | None = None
        request = {
            "arguments": list(arguments),
            "environment": dict(environment),
            "directory": str(Path.cwd()),
        }
        self._line, line = socket.socketpair()
        read, write = os.pipe()
        self.stdout: IO[bytes] = os.fdopen(read, "rb")
        with line, os.fdopen(write, "wb") as output, Path(os.devnull).open("rb") as nothing:
            files = [file.fileno() for file in (nothing, output, stderr, line)]
            socket.send_fds(next(_parents()), [json.dumps(request).encode()], files)
        self._told = self._line.makefile("rb")
        self.pid = int(self._told.readline())

    def poll(self) -> int | None:
        """Return the exit code, as `Popen.poll`."""
        if self.returncode is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code, as `Popen.wait`.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        if self.returncode is None:
            with selectors.DefaultSelector() as selector:
                selector.register(self._line, selectors.EVENT_READ)
                if not selector.select(timeout):
                    raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
            self.returncode = int(self._told.readline())
            self._told.close()
            self._line.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


@functools.cache
def _parents() -> Iterator[socket.socket]:
    """Return the ways to the parents in turn; the parents live as long as this process."""
    return itertools.cycle([_start_parent() for _ in range(PARENTS)])


def _start_parent() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        parent = subprocess.Popen(
            [sys.executable, "-m", "tests.warm_start", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )

    def end() -> None:
        ours.close()
        parent.wait()

    atexit.register(end)
    return ours


# ------------------------------------------------------------ in the parent's process


@dataclass(frozen=True)
class _Child:
    """A process of the parent, and where its end is told."""

    pid: int
    line: socket.socket


def _serve(control: socket.socket) -> list[str] | None:
    """Fork for each request, until the tests' process is gone.

    Returns:
        In a forked process its command line; in the parent None, at the end.
    """
    children: dict[int, _Child] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not control:
                    selector.unregister(key.fileobj)
                    _bury(key.fd, children.pop(key.fd))
                    continue
                text, files, _, _ = socket.recv_fds(control, REQUEST_BYTES_MAX, FILES)
                if not text:
                    for child in children.values():
                        os.kill(child.pid, signal.SIGKILL)
                    return None
                line = socket.socket(fileno=files.pop())
                if (pid := os.fork()) == 0:
                    for handle, child in children.items():
                        os.close(handle)
                        child.line.close()
                    line.close()
                    control.close()
                    return _become(json.loads(text), files)
                for file in files:
                    os.close(file)
                line.sendall(b"%d\n" % pid)
                handle = os.pidfd_open(pid)
                children[handle] = _Child(pid, line)
                selector.register(handle, selectors.EVENT_READ)


def _bury(handle: int, child: _Child) -> None:
    """Tell how a process ended, and let the system forget it."""
    _, status = os.waitpid(child.pid, 0)
    with contextlib.suppress(BrokenPipeError):  # Nobody may wait for it any more.
        child.line.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    child.line.close()
    os.close(handle)


def _become(request: dict[str, Any], files: list[int]) -> list[str]:
    """Take over files, environment and folder of a request; return its command line."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["directory"])
    return ["aitbc", *request["arguments"]]


def _main() -> None:
    gc.disable()
    for module in LOADED:
        importlib.import_module(module)
    gc.freeze()
    assert threading.active_count() == 1, "threads do not survive a fork"
    arguments = _serve(socket.socket(fileno=int(sys.argv[1])))
    if arguments is not None:
        gc.enable()
        sys.argv = arguments
        runpy.run_module("cli.main", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()

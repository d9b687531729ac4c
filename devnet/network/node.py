"""One node of a local network as a process: started, asked, killed, paused, emptied."""

import shutil
import signal
import ssl
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx

from devnet.network.directory import DevnetDirectory
from devnet.network.errors import ProcessEnded
from devnet.network.plan import NodePlan
from devnet.network.processes import ManagedProcess

READY_TIMEOUT_S = 90.0
"""Limit of a node's start on a busy machine, replay of its chain included."""

ANSWER_TIMEOUT_S = 5.0
"""Limit of one answer to a question about where a node is."""

PLAIN_HTTP: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""What httpx verifies with on plain HTTP. By default it reads the machine's certificates for each
client, which takes longer than the request; this context trusts nobody."""

PROGRAM = ("cli.main",)
"""Module that is the `aitbc` command."""


class NodeProcess:
    """A node, running or not."""

    def __init__(
        self,
        directory: DevnetDirectory,
        plan: NodePlan,
        *,
        program: Sequence[str] = PROGRAM,
        launcher: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Name a node whose configuration is written; nothing runs.

        Args:
            directory: where its folder is.
            plan: who it is.
            program: module to run in the `aitbc` command's place, and its first arguments.
            launcher: command that runs the rest of its arguments, empty for none.
            environment: variables besides this process's own.
        """
        self.plan = plan
        self.starts = 0
        """How often it was started."""
        self._directory = directory
        self._program = tuple(program)
        self._launcher = tuple(launcher)
        self._environment = dict(environment or {})
        self._process: ManagedProcess | None = None

    @property
    def name(self) -> str:
        """Its name."""
        return self.plan.name

    @property
    def url(self) -> str:
        """Numeric address of its API: names need not resolve for it."""
        return f"http://{self.plan.host}:{self.plan.http_ports[0]}"

    @property
    def is_running(self) -> bool:
        """Whether its process exists; a paused one does."""
        return self._process is not None and self._process.exit_code() is None

    @property
    def process(self) -> ManagedProcess:
        """Its newest process, which may have ended; `start` comes first."""
        assert self._process is not None, "start comes first"
        return self._process

    def start(self, environment: Mapping[str, str] | None = None) -> None:
        """Start it; returns at once. Call it in the main thread: the process lives as long.

        Args:
            environment: variables of this start alone.
        """
        assert not self.is_running, f"{self.name} runs already"
        config = str(self._directory.config_file(self.name))
        command = [sys.executable, "-m", *self._program]
        self._process = ManagedProcess(
            self.name,
            [*self._launcher, *command, "node", "run", "--config", config],
            self._directory.log_file(self.name),
            self._environment | dict(environment or {}),
        )
        self.starts += 1

    def wait_ready(self) -> None:
        """Wait until its API answers.

        Raises:
            ProcessEnded: it ended instead, or the time is over.
        """
        self.process.wait_until(lambda: self.status() is not None, READY_TIMEOUT_S)

    def status(self) -> dict[str, Any] | None:
        """Return where it says that it stands, None if it does not answer."""
        try:
            answer = httpx.get(
                f"{self.url}/v1/chain/status", timeout=ANSWER_TIMEOUT_S, verify=PLAIN_HTTP
            )
        except httpx.TransportError:
            return None
        found: dict[str, Any] | None = answer.json() if answer.is_success else None
        return found

    def stop(self) -> int:
        """End it in order and return its exit code."""
        return self.process.stop()

    def kill(self) -> None:
        """End it as a power cut would, but for what the kernel holds."""
        self.process.kill()

    def pause(self) -> None:
        """Stop its processes where they are: SIGSTOP."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let paused processes go on: SIGCONT."""
        self.process.send_signal(signal.SIGCONT)

    def wipe(self) -> None:
        """Delete all that it has written; its keys and its configuration stay."""
        assert not self.is_running, "a running node's folder is its own"
        data = self._directory.data(self.name)
        for each in data.iterdir() if data.exists() else ():
            shutil.rmtree(each) if each.is_dir() else each.unlink()


def require_answer(answer: httpx.Response) -> dict[str, Any]:
    """Return the body of a good answer.

    Raises:
        ProcessEnded: a node refused a question that every node answers.
    """
    if not answer.is_success:
        raise ProcessEnded(f"{answer.request.url} answered {answer.status_code}: {answer.text}")
    body: dict[str, Any] = answer.json()
    return body

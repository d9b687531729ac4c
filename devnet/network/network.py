"""A running devnet: the node with its coordinator and explorer, and one miner."""

import sys
from collections.abc import Callable
from typing import Self

import httpx

from devnet.network.directory import DevnetDirectory
from devnet.network.errors import ProcessEnded
from devnet.network.processes import ManagedProcess

NODE_READY_TIMEOUT_S = 60.0
"""Limit of a node's start, replay of its chain included."""

MINER_READY_TIMEOUT_S = 90.0
"""Limit of a miner's start: it loads a model and registers on the chain."""

MINER_NAME = "devnet-miner-1"
MODEL_ALIASES = ("llama3.2", "llama2", "llama-7b", "codellama")
"""Models of the reference documents that the devnet's small model answers for (S3)."""


class Devnet:
    """The processes of a devnet; a context manager that leaves none behind."""

    def __init__(self, directory: DevnetDirectory, port: int, tell: Callable[[str], None]) -> None:
        """Use a provisioned directory; progress goes to `tell`."""
        self._directory = directory
        self._tell = tell
        self._processes: list[ManagedProcess] = []
        self._node: ManagedProcess | None = None
        self._miner: ManagedProcess | None = None
        self.url = f"http://localhost:{port}"

    def __enter__(self) -> Self:
        """Return the devnet; nothing is started yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop all processes, the miner before its node."""
        for process in reversed(self._processes):
            process.stop()

    def start(self) -> None:
        """Start node and miner and wait until both are ready.

        Raises:
            ProcessEnded: one of them ended or was not ready in time.
        """
        self._tell("starting the node")
        self._node = self._start("node", ["node", "run", "--config", str(self._node_config())])
        self._node.wait_until(lambda: self._answers("/health"), NODE_READY_TIMEOUT_S)
        self._tell(f"node is up at {self.url}; starting the miner")
        self._miner = self._start("miner", self._miner_command())
        self._miner.wait_until(self._miner_is_registered, MINER_READY_TIMEOUT_S)
        self._tell(f"miner {MINER_NAME} is registered")

    def keep_up(self) -> None:
        """Check the node, and start the miner again if it ended; to be called now and then.

        A miner may die without harm: whatever it was doing is given to the next attempt.

        Raises:
            ProcessEnded: the node ended.
        """
        assert self._node is not None, "start comes first"
        assert self._miner is not None, "start comes first"
        self._node.require_alive()
        code = self._miner.exit_code()
        if code is not None:
            self._tell(f"the miner ended with exit code {code}; starting it again")
            self._miner.stop()
            self._processes.remove(self._miner)
            self._miner = self._start("miner", self._miner_command())

    def _node_config(self) -> str:
        return str(self._directory.node / "config.toml")

    def _miner_command(self) -> list[str]:
        command = ["miner", "run", "--node", self.url, "--name", MINER_NAME]
        command += ["--directory", str(self._directory.miner)]
        command += ["--passphrase-file", str(self._directory.passphrase)]
        for alias in MODEL_ALIASES:
            command += ["--alias", alias]
        return command

    def _start(self, name: str, arguments: list[str]) -> ManagedProcess:
        command = [sys.executable, "-m", "cli.main", *arguments]
        process = ManagedProcess(name, command, self._directory.logs / f"{name}.log")
        self._processes.append(process)
        return process

    def _answers(self, path: str) -> bool:
        try:
            return httpx.get(self.url + path, timeout=5.0).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def _miner_is_registered(self) -> bool:
        try:
            answer = httpx.get(f"{self.url}/v1/miners", timeout=5.0)
        except httpx.TransportError as error:
            raise ProcessEnded(f"the node stopped answering: {error}") from None
        miners = answer.json().get("miners", []) if answer.is_success else []
        return any(
            miner["miner_id"] == MINER_NAME and miner["status"] == "active" for miner in miners
        )

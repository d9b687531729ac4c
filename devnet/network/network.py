"""A running devnet: nodes with their coordinators and explorers, and a miner for each coordinator.

`start` sets all nodes to work at once and waits for the chain, not for each of them in turn.
`keep_up` starts again what has ended, and says so.
"""

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Self

import httpx

from devnet.network.directory import DevnetDirectory
from devnet.network.errors import ProcessEnded
from devnet.network.node import PLAIN_HTTP, NodeProcess
from devnet.network.plan import NodePlan
from devnet.network.processes import ManagedProcess, how_it_ended
from devnet.network.revival import Revival

MINER_READY_TIMEOUT_S = 120.0
"""Limit of a miner's start: it loads a model and registers on the chain."""

MODEL_ALIASES = ("llama3.2", "llama2", "llama-7b", "codellama")
"""Models of the reference documents that the devnet's small model answers for (S3)."""


class Devnet:
    """The processes of a devnet; a context manager that leaves none behind."""

    def __init__(
        self, directory: DevnetDirectory, plans: Sequence[NodePlan], tell: Callable[[str], None]
    ) -> None:
        """Use a provisioned directory; progress goes to `tell`."""
        self._directory = directory
        self._tell = tell
        self.nodes = [NodeProcess(directory, plan) for plan in plans]
        self._miners: dict[str, ManagedProcess] = {}
        self._revivals = {node.name: Revival() for node in self.nodes}

    @property
    def url(self) -> str:
        """Address of the first node, for people."""
        return self.nodes[0].plan.url

    def __enter__(self) -> Self:
        """Return the devnet; nothing is started yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop all processes: miners before nodes, each kind at once."""
        started = [node.process for node in self.nodes if node.starts]
        for processes in (list(self._miners.values()), started):
            for process in processes:
                process.ask_to_stop()
            for process in processes:
                process.stop()

    def start(self) -> None:
        """Start nodes and miners, and wait until all nodes answer and all miners are registered.

        Raises:
            ProcessEnded: one of them ended or was not ready in time.
        """
        self._tell(f"starting {_count(len(self.nodes), 'node')}")
        for node in self.nodes:
            node.start()
        coordinators = [node for node in self.nodes if node.plan.coordinator]
        for node in coordinators:
            # A miner loads its model while the other nodes still start.
            node.wait_ready()
            self._start_miner(node)
        for node in self.nodes:
            node.wait_ready()
        what = "the node is" if len(self.nodes) == 1 else f"{len(self.nodes)} nodes are"
        self._tell(f"{what} up; waiting for {_count(len(coordinators), 'miner')}")
        for node in coordinators:
            miner = self._miners[node.name]
            miner.wait_until(partial(_is_registered, node), MINER_READY_TIMEOUT_S)
            self._tell(f"miner {miner_name(node)} is registered")

    def keep_up(self) -> None:
        """Start again what ended, and say so; to be called about once a second.

        A node may die without harm to what is final, and a miner without harm to its job. A node
        that ends again and again stays down.

        Raises:
            ProcessEnded: every node is down for good.
        """
        now_s = time.monotonic()
        for node in self.nodes:
            self._keep_node_up(node, now_s)
        if all(revival.is_given_up for revival in self._revivals.values()):
            raise ProcessEnded("all nodes are down; their logs are in " + str(self._directory.logs))
        for node in self.nodes:
            miner = self._miners.get(node.name)
            if miner and miner.exit_code() is not None and node.is_running:
                self._tell(f"{miner.name} {how_it_ended(miner.kill())}; starting it again")
                self._start_miner(node)

    def as_json(self) -> list[dict[str, Any]]:
        """Return name, role, process and address of each node, for `--json`."""
        return [
            {
                "name": node.name,
                "role": node.plan.role,
                "coordinator": node.plan.coordinator is not None,
                "pid": node.process.pid,
                "url": node.plan.url,
                "log": str(node.process.log_file),
            }
            for node in self.nodes
        ]

    def _keep_node_up(self, node: NodeProcess, now_s: float) -> None:
        revival = self._revivals[node.name]
        if node.is_running:
            if revival.is_expected and (status := node.status()):
                revival.back(now_s)
                self._tell(f"{node.name} is back, at block {status['height']}")
            return
        if revival.is_given_up:
            return
        if revival.noticed_at_s is None:
            exit_code = node.process.kill()
            stays_down = revival.ended(now_s, exit_code)
            self._tell(f"{node.name} {how_it_ended(exit_code)}; {self._the_others(node)}")
            if stays_down:
                self._tell(
                    f"{node.name} failed {revival.failures} times in a row and stays down; its log "
                    f"is {node.process.log_file}"
                )
        elif revival.is_due(now_s):
            self._tell(f"starting {node.name} again; {self._the_others(node)}")
            revival.restarted()
            node.start()

    def _the_others(self, down: NodeProcess) -> str:
        """Say where the chain is without a node."""
        others = [node for node in self.nodes if node is not down and node.is_running]
        heights = [status["height"] for node in others if (status := node.status())]
        if not heights:
            return "no other node runs"
        return f"the others are at block {max(heights)}"

    def _start_miner(self, node: NodeProcess) -> None:
        name = miner_name(node)
        folder = self._directory.folder(name)
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "cli.main", "miner", "run"]
        command += ["--node", node.plan.url, "--name", name, "--directory", str(folder)]
        command += ["--passphrase-file", str(self._directory.passphrase)]
        # Where no sandbox works, the sample program runs all the same: it is the miner's own.
        command += ["--confinement", "limits"]
        for alias in MODEL_ALIASES:
            command += ["--alias", alias]
        self._miners[node.name] = ManagedProcess(name, command, self._directory.log_file(name))


def miner_name(node: NodeProcess) -> str:
    """Return the name of the miner that works for a node's coordinator."""
    return f"devnet-miner-{node.name.rpartition('-')[2]}"


def _is_registered(node: NodeProcess) -> bool:
    try:
        answer = httpx.get(f"{node.url}/v1/miners", timeout=5.0, verify=PLAIN_HTTP)
    except httpx.TransportError as error:
        raise ProcessEnded(f"{node.name} stopped answering: {error}") from None
    miners = answer.json().get("miners", []) if answer.is_success else []
    return any(
        miner["miner_id"] == miner_name(node) and miner["status"] == "active" for miner in miners
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("s" if number != 1 else "")

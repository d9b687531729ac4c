"""A real node over a generated history: it indexes it, and serves the explorer's pages."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from bench.explorer_chain import FORMAT, Extent, History, make_history
from bench.load import plain_client
from bench.machine import ROOT
from devnet.network.configuration import Extras, Wiring, write_config
from devnet.network.directory import DevnetDirectory
from devnet.network.node import NodeProcess
from devnet.network.plan import NodePlan
from devnet.network.ports import FreePorts

KEPT: Final = ROOT / ".bench" / "explorer"
"""Where histories are kept; no part of the repository."""

FOLLOWER: Final = "follower-1"

INDEX_WAIT_S: Final = 7_200.0
"""Limit of indexing a history."""

TELL_S: Final = 15.0
"""Between two words about how far the index is."""

POLL_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class ServedHistory:
    """A node that serves a history."""

    history: History
    """What there is."""
    url: str
    """Address of the node."""


@contextmanager
def served_history(
    extent: Extent, say: Callable[[str], None], kept: Path = KEPT
) -> Iterator[ServedHistory]:
    """Make a history unless it is kept, and serve it until the block ends.

    Args:
        extent: how long it is.
        say: is told how far it is.
        kept: folder of histories.
    """
    name = f"{FORMAT}-{extent.blocks}-{extent.transactions}-{extent.seed}"
    directory = DevnetDirectory(kept / name)
    for folder in (directory.keys, directory.logs):
        folder.mkdir(parents=True, exist_ok=True)
    with directory:
        history = make_history(directory, FOLLOWER, extent, say)
        with _serving(directory) as node:
            _wait_indexed(node, history, say)
            yield ServedHistory(history, node.url)


@contextmanager
def _serving(directory: DevnetDirectory) -> Iterator[NodeProcess]:
    """Run a node over what is in its folder until the block ends."""
    free = FreePorts()
    plan = NodePlan(FOLLOWER, None, None, (free.take(),), free.take())
    extras = Extras({"check_invariants": False, "log": {"level": "warning"}})
    # A node wants a peer; nobody listens there.
    write_config(directory, plan, Wiring((f"{plan.host}:{free.take()}",), None), extras)
    node = NodeProcess(directory, plan, environment={"PYTHONPATH": str(ROOT)})
    node.start()
    try:
        node.process.wait_until(lambda: node.status() is not None, INDEX_WAIT_S)
        yield node
    finally:
        node.process.ask_to_stop()
        node.stop()


def _wait_indexed(node: NodeProcess, history: History, say: Callable[[str], None]) -> None:
    """Wait until the node's own indexer has read the whole history."""
    with plain_client() as client:
        deadline, told = time.monotonic() + INDEX_WAIT_S, 0.0
        while (height := _indexed_height(client, node.url)) < history.blocks:
            node.process.require_alive()
            if time.monotonic() > deadline:
                raise RuntimeError(f"the index has reached {height} of {history.blocks}")
            if time.monotonic() > told + TELL_S:
                say(f"the node has indexed {max(height, 0):,} of {history.blocks:,} blocks")
                told = time.monotonic()
            time.sleep(POLL_S)


def _indexed_height(client: httpx.Client, url: str) -> int:
    for family in text_string_to_metric_families(client.get(f"{url}/metrics").text):
        for sample in family.samples:
            if sample.name == "aitbc_indexed_height":
                return int(sample.value)
    raise RuntimeError("the node does not tell what is indexed")

"""Networks of real node processes, asked and observed from outside."""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from aitbc import ChainTags
from bench.load import plain_client
from bench.machine import ROOT
from bench.wallets import Wallets
from devnet.network.configuration import Extras, direct_wiring, write_config
from devnet.network.directory import DevnetDirectory
from devnet.network.node import PROGRAM, NodeProcess
from devnet.network.plan import Shape, plan_nodes
from devnet.network.ports import FreePorts
from devnet.network.provision import ChainWish, provision
from ledger.params import BUCKETS_DEFAULT, Parameters

WAIT_S: Final = 120.0
"""Limit of everything that is waited for, but a start."""

START_WAIT_S: Final = 600.0
"""Limit of a start; from a genesis of 10^6 accounts it takes long."""

POLICIES: Final = ("submit", "status", "result", "miner", "miners", "other")
"""Limits of requests that no measurement shall meet."""

POLL_S: Final = 0.005
"""Between two looks at what is waited for; part of the error of every time measured so."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What the nodes of a network have sent each other since they started."""

    frames: float
    """Messages."""
    bytes: float
    """Their bytes."""
    frames_of: dict[str, float]
    """Messages by kind."""

    def since(self, before: "Traffic") -> "Traffic":
        """Return what was sent after an earlier reading."""
        kinds = {
            kind: count - before.frames_of.get(kind, 0) for kind, count in self.frames_of.items()
        }
        return Traffic(self.frames - before.frames, self.bytes - before.bytes, kinds)


class Cluster:
    """Nodes that run, and accounts that can send."""

    def __init__(self, nodes: Sequence[NodeProcess], tags: ChainTags, wallets: Wallets) -> None:
        """Name what there is; `running_cluster` starts it."""
        self.nodes = list(nodes)
        self.tags = tags
        self.client = plain_client()
        """For questions, by the thread that made the cluster."""
        self._wallets = wallets

    @property
    def validators(self) -> list[NodeProcess]:
        """Nodes with a validator key."""
        return [node for node in self.nodes if node.plan.key]

    @property
    def urls(self) -> list[str]:
        """Addresses of the validators' APIs."""
        return [node.url for node in self.validators]

    @property
    def followers(self) -> list[NodeProcess]:
        """Nodes that follow; they do not run until somebody starts them."""
        return [node for node in self.nodes if not node.plan.key]

    def transfers(self, count: int) -> list[bytes]:
        """Return signed transfers that were not sent yet."""
        return self._wallets.transfers(self.tags, count)

    def start(self, node: NodeProcess) -> float:
        """Start a node; return the seconds until its API answers."""
        began = time.perf_counter()
        node.start()
        deadline = time.monotonic() + START_WAIT_S
        while not self._answers(node):
            node.process.require_alive()
            if time.monotonic() > deadline:
                raise RuntimeError(f"{node.name} was not ready after {START_WAIT_S:.0f} s")
            time.sleep(POLL_S)
        return time.perf_counter() - began

    def height(self, node: NodeProcess) -> int:
        """Return a node's final height."""
        return int(self.status(node)["height"])

    def status(self, node: NodeProcess) -> dict[str, Any]:
        """Return where a node stands.

        Raises:
            httpx.HTTPError: it does not answer.
        """
        answer = self.client.get(f"{node.url}/v1/chain/status")
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def leader(self) -> NodeProcess:
        """Return the validator that leads the current view, as most of them see it."""
        views = [self.status(node)["consensus"] for node in self.validators if node.is_running]
        newest = max(views, key=lambda view: (view["epoch"], view["view"]))
        members = {each["public_key"]: each["name"] for each in newest["validators"]}
        name = members[newest["leader"]].replace("validator", "node")
        return next(node for node in self.validators if node.name == name)

    def traffic(self) -> Traffic:
        """Return what the running validators have sent."""
        frames: dict[str, float] = {}
        size = 0.0
        for sample in chain.from_iterable(map(self._metrics, self.validators)):
            if sample.labels.get("direction") != "sent":
                continue
            if sample.name == "aitbc_p2p_frames_total":
                kind = sample.labels["kind"]
                frames[kind] = frames.get(kind, 0.0) + sample.value
            elif sample.name == "aitbc_p2p_bytes_total":
                size += sample.value
        return Traffic(sum(frames.values()), size, frames)

    def loop_looks(self, node: NodeProcess) -> tuple[float, float]:
        """Return how often a node looked at its event loop's lag, and how often it was late.

        Late is what the hot path may not be: by more than 20 ms.
        """
        looks, prompt = 0.0, 0.0
        for sample in self._metrics(node):
            if sample.name == "aitbc_event_loop_lag_seconds_count":
                looks = sample.value
            elif sample.name == "aitbc_event_loop_lag_seconds_bucket":
                prompt = sample.value if sample.labels["le"] == "0.02" else prompt
        return looks, looks - prompt

    def cpu_seconds(self) -> float:
        """Return what the validators' processes and their workers have used, all together."""
        total = 0.0
        for node in self.validators:
            for process in processes_of(node):
                used = process.cpu_times()
                total += used.user + used.system
        return total

    def _metrics(self, node: NodeProcess) -> Iterator[Sample]:
        for family in text_string_to_metric_families(self.client.get(f"{node.url}/metrics").text):
            yield from family.samples

    def _answers(self, node: NodeProcess) -> bool:
        try:
            return self.client.get(f"{node.url}/v1/chain/status").is_success
        except httpx.TransportError:
            return False


def processes_of(node: NodeProcess) -> list[psutil.Process]:
    """Return the processes of a running node: those that it started, below the one that did."""
    root = psutil.Process(node.process.pid)
    return [root, *root.children(recursive=True)]


def memory_of(node: NodeProcess) -> dict[str, float]:
    """Return the MiB that each process of a node takes, shared pages divided among their users."""
    found: dict[str, float] = {}
    for process in processes_of(node):
        size = process.memory_full_info().pss / 2**20
        name = _name_of(process)
        found[name] = found.get(name, 0.0) + size
    return found


def _name_of(process: psutil.Process) -> str:
    """Return what a process of a node does, by the module that it runs."""
    command = process.cmdline()
    module = command[command.index("-m") + 1] if "-m" in command else " ".join(command[1:2])
    return module or process.name()


def wait_for(what: str, holds: Callable[[], bool], limit_s: float = WAIT_S) -> float:
    """Wait until a condition, asked again and again, holds; return the seconds that it took.

    Raises:
        RuntimeError: it does not in time.
    """
    began = time.monotonic()
    while not holds():
        if time.monotonic() > began + limit_s:
            raise RuntimeError(f"{what} did not happen within {limit_s:.0f} s")
        time.sleep(POLL_S)
    return time.monotonic() - began


@contextmanager
def running_cluster(
    folder: Path,
    validators: int,
    followers: int,
    wallets: Wallets,
    databases: Mapping[str, str] = {},
    *,
    in_one: bool = False,
    coordinators: int = 0,
    program: Sequence[str] = PROGRAM,
) -> Iterator[Cluster]:
    """Run validators below `folder` until the block ends; followers are made and not started.

    Args:
        folder: does not exist yet.
        validators: how many.
        followers: how many.
        wallets: accounts of the genesis.
        databases: members of a lone node's ``store`` section; SQLite files when left out.
        in_one: whether each node is a single process, which starts sooner and is slower; for a
            quick run of many.
        coordinators: how many of the validators coordinate, too.
        program: module that runs each node in the command's place.
    """
    directory = DevnetDirectory(folder)
    free = FreePorts()
    shape = Shape(validators, followers, coordinators)
    plans = plan_nodes(shape, (free.take(),), free)
    wish = ChainWish(
        shape,
        time.time_ns() // 1_000_000,
        Parameters(),
        wallets.addresses(),
        BUCKETS_DEFAULT,
    )
    workers, store = (0, {"index_in": "thread"}) if in_one else (verifiers(validators), databases)
    extras = _extras(workers, store)
    with directory:
        provision(directory, wish)
        for plan in plans:
            write_config(directory, plan, direct_wiring(plan, plans), extras)
        environment = {"PYTHONPATH": str(ROOT)}
        nodes = [
            NodeProcess(directory, plan, program=program, environment=environment) for plan in plans
        ]
        genesis = json.loads(directory.genesis.read_bytes())
        tags = ChainTags(genesis["chain_id"], bytes.fromhex(genesis["genesis_digest"]))
        cluster = Cluster(nodes, tags, wallets)
        try:
            for node in cluster.validators:
                node.start()
            for node in cluster.validators:
                _wait_ready(node)
            yield cluster
        finally:
            cluster.client.close()
            for node in nodes:
                if node.starts:
                    node.process.ask_to_stop()
            for node in nodes:
                if node.starts:
                    node.stop()


def verifiers(validators: int) -> int:
    """Return how many processes of each node verify signatures: a core each, at least one."""
    return max(1, len(os.sched_getaffinity(0)) // validators)


def _wait_ready(node: NodeProcess) -> None:
    node.process.wait_until(lambda: node.status() is not None, START_WAIT_S)


def _extras(workers: int, store: Mapping[str, str]) -> Extras:
    return Extras(
        {
            "store": store,
            "check_invariants": False,
            "signatures": {"workers": workers},
            "http": {"quotas": dict.fromkeys(POLICIES, 1_000_000_000)},
            "log": {"level": "warning"},
        }
    )

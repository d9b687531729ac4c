"""Networks of real node processes and pre-signed transfers for them."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import msgpack
import psutil
from prometheus_client.parser import text_string_to_metric_families

from aitbc import ChainTags, SigningKey, action_array, sign_transaction
from devnet.network.configuration import Extras, direct_wiring, write_config
from devnet.network.directory import DevnetDirectory
from devnet.network.node import NodeProcess
from devnet.network.plan import Shape, plan_nodes
from devnet.network.ports import FreePorts
from devnet.network.provision import ChainWish, provision
from ledger.params import Parameters

FEE_NAIT: Final = 10_000
"""Above the fee of a transfer between accounts that exist."""

VALIDITY_MS: Final = 500_000
"""Pre-signed transactions stay valid through all runs of a benchmark."""

REQUEST_TIMEOUT_S: Final = 120.0

WAIT_S: Final = 120.0
"""Limit of everything that is waited for."""

_EXTRAS: Final = Extras(
    {
        "check_invariants": False,
        "signatures": {"workers": 1},
        "http": {"quotas": {"other": 1_000_000_000}},
        "log": {"level": "warning"},
    }
)


@dataclass(frozen=True, slots=True)
class Traffic:
    """What the nodes of a network have sent each other since they started."""

    frames: float
    """Messages."""
    bytes: float
    """Their bytes."""
    frames_of: dict[str, float]
    """Messages by kind."""


class Cluster:
    """Nodes that run, and accounts that can send."""

    def __init__(
        self, nodes: Sequence[NodeProcess], tags: ChainTags, keys: Sequence[SigningKey]
    ) -> None:
        """Name what runs; `running_cluster` starts it."""
        self.nodes = list(nodes)
        self.tags = tags
        self.keys = keys
        self._sent = 0

    @property
    def validators(self) -> list[NodeProcess]:
        """Nodes with a validator key."""
        return [node for node in self.nodes if node.plan.key]

    @property
    def followers(self) -> list[NodeProcess]:
        """Nodes that follow; they do not run until somebody starts them."""
        return [node for node in self.nodes if not node.plan.key]

    def transfers(self, count: int) -> list[bytes]:
        """Sign `count` transfers of one nait, round robin over the accounts."""
        valid_until_ms = time.time_ns() // 1_000_000 + VALIDITY_MS
        signed = []
        for index in range(self._sent, self._sent + count):
            sender = self.keys[index % len(self.keys)]
            receiver = self.keys[(index * 7 + 1) % len(self.keys)]
            action = action_array("transfer", to=receiver.address, amount=1)
            signed.append(
                sign_transaction(
                    self.tags, sender, action, fee=FEE_NAIT, valid_until_ms=valid_until_ms
                ).signed
            )
        self._sent += count
        return signed

    def height(self, node: NodeProcess) -> int:
        """Return a node's final height."""
        return int(self.status(node)["height"])

    def status(self, node: NodeProcess) -> dict[str, Any]:
        """Return where a node stands.

        Raises:
            RuntimeError: it does not answer.
        """
        status = node.status()
        if status is None:
            raise RuntimeError(f"{node.name} does not answer")
        return status

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
        for node in self.validators:
            text = httpx.get(f"{node.url}/metrics", timeout=REQUEST_TIMEOUT_S).text
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    if sample.labels.get("direction") != "sent":
                        continue
                    if sample.name == "aitbc_p2p_frames_total":
                        kind = sample.labels["kind"]
                        frames[kind] = frames.get(kind, 0.0) + sample.value
                    elif sample.name == "aitbc_p2p_bytes_total":
                        size += sample.value
        return Traffic(sum(frames.values()), size, frames)

    def cpu_seconds(self) -> float:
        """Return what the validators' processes and their workers have used, all together."""
        total = 0.0
        for node in self.validators:
            root = psutil.Process(node.process.pid)
            for process in (root, *root.children(recursive=True)):
                used = process.cpu_times()
                total += used.user + used.system
        return total


def post_final(client: httpx.Client, node: NodeProcess, batch: Sequence[bytes]) -> None:
    """Send transactions to a node, and return when all are final there.

    Raises:
        RuntimeError: one of them is not.
    """
    answer = client.post(
        f"{node.url}/v1/chain/transactions?wait=final",
        content=msgpack.packb(list(batch)),
        headers={"Content-Type": "application/msgpack"},
    )
    answer.raise_for_status()
    statuses = {item["status"] for item in answer.json()["transactions"]}
    if statuses != {"final"}:
        raise RuntimeError(f"{node.name} answered {statuses} where all should be final")


def wait_for(what: str, holds: Callable[[], bool]) -> None:
    """Wait until a condition, asked again and again, holds.

    Raises:
        RuntimeError: it does not in time.
    """
    deadline = time.monotonic() + WAIT_S
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not happen within {WAIT_S:.0f} s")
        time.sleep(0.002)


@contextmanager
def running_cluster(
    folder: Path, validators: int, followers: int, accounts: int
) -> Iterator[Cluster]:
    """Run validators below `folder` until the block ends; followers are made and not started."""
    keys = [SigningKey.generate() for _ in range(accounts)]
    directory = DevnetDirectory(folder)
    free = FreePorts()
    shape = Shape(validators, followers, 0)
    plans = plan_nodes(shape, (free.take(),), free)
    wish = ChainWish(
        shape,
        time.time_ns() // 1_000_000,
        Parameters(),
        [key.address for key in keys],
    )
    with directory:
        provision(directory, wish)
        for plan in plans:
            write_config(directory, plan, direct_wiring(plan, plans), _EXTRAS)
        nodes = [NodeProcess(directory, plan) for plan in plans]
        genesis = json.loads(directory.genesis.read_bytes())
        tags = ChainTags(genesis["chain_id"], bytes.fromhex(genesis["genesis_digest"]))
        cluster = Cluster(nodes, tags, keys)
        try:
            for node in cluster.validators:
                node.start()
            for node in cluster.validators:
                node.wait_ready()
            yield cluster
        finally:
            for node in nodes:
                if node.starts:
                    node.process.ask_to_stop()
            for node in nodes:
                if node.starts:
                    node.stop()

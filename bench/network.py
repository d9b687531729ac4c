"""Validators on this machine: transfers to final, latency, traffic, failover, catching up."""

import argparse
import contextlib
import itertools
import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path

import httpx
import msgpack

from bench.cluster import (
    REQUEST_TIMEOUT_S,
    Cluster,
    Traffic,
    post_final,
    running_cluster,
    wait_for,
)
from bench.machine import (
    Figure,
    as_json,
    describe_machine,
    machine_lines,
    physical_limits,
    sqlite_mode,
)
from devnet.network.node import NodeProcess

BATCH = 500
"""Transactions in one request."""

CONNECTIONS = 4
"""Requests in flight, spread over the validators; each waits until its batch is final."""


def main(arguments: list[str]) -> int:
    """Run the benchmark and print its report; `--json` prints one object."""
    options = _options(arguments)
    machine = describe_machine()
    with tempfile.TemporaryDirectory(prefix="aitbc-bench-", dir=options.folder) as name:
        folder = Path(name)
        figures = physical_limits(folder)
        with running_cluster(
            folder / "network", options.validators, 1, options.accounts
        ) as cluster:
            figures += _measured(cluster, options)
        database = next((folder / "network").rglob("chain.db"))
        mode = sqlite_mode(f"sqlite:///{database}")
    topology = (
        f"client and {options.validators} validator processes on this machine, TLS between them, "
        f"loopback HTTP, MessagePack, {CONNECTIONS} connections, {options.accounts} accounts, "
        "to durable commit"
    )
    if options.json:
        print(json.dumps(as_json(machine, figures) | {"sqlite": mode, "topology": topology}))
        return 0
    print(*machine_lines(machine), sep="\n")
    print(f"store     SQLite, journal {mode['journal_mode']}, synchronous {mode['synchronous']}")
    print(f"topology  {topology}\n")
    print(*(figure.line() for figure in figures), sep="\n")
    return 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench network", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--validators", type=int, default=4, help="validator processes")
    parser.add_argument("--transfers", type=int, default=10_000, help="transfers in each run")
    parser.add_argument("--accounts", type=int, default=2_000, help="accounts that send")
    parser.add_argument("--runs", type=int, default=3, help="runs whose median is reported")
    parser.add_argument("--samples", type=int, default=200, help="transfers at light load")
    parser.add_argument("--kills", type=int, default=5, help="leaders to kill")
    parser.add_argument("--folder", type=Path, help="where the databases are written")
    return parser.parse_args(arguments)


def _measured(cluster: Cluster, options: argparse.Namespace) -> list[Figure]:
    with httpx.Client(timeout=REQUEST_TIMEOUT_S) as client:
        post_final(client, cluster.nodes[0], cluster.transfers(BATCH))
    figures = _full_load(cluster, options)
    growth = figures[0].median
    figures += _light_load(cluster, options.samples)
    figures += _catch_up(cluster, growth)
    if options.validators > 3 and options.kills:
        figures.append(_failover(cluster, options.kills))
    return figures


def _full_load(cluster: Cluster, options: argparse.Namespace) -> list[Figure]:
    """Send batches to all validators at once, as fast as they become final."""
    rates, cpu, frames, sizes = [], [], [], []
    for _ in range(options.runs):
        signed = cluster.transfers(options.transfers)
        batches = [signed[at : at + BATCH] for at in range(0, len(signed), BATCH)]
        before, used, height = cluster.traffic(), cluster.cpu_seconds(), _height(cluster)
        began = time.perf_counter()
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(lambda item: _send(cluster, *item), enumerate(batches)))
        took = time.perf_counter() - began
        after, blocks = cluster.traffic(), _height(cluster) - height
        rates.append(len(signed) / took)
        spent = (cluster.cpu_seconds() - used) / options.validators
        cpu.append(spent / len(signed) * 1e6)
        frames.append((after.frames - before.frames) / blocks)
        sizes.append((after.bytes - before.bytes) / len(signed))
    return [
        Figure.of(f"transfers over HTTP in batches of {BATCH}, to final", "1/s", rates),
        Figure.of("  processor time of a validator, per transfer", "µs", cpu),
        Figure.of("  messages between validators, per block", "", frames),
        Figure.of("  bytes between validators, per transfer", "B", sizes),
    ]


def _send(cluster: Cluster, number: int, batch: list[bytes]) -> None:
    node = cluster.validators[number % len(cluster.validators)]
    with httpx.Client(timeout=REQUEST_TIMEOUT_S) as client:
        post_final(client, node, batch)


def _light_load(cluster: Cluster, samples: int) -> list[Figure]:
    """Have one transfer in flight, at one validator after the other."""
    took: list[float] = []
    signed = cluster.transfers(samples)
    before, height = cluster.traffic(), _height(cluster)
    with httpx.Client(timeout=REQUEST_TIMEOUT_S) as client:
        for number, each in enumerate(signed):
            node = cluster.validators[number % len(cluster.validators)]
            began = time.perf_counter()
            post_final(client, node, [each])
            took.append((time.perf_counter() - began) * 1_000)
    blocks = max(1, _height(cluster) - height)
    traffic = _since(before, cluster.traffic())
    took.sort()
    return [
        Figure.of("one transfer in flight, submission to final", "ms", took),
        Figure.of("  the same, 95th percentile", "ms", [took[len(took) * 95 // 100]]),
        Figure.of("  the same, 99th percentile", "ms", [took[len(took) * 99 // 100]]),
        Figure.of("  messages between validators, per block", "", [traffic.frames / blocks]),
        *(
            Figure.of(f"    {kind}", "", [count / blocks])
            for kind, count in sorted(traffic.frames_of.items(), key=itemgetter(1), reverse=True)
            if count >= blocks / 2
        ),
        Figure.of("  bytes between validators, per block", "B", [traffic.bytes / blocks]),
    ]


def _catch_up(cluster: Cluster, growth: float) -> list[Figure]:
    """Start a follower with an empty folder, and see how fast it takes the chain in."""
    follower, target = cluster.followers[0], _height(cluster)
    follower.start()
    follower.wait_ready()
    first, began = cluster.height(follower), time.perf_counter()
    wait_for("catching up", lambda: cluster.height(follower) >= target)
    took = time.perf_counter() - began
    rate = _transactions_between(cluster, first, target) / took
    follower.stop()
    return [
        Figure.of("a follower catches up from genesis, transfers", "1/s", [rate]),
        Figure.of("  against the chain's growth under full load", "x", [rate / growth]),
    ]


def _transactions_between(cluster: Cluster, first: int, last: int) -> int:
    """Return how many transactions the blocks above `first` up to `last` have."""
    url = cluster.nodes[0].url
    with httpx.Client(timeout=REQUEST_TIMEOUT_S) as client:
        counts = [
            client.get(f"{url}/v1/chain/blocks/{height}").json()["transaction_count"]
            for height in range(first + 1, last + 1)
        ]
    return sum(counts)


def _failover(cluster: Cluster, kills: int) -> Figure:
    """Kill the leader under light load, again and again, and time the next final block."""
    took = []
    for _ in range(kills):
        with _light_traffic(cluster):
            victim = cluster.leader()
            witness = next(node for node in cluster.validators if node is not victim)
            victim.kill()
            height, began = cluster.height(witness), time.perf_counter()
            wait_for("the next block", _rises(cluster, witness, height))
            took.append((time.perf_counter() - began) * 1_000)
        victim.start()
        victim.wait_ready()
        wait_for("its return", _has_reached(cluster, victim, cluster.height(witness)))
    return Figure.of("leader killed, to the next final block", "ms", took)


def _rises(cluster: Cluster, node: NodeProcess, height: int) -> Callable[[], bool]:
    return lambda: cluster.height(node) > height


def _has_reached(cluster: Cluster, node: NodeProcess, height: int) -> Callable[[], bool]:
    return lambda: cluster.height(node) >= height


@contextmanager
def _light_traffic(cluster: Cluster) -> Iterator[None]:
    """Send a transfer every 50 ms to each validator in turn, whether it is there or not."""
    stop = threading.Event()

    def send() -> None:
        with httpx.Client(timeout=REQUEST_TIMEOUT_S) as client:
            for number in itertools.count():
                if stop.wait(0.05):
                    return
                node = cluster.validators[number % len(cluster.validators)]
                (signed,) = cluster.transfers(1)
                with contextlib.suppress(httpx.TransportError):
                    client.post(
                        f"{node.url}/v1/chain/transactions",
                        content=msgpack.packb(signed),
                        headers={"Content-Type": "application/msgpack"},
                    )

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _height(cluster: Cluster) -> int:
    return cluster.height(cluster.nodes[0])


def _since(before: Traffic, after: Traffic) -> Traffic:
    kinds = {kind: count - before.frames_of.get(kind, 0) for kind, count in after.frames_of.items()}
    return Traffic(after.frames - before.frames, after.bytes - before.bytes, kinds)

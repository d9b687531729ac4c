"""One node over HTTP: transfers a second until final, and latency at light load."""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from bench.cluster import REQUEST_TIMEOUT_S, Cluster, post_final, running_cluster
from bench.machine import (
    Figure,
    as_json,
    describe_machine,
    machine_lines,
    physical_limits,
    sqlite_mode,
)

BATCH = 500
"""Transactions in one request."""

CONNECTIONS = 4
"""Requests in flight; each waits until its batch is final."""

LIGHT_SAMPLES = 200
"""Single transactions, one in flight."""


def main(arguments: list[str]) -> int:
    """Run the benchmark and print its report; `--json` prints one object."""
    parser = argparse.ArgumentParser(prog="./dev bench node", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--transfers", type=int, default=10_000, help="transfers in each run")
    parser.add_argument("--accounts", type=int, default=2_000, help="accounts that send")
    parser.add_argument("--runs", type=int, default=3, help="runs whose median is reported")
    options = parser.parse_args(arguments)
    machine = describe_machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = physical_limits(folder)
        with running_cluster(folder / "network", 1, 0, options.accounts) as cluster:
            figures += _measured(cluster, options)
        database = next((folder / "network").rglob("chain.db"))
        mode = sqlite_mode(f"sqlite:///{database}")
    topology = (
        f"client and one validator process on this machine, loopback HTTP, MessagePack, "
        f"{CONNECTIONS} connections, {options.accounts} accounts, to durable commit"
    )
    if options.json:
        print(json.dumps(as_json(machine, figures) | {"sqlite": mode, "topology": topology}))
        return 0
    print(*machine_lines(machine), sep="\n")
    print(f"store     SQLite, journal {mode['journal_mode']}, synchronous {mode['synchronous']}")
    print(f"topology  {topology}\n")
    print(*(figure.line() for figure in figures), sep="\n")
    return 0


def _measured(cluster: Cluster, options: argparse.Namespace) -> list[Figure]:
    _warm_up(cluster)
    rates = [_throughput(cluster, options.transfers) for _ in range(options.runs)]
    latencies = sorted(_light_load(cluster))
    return [
        Figure.of(f"transfers over HTTP in batches of {BATCH}, to final", "1/s", rates),
        Figure.of("one transfer in flight, submission to final", "ms", latencies),
        Figure.of("  the same, 95th percentile", "ms", [latencies[len(latencies) * 95 // 100]]),
        Figure.of("  the same, 99th percentile", "ms", [latencies[len(latencies) * 99 // 100]]),
    ]


def _warm_up(cluster: Cluster) -> None:
    _send(cluster, cluster.transfers(BATCH))


def _throughput(cluster: Cluster, count: int) -> float:
    signed = cluster.transfers(count)
    batches = [signed[at : at + BATCH] for at in range(0, count, BATCH)]
    began = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(lambda batch: _send(cluster, batch), batches))
    return count / (time.perf_counter() - began)


def _light_load(cluster: Cluster) -> list[float]:
    latencies = []
    with httpx.Client(timeout=REQUEST_TIMEOUT_S) as client:
        for signed in cluster.transfers(LIGHT_SAMPLES):
            began = time.perf_counter()
            post_final(client, cluster.nodes[0], [signed])
            latencies.append((time.perf_counter() - began) * 1_000)
    return latencies


def _send(cluster: Cluster, batch: Sequence[bytes]) -> None:
    with httpx.Client(timeout=REQUEST_TIMEOUT_S) as client:
        post_final(client, cluster.nodes[0], batch)

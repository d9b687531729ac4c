"""One validator over HTTP: transfers to final, latency, memory, start-up, at any size of state.

Transfers are signed before they are sent. One after the other: latency with one in flight, the
load, the memory of the node's processes, the index catching up, and starts with what is on disk.
"""

import argparse
import time
from collections.abc import Mapping, Sequence

import httpx

from bench.cluster import Cluster, memory_of, running_cluster, verifiers, wait_for
from bench.databases import ENGINES, databases_of
from bench.figures import percentile
from bench.load import (
    BATCH,
    CONNECTIONS,
    WINDOW,
    Delivered,
    deliver,
    light_load,
    post_final,
    window_rates,
)
from bench.machine import store_mode
from bench.run import Run, benchmark_parser, positive, run_benchmark
from bench.wallets import Wallets, batches_of

ROUND = 200_000
"""Transfers signed at once; the node rests while the next are signed."""

LAST = 100_000
"""Transfers at the end of a long load whose rate is told apart."""

INDEX_WAIT_S = 1_800.0
"""Limit of the index's catching up."""


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark and print its report; `--json` prints one object."""
    parser = benchmark_parser("node", __doc__)
    parser.add_argument("--accounts", type=positive, default=10_000, help="accounts at genesis")
    parser.add_argument("--transactions", type=positive, default=100_000, help="transfers sent")
    parser.add_argument("--batch", type=positive, default=BATCH, help="transfers in a request")
    parser.add_argument(
        "--connections", type=positive, default=CONNECTIONS, help="requests in flight"
    )
    parser.add_argument("--samples", type=positive, default=500, help="single transfers in a run")
    parser.add_argument("--engine", choices=ENGINES, default="sqlite", help="of the databases")
    return run_benchmark("node", parser, arguments, _measure)


def _measure(run: Run) -> None:
    options = run.options
    wallets = Wallets(options.accounts, processes=verifiers(1))
    run.say(f"making a chain with {options.accounts:,} accounts")
    with databases_of(options.engine, options.folder) as databases:
        with running_cluster(run.folder, 1, 0, wallets, databases) as cluster:
            run.say("running; one transfer in flight")
            _latency(run, cluster)
            _load(run, cluster)
            _memory(run, cluster)
            _index(run, cluster)
            _starts(run, cluster)
        run.mode.update(_mode(run, databases))
    run.workload.update(
        accounts=options.accounts,
        transactions=options.transactions,
        batch=options.batch,
        connections=options.connections,
        engine=options.engine,
    )


def _latency(run: Run, cluster: Cluster) -> None:
    """Have one transfer in flight; the middle and the tail of each run."""
    light_load(cluster.client, cluster.urls, cluster.transfers(10))
    runs = [
        light_load(cluster.client, cluster.urls, cluster.transfers(run.options.samples))
        for _ in range(run.runs)
    ]
    for percent in (50, 99):
        values = [percentile(each, percent) for each in runs]
        name = f"one transfer in flight, to final, p{percent}"
        run.add(f"node.latency.p{percent}", name, "ms", values, run.limits.append)


def _load(run: Run, cluster: Cluster) -> None:
    """Send batches as fast as they become final."""
    options = run.options
    post_final(cluster.client, cluster.urls[0], cluster.transfers(options.batch))
    window = min(WINDOW, max(options.batch, options.transactions // 5))
    rates: list[float] = []
    seconds_used, client_used, sent, looks, late = 0.0, 0.0, 0, 0.0, 0.0
    while sent < options.transactions:
        count = min(ROUND, options.transactions - sent)
        signed = cluster.transfers(count)
        used, before = cluster.cpu_seconds(), cluster.loop_looks(cluster.nodes[0])
        client_before = time.process_time()
        delivered = _deliver(cluster, signed, options)
        client_used += time.process_time() - client_before
        seconds_used += cluster.cpu_seconds() - used
        after = cluster.loop_looks(cluster.nodes[0])
        looks, late = looks + after[0] - before[0], late + after[1] - before[1]
        sent += count
        rates += window_rates(delivered, window) or [count / delivered[-1].at_s]
        run.say(f"{sent:,} transfers, the newest {rates[-1]:,.0f}/s")
    name = f"transfers in batches of {options.batch}, to final"
    run.add("node.rate", name, "1/s", rates, run.limits.cores)
    if sent > LAST:
        name = f"  the last {LAST:,} of them"
        run.add("node.rate.last", name, "1/s", rates[-LAST // window :], run.limits.cores)
    run.add(
        "node.cpu", "  processor time of the node, a transfer", "µs", [seconds_used / sent * 1e6]
    )
    run.add("node.client.cpu", "  and of the client", "µs", [client_used / sent * 1e6])
    late_share = late / looks * 100 if looks else 0.0
    run.add("node.loop.late", "  event loop late by over 20 ms, of all looks", "%", [late_share])


def _deliver(
    cluster: Cluster, signed: Sequence[bytes], options: argparse.Namespace
) -> list[Delivered]:
    batches = batches_of(signed, options.batch)
    url = cluster.urls[0]

    def send(client: httpx.Client, number: int) -> int:
        return post_final(client, url, batches[number])

    return deliver(len(batches), options.connections, send)


def _memory(run: Run, cluster: Cluster) -> None:
    sizes = memory_of(cluster.nodes[0])
    run.add("node.memory", "memory of the node's processes (PSS)", "MiB", [sum(sizes.values())])
    for name, size in sizes.items():
        run.add(f"node.memory.{name}", f"  {name}", "MiB", [size])


def _index(run: Run, cluster: Cluster) -> None:
    node = cluster.nodes[0]
    status = cluster.status(node)
    behind = status["height"] - status["indexed_height"]
    run.add("node.index.behind", "blocks that the index is behind after the load", "", [behind])
    run.say(f"the index is {behind:,} blocks behind")
    took = wait_for("the index's catching up", lambda: _is_indexed(cluster), INDEX_WAIT_S)
    run.add("node.index.caught_up", "  until it has caught up", "s", [took])


def _is_indexed(cluster: Cluster) -> bool:
    status = cluster.status(cluster.nodes[0])
    return bool(status["indexed_height"] >= status["height"])


def _starts(run: Run, cluster: Cluster) -> None:
    """Start it again after it was stopped, and after it was killed."""
    node = cluster.nodes[0]
    for key, how, end in (("stop", "was stopped", node.stop), ("kill", "was killed", node.kill)):
        took, used = [], []
        for _ in range(min(run.runs, 3)):
            end()
            took.append(cluster.start(node))
            used.append(cluster.cpu_seconds())
        run.add(f"node.start.{key}", f"start of a node that {how}", "s", took)
        run.add(f"node.start.{key}.cpu", "  processor time of it", "s", used)
        run.say(f"started after it {how}: {took[-1]:.1f} s")


def _mode(run: Run, databases: Mapping[str, str]) -> dict[str, str]:
    chain_url = databases.get("chain_url") or f"sqlite:///{next(run.folder.rglob('chain.db'))}"
    return store_mode(chain_url) | {
        "topology": f"client and one validator on this machine, {verifiers(1)} processes verify; "
        "loopback HTTP, MessagePack, to durable commit"
    }

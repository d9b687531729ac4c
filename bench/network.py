"""Validators on this machine: transfers to final, latency, traffic, failover, catching up."""

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter

import httpx
import msgpack

from bench.cluster import Cluster, running_cluster, verifiers, wait_for
from bench.figures import percentile
from bench.load import (
    BATCH,
    CONNECTIONS,
    deliver,
    light_load,
    plain_client,
    post_final,
    window_rates,
)
from bench.machine import store_mode
from bench.run import Run, benchmark_parser, positive, run_benchmark
from bench.wallets import Wallets, batches_of
from devnet.network.node import NodeProcess

WINDOW = 5_000
"""Transfers between two readings of the rate; some blocks of each of four validators."""

LIGHT_PAUSE_S = 0.05
"""Between two transfers of the light load under which leaders are killed."""


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark and print its report; `--json` prints one object."""
    parser = benchmark_parser("network", __doc__)
    parser.add_argument("--validators", type=positive, default=4, help="validator processes")
    parser.add_argument("--accounts", type=positive, default=10_000, help="accounts at genesis")
    parser.add_argument("--transactions", type=positive, default=50_000, help="transfers sent")
    parser.add_argument("--batch", type=positive, default=BATCH, help="transfers in a request")
    parser.add_argument(
        "--connections", type=positive, default=CONNECTIONS, help="requests in flight"
    )
    parser.add_argument("--samples", type=positive, default=200, help="single transfers in a run")
    parser.add_argument("--kills", type=int, default=5, help="leaders to kill; 0 leaves it out")
    return run_benchmark("network", parser, arguments, _measure)


def _measure(run: Run) -> None:
    options = run.options
    validators = options.validators
    wallets = Wallets(options.accounts, processes=verifiers(1))
    run.say(f"making a chain with {options.accounts:,} accounts and {validators} validators")
    with running_cluster(run.folder, validators, 1, wallets, in_one=run.quick) as cluster:
        run.say("running; one transfer in flight")
        _light(run, cluster)
        run.say("full load")
        growth = _full_load(run, cluster)
        run.say("a follower catches up")
        _catch_up(run, cluster, growth)
        if validators > 3 and options.kills:
            run.say("leaders die")
            _failover(run, cluster)
    database = next(run.folder.rglob("chain.db"))
    run.mode.update(store_mode(f"sqlite:///{database}"))
    others = f"{verifiers(validators)} more of each verify" if not run.quick else "each in one"
    run.mode["topology"] = (
        f"client and {validators} validator processes on this machine, {others}; "
        "TLS between them, loopback HTTP, MessagePack, to durable commit"
    )
    run.workload.update(
        validators=validators,
        accounts=options.accounts,
        transactions=options.transactions,
        batch=options.batch,
        connections=options.connections,
    )


def _full_load(run: Run, cluster: Cluster) -> float:
    """Send batches to all validators at once, as fast as they become final; return the rate."""
    options, urls = run.options, cluster.urls
    post_final(cluster.client, urls[0], cluster.transfers(options.batch))
    batches = batches_of(cluster.transfers(options.transactions), options.batch)
    before, used, height = cluster.traffic(), cluster.cpu_seconds(), _height(cluster)

    def send(client: httpx.Client, number: int) -> int:
        return post_final(client, urls[number % len(urls)], batches[number])

    delivered = deliver(len(batches), options.connections, send)
    traffic, blocks = cluster.traffic().since(before), _height(cluster) - height
    count = options.transactions
    spent = (cluster.cpu_seconds() - used) / options.validators
    window = min(WINDOW, max(options.batch, count // 5))
    rates = window_rates(delivered, window) or [count / delivered[-1].at_s]
    name = f"transfers in batches of {options.batch}, to final"
    rate = run.add("network.rate", name, "1/s", rates, run.limits.cores)
    cpu_us = spent / count * 1e6
    run.add("network.cpu", "  processor time of a validator, a transfer", "µs", [cpu_us])
    run.add(
        "network.frames", "  messages between validators, a block", "", [traffic.frames / blocks]
    )
    run.add("network.bytes", "  bytes between validators, a transfer", "B", [traffic.bytes / count])
    return rate.median


def _light(run: Run, cluster: Cluster) -> None:
    """Have one transfer in flight, at one validator after the other."""
    light_load(cluster.client, cluster.urls, cluster.transfers(2 * len(cluster.urls)))
    before, height = cluster.traffic(), _height(cluster)
    runs = [
        light_load(cluster.client, cluster.urls, cluster.transfers(run.options.samples))
        for _ in range(run.runs)
    ]
    blocks = max(1, _height(cluster) - height)
    traffic = cluster.traffic().since(before)
    for percent in (50, 95, 99):
        values = [percentile(each, percent) for each in runs]
        name = f"one transfer in flight, to final, p{percent}"
        run.add(f"network.latency.p{percent}", name, "ms", values, run.limits.append)
    run.add(
        "network.light.frames",
        "  messages between validators, a block",
        "",
        [traffic.frames / blocks],
    )
    for kind, count in sorted(traffic.frames_of.items(), key=itemgetter(1), reverse=True):
        if count >= blocks / 2:
            run.add(f"network.light.frames.{kind}", f"    {kind}", "", [count / blocks])
    run.add(
        "network.light.bytes", "  bytes between validators, a block", "B", [traffic.bytes / blocks]
    )


def _catch_up(run: Run, cluster: Cluster, growth: float) -> None:
    """Start a follower with an empty folder, and see how fast it takes the chain in."""
    follower, target = cluster.followers[0], _height(cluster)
    cluster.start(follower)
    first, began = cluster.height(follower), time.perf_counter()
    wait_for("catching up", lambda: cluster.height(follower) >= target)
    took = time.perf_counter() - began
    rate = _transactions_between(cluster, first, target) / took
    follower.stop()
    name = "a follower catches up from genesis, transfers"
    run.add("network.sync.rate", name, "1/s", [rate], run.limits.cores)
    name = "  against the chain's growth under full load"
    run.add("network.sync.growth", name, "x", [rate / growth])


def _transactions_between(cluster: Cluster, first: int, last: int) -> int:
    """Return how many transactions the blocks above `first` up to `last` have."""
    url = cluster.urls[0]
    return sum(
        cluster.client.get(f"{url}/v1/chain/blocks/{height}").json()["transaction_count"]
        for height in range(first + 1, last + 1)
    )


def _failover(run: Run, cluster: Cluster) -> None:
    """Kill the leader under light load, again and again, and time the next final block."""
    took = []
    for _ in range(run.options.kills):
        with _light_traffic(cluster):
            victim = cluster.leader()
            witness = next(node for node in cluster.validators if node is not victim)
            victim.kill()
            height, began = cluster.height(witness), time.perf_counter()
            wait_for("the next block", _is_above(cluster, witness, height))
            took.append((time.perf_counter() - began) * 1e3)
        cluster.start(victim)
        wait_for("its return", _is_above(cluster, victim, cluster.height(witness) - 1))
    run.add("network.failover", "leader killed, to the next final block", "ms", took)


def _is_above(cluster: Cluster, node: NodeProcess, height: int) -> Callable[[], bool]:
    return lambda: cluster.height(node) > height


@contextmanager
def _light_traffic(cluster: Cluster) -> Iterator[None]:
    """Send a transfer every 50 ms to each validator in turn, whether it is there or not."""
    stop = threading.Event()

    def send() -> None:
        with plain_client() as client:
            for number in itertools.count():
                if stop.wait(LIGHT_PAUSE_S):
                    return
                url = cluster.urls[number % len(cluster.urls)]
                (signed,) = cluster.transfers(1)
                with contextlib.suppress(httpx.TransportError):
                    client.post(
                        f"{url}/v1/chain/transactions",
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

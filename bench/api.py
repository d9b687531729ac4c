"""The API of one node: status reads, submissions, and whole jobs, beside a route that does nothing.

The client and the node share the machine, and every figure is of the same node in the same run.
What the bare route costs is what the server costs; the share of its rate tells what a route adds.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.api_node import HELLO
from bench.cluster import Cluster, running_cluster, verifiers
from bench.exchanges import Connection, connected, keep_busy, request_bytes
from bench.figures import percentile
from bench.machine import store_mode
from bench.run import Run, benchmark_parser, positive, run_benchmark
from bench.wallets import Wallets
from bench.whole_jobs import MINERS, ORDER, SAMPLE_EVERY, race, register_miners

PERCENTS: Final = (50, 95, 99)
"""Percentiles of latencies."""

ORDERS_PER_CLIENT: Final = 8_000
"""Orders of one client: fewer than the jobs that one may have open (`open_jobs_per_client_max`)."""

PROGRAM: Final = ("bench.api_node",)
"""Runs the node with the bare route."""


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark and print its report; `--json` prints one object."""
    parser = benchmark_parser("api", __doc__)
    parser.add_argument("--requests", type=positive, default=4_000, help="of a route in a run")
    parser.add_argument("--connections", type=positive, default=16, help="requests in flight")
    parser.add_argument("--jobs", type=positive, default=1_000, help="whole jobs in a run")
    parser.add_argument("--open", type=positive, default=64, help="jobs on their way")
    parser.add_argument("--profile", type=Path, help="file for a cProfile of the node's event loop")
    return run_benchmark("api", parser, arguments, _measure)


@dataclass
class _Measured:
    """What the runs of one kind of load gave."""

    rates: list[float] = field(default_factory=list)
    """Of each run, a second."""
    latencies: dict[int, list[float]] = field(default_factory=dict)
    """Milliseconds of each run by percent."""
    cpu_us: list[float] = field(default_factory=list)
    """Processor time of the node's processes for one, of each run."""

    def add(self, rate: float, latencies_ms: Sequence[float], cpu_us: float) -> None:
        """Add a run."""
        self.rates.append(rate)
        self.cpu_us.append(cpu_us)
        for percent in PERCENTS:
            self.latencies.setdefault(percent, []).append(percentile(latencies_ms, percent))


def _measure(run: Run) -> None:
    options = run.options
    wallets = Wallets(2)
    profile = options.profile
    program = ("cProfile", "-o", str(profile), "-m", *PROGRAM) if profile else PROGRAM
    run.say("starting a node with a coordinator")
    with running_cluster(run.folder, 1, 0, wallets, coordinators=1, program=program) as cluster:
        asyncio.run(_measure_all(run, cluster))
    run.mode.update(store_mode(f"sqlite:///{next(run.folder.rglob('chain.db'))}"))
    run.mode["topology"] = (
        "client and one validator with a coordinator on this machine, "
        f"{verifiers(1)} processes verify; loopback HTTP, JSON, kept connections"
    )
    run.workload.update(
        requests=options.requests,
        connections=options.connections,
        jobs=options.jobs,
        open=options.open,
        miners=MINERS,
    )


async def _measure_all(run: Run, cluster: Cluster) -> None:
    """Measure one kind of load after the other; each first warms up, unmeasured."""
    (url,) = cluster.urls
    async with connected(url, 1) as (asker,):
        miners = await register_miners(asker)
    run.say("whole jobs")
    await race(url, miners, min(100, run.options.jobs), run.options.open)
    whole = await _whole_jobs(run, cluster, miners)
    async with connected(url, 1) as (asker,):
        newest = (await asker.ask("GET", "/v1/jobs?limit=1"))["jobs"][0]["job_id"]
    host = url.removeprefix("http://")
    run.say("the bare route, status reads and submissions in turn")
    hello = [request_bytes("GET", HELLO, host)]
    status = [request_bytes("GET", f"/v1/jobs/{newest}", host)]
    found = {name: _Measured() for name in ("hello", "status", "submit")}
    for _ in range(run.runs):
        await _requests(run, cluster, found["hello"], hello, 200)
        await _requests(run, cluster, found["status"], status, 200)
        await _requests(run, cluster, found["submit"], await _orders(run, url), 201)
    _tell(run, "hello", "the bare route", found["hello"])
    _tell(run, "status", "status reads", found["status"])
    shares = [
        mine / bare * 100
        for mine, bare in zip(found["status"].rates, found["hello"].rates, strict=True)
    ]
    run.add("api.status.share", "  of the bare route's rate", "%", shares)
    _tell(run, "submit", "submissions, to the pooled escrow", found["submit"])
    _tell(run, "whole", "whole jobs, submit to paid", whole)
    run.shown.append(
        f"  latency of whole jobs: every {SAMPLE_EVERY}th is asked for until it is paid"
    )


async def _whole_jobs(run: Run, cluster: Cluster, miners: Sequence[str]) -> _Measured:
    measured = _Measured()
    jobs, in_flight = run.options.jobs, run.options.open
    for _ in range(run.runs):
        used = cluster.cpu_seconds()
        paced = await race(cluster.urls[0], miners, jobs, in_flight)
        cpu_us = (cluster.cpu_seconds() - used) / jobs * 1e6
        measured.add(jobs / paced.seconds, paced.latencies_ms, cpu_us)
        run.say(f"{jobs:,} whole jobs, {measured.rates[-1]:,.0f}/s")
    return measured


async def _orders(run: Run, url: str) -> list[bytes]:
    """Return an order of each of as many new clients as a run's orders need.

    Nobody does these jobs, so they stay open, and one client has a bounded number of them.
    """
    count = run.options.requests + _warm_up(run)
    host = url.removeprefix("http://")
    orders = []
    async with connected(url, 1) as (asker,):
        for _ in range(-(-count // ORDERS_PER_CLIENT)):
            client = await asker.ask("POST", "/v1/clients", {"label": "bench"}, 201)
            orders.append(request_bytes("POST", "/v1/jobs", host, ORDER, client["api_key"]))
    return orders


def _warm_up(run: Run) -> int:
    return max(1, int(run.options.requests) // 20)


async def _requests(
    run: Run, cluster: Cluster, measured: _Measured, requests: Sequence[bytes], wanted: int
) -> None:
    count = run.options.requests

    async def exchange(connection: Connection, number: int) -> None:
        await connection.exchange(requests[number % len(requests)], wanted)

    async with connected(cluster.urls[0], run.options.connections) as connections:
        await keep_busy(connections, _warm_up(run), exchange)
        used = cluster.cpu_seconds()
        paced = await keep_busy(connections, count, exchange)
    cpu_us = (cluster.cpu_seconds() - used) / count * 1e6
    measured.add(paced.rate, paced.latencies_ms, cpu_us)


def _tell(run: Run, key: str, name: str, measured: _Measured) -> None:
    run.add(f"api.{key}", name, "1/s", measured.rates)
    for percent, values in sorted(measured.latencies.items()):
        run.add(f"api.{key}.p{percent}", f"  latency p{percent}", "ms", values)
    run.add(f"api.{key}.cpu", "  processor time of the node, one", "µs", measured.cpu_us)

"""The explorer's pages over a long chain: bytes, requests, and how long the server takes.

The history is made once and kept: transfers and jobs through the real ledger into a node's store.
A real node then indexes it and serves the pages, alone; its peers do not exist.
"""

import argparse
import http.client
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bench.explorer_chain import Extent, History
from bench.explorer_node import KEPT, served_history
from bench.explorer_pages import (
    P95_MS_MAX,
    PAGE_BYTES_MAX,
    REQUESTS_MAX,
    SCRIPTS_BYTES_MAX,
    STATS_SCRIPTS_BYTES_MAX,
    STYLE_BYTES_MAX,
    PageCost,
    page_cost,
)
from bench.figures import percentile
from bench.run import Run, benchmark_parser, positive, run_benchmark
from ledger.keys import format_address

QUICK: Final = (300, 3_000)
"""Blocks and transactions of a quick run."""

SEED: Final = 1


@dataclass(frozen=True, slots=True)
class Subject:
    """A kind of page."""

    name: str
    """Its name, part of its figures' keys."""
    path: Callable[[random.Random], str]
    """Chooses one of that kind."""


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark and print its report; `--json` prints one object."""
    parser = benchmark_parser("explorer", __doc__)
    parser.add_argument("--blocks", type=positive, help="blocks of the history, by default 100,000")
    parser.add_argument(
        "--transactions", type=positive, help="transactions of the history, by default 1,000,000"
    )
    parser.add_argument("--samples", type=positive, default=40, help="pages of a kind in a run")
    parser.add_argument("--kept", type=Path, default=KEPT, help="where histories are kept")
    return run_benchmark("explorer", parser, arguments, _measure)


def _measure(run: Run) -> None:
    blocks, transactions = _size(run.options)
    extent = Extent(blocks, transactions, SEED)
    with served_history(extent, run.say, run.options.kept) as served:
        run.shown.append(_heading())
        for subject in subjects(served.history):
            _page(run, served.url, subject)
    run.mode["serves"] = "one node process beside nothing else, index and chain in SQLite files"
    run.workload.update(blocks=blocks, transactions=transactions, seed=SEED)


def _size(options: argparse.Namespace) -> tuple[int, int]:
    blocks, transactions = QUICK if options.quick else (100_000, 1_000_000)
    return options.blocks or blocks, options.transactions or transactions


def subjects(history: History) -> list[Subject]:
    """Return every kind of page, with objects from all over a history."""
    objects = history.objects

    def of(kind: str, form: str) -> Callable[[random.Random], str]:
        return lambda chance: form.format(chance.choice(objects[kind]))

    def address(kind: str, form: str) -> Callable[[random.Random], str]:
        return lambda chance: form.format(
            format_address(bytes.fromhex(chance.choice(objects[kind])))
        )

    def height(form: str) -> Callable[[random.Random], str]:
        return lambda chance: form.format(chance.randint(1, history.blocks))

    def same(path: str) -> Callable[[random.Random], str]:
        return lambda _: path

    return [
        Subject("home", same("/")),
        Subject("blocks", same("/blocks")),
        Subject("blocks, somewhere", height("/blocks?before={}")),
        Subject("block", height("/blocks/{}")),
        Subject("block by id", of("block", "/blocks/{}")),
        Subject("transactions", same("/transactions")),
        Subject("transaction", of("transaction", "/transactions/{}")),
        Subject("jobs", same("/jobs")),
        Subject("jobs, failed", same("/jobs?phase=failed")),
        Subject("job", of("job", "/jobs/{}")),
        Subject("receipts", same("/receipts")),
        Subject("receipt", of("receipt", "/receipts/{}")),
        Subject("account", address("account", "/accounts/{}")),
        Subject("miners", same("/miners")),
        Subject("miner", address("miner", "/miners/{}")),
        Subject("validators", same("/validators")),
        Subject("market", same("/market")),
        Subject("stats", same("/stats")),
        Subject("search, a prefix", of("transaction", "/search?q={:.8}")),
        Subject("search, nothing", same("/search?q=ffffffffffffffff")),
    ]


class _Visitor:
    """Asks for pages one after the other on a connection that is kept."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)

    def open(self, path: str) -> tuple[bytes, float]:
        """Return a page and the milliseconds until its last byte; searches are followed."""
        began = time.perf_counter()
        self._connection.request("GET", path)
        answer = self._connection.getresponse()
        body = answer.read()
        took_ms = (time.perf_counter() - began) * 1_000
        if answer.status == http.client.FOUND:
            return self.open(answer.headers["Location"])
        if answer.status != http.client.OK:
            raise RuntimeError(f"{path} answers {answer.status}")
        return body, took_ms

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _page(run: Run, url: str, subject: Subject) -> None:
    """Measure one kind of page and show its line."""
    chance, samples = random.Random(SEED), 5 if run.quick else int(run.options.samples)
    visitor = _Visitor(url)
    stored: dict[str, bytes] = {}

    def load(address: str) -> bytes:
        if address not in stored:
            stored[address] = visitor.open(address)[0]
        return stored[address]

    middles, tails, costs = [], [], list[PageCost]()
    visitor.open(subject.path(chance))
    for _ in range(1 if run.quick else run.runs):
        times = []
        for _ in range(samples):
            body, took_ms = visitor.open(subject.path(chance))
            times.append(took_ms)
            costs.append(page_cost(body, load))
        middles.append(percentile(times, 50))
        tails.append(percentile(times, 95))
    visitor.close()
    largest = max(costs, key=lambda cost: cost.page_bytes)
    key = "explorer." + subject.name.replace(", ", ".").replace(" ", "-")
    bytes_gz = run.keep(f"{key}.bytes", subject.name, "B", [c.page_bytes for c in costs])
    requests = run.keep(f"{key}.requests", subject.name, "", [c.requests for c in costs])
    middle = run.keep(f"{key}.p50", subject.name, "ms", middles)
    tail = run.keep(f"{key}.p95", subject.name, "ms", tails)
    faults = over_budget(subject.name, largest, tail.median)
    run.shown.append(
        f"{subject.name:<20}{bytes_gz.high:>9,.0f}{largest.script_bytes:>9,}"
        f"{largest.style_bytes:>8,}{requests.high:>10.0f}{middle.median:>9.1f}"
        f"{tail.median:>9.1f}  {'; '.join(faults) or 'within'}"
    )


def over_budget(name: str, cost: PageCost, p95_ms: float) -> list[str]:
    """Return which budgets a page is over, in words."""
    scripts_max = STATS_SCRIPTS_BYTES_MAX if name == "stats" else SCRIPTS_BYTES_MAX
    limits = (
        ("page", cost.page_bytes, PAGE_BYTES_MAX),
        ("scripts", cost.script_bytes, scripts_max),
        ("style", cost.style_bytes, STYLE_BYTES_MAX),
        ("requests", cost.requests, REQUESTS_MAX),
        ("p95", p95_ms, P95_MS_MAX),
        ("other hosts", len(cost.foreign), 0),
    )
    return [f"{what} over {most:,.0f}" for what, value, most in limits if value > most]


def _heading() -> str:
    return (
        f"{'page':<20}{'bytes gz':>9}{'scripts':>9}{'style':>8}{'requests':>10}{'p50 ms':>9}"
        f"{'p95 ms':>9}  budgets\n"
        f"{'at most':<20}{PAGE_BYTES_MAX:>9,}{SCRIPTS_BYTES_MAX:>9,}{STYLE_BYTES_MAX:>8,}"
        f"{REQUESTS_MAX:>10}{'':>9}{P95_MS_MAX:>9.0f}"
    )

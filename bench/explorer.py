"""The explorer's pages over a long chain: bytes, requests, and how long the server takes.

The history is made once and kept: transfers and jobs through the real ledger into a node's store.
A real node then indexes it and serves the pages, alone; its peers do not exist.
"""

import argparse
import http.client
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bench.explorer_chain import Extent
from bench.explorer_node import KEPT, served_history
from bench.explorer_pages import (
    P95_MS_MAX,
    PAGE_BYTES_MAX,
    REQUESTS_MAX,
    SCRIPTS_BYTES_MAX,
    STATS_SCRIPTS_BYTES_MAX,
    STYLE_BYTES_MAX,
    PageCost,
    bare_cost,
    page_cost,
)
from bench.explorer_subjects import Form, Subject, subjects
from bench.figures import percentile
from bench.run import Run, benchmark_parser, positive, run_benchmark

QUICK: Final = (300, 3_000)
"""Blocks and transactions of a quick run."""

SEED: Final = 1

FILES_A_RUN: Final = 5
"""Files of a kind in a run: each takes a connection of its own."""


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark and print its report; `--json` prints one object.

    Returns:
        The exit code: 1 if a budget is missed.
    """
    parser = benchmark_parser("explorer", __doc__)
    parser.add_argument("--blocks", type=positive, help="blocks of the history, by default 100,000")
    parser.add_argument(
        "--transactions",
        type=positive,
        help="transactions of the history, by default ten for each block",
    )
    parser.add_argument("--samples", type=positive, default=40, help="answers of a kind in a run")
    parser.add_argument("--kept", type=Path, default=KEPT, help="where histories are kept")
    return run_benchmark("explorer", parser, arguments, _measure)


def _measure(run: Run) -> None:
    blocks, transactions = _size(run.options)
    extent = Extent(blocks, transactions, SEED)
    with served_history(extent, run.say, run.options.kept) as served:
        run.shown.append(_heading())
        kinds = list(subjects(served.history))
        for number, subject in enumerate(kinds, 1):
            run.say(f"{number} of {len(kinds)} kinds of answers: {subject.name}")
            _answer(run, served.url, subject)
    run.mode["serves"] = "one node process beside nothing else, index and chain in SQLite files"
    run.workload.update(blocks=blocks, transactions=transactions, seed=SEED)


def _size(options: argparse.Namespace) -> tuple[int, int]:
    blocks = options.blocks or (QUICK[0] if options.quick else 100_000)
    return blocks, options.transactions or 10 * blocks


class _Visitor:
    """Asks for one thing after the other on a connection that is kept, as browsers ask."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)

    def open(self, path: str) -> tuple[bytes, float]:
        """Return an answer as it came and the milliseconds until its last byte.

        Searches are followed to what they found.
        """
        began = time.perf_counter()
        answer = self._ask(path)
        body = answer.read()
        took_ms = (time.perf_counter() - began) * 1_000
        if answer.status == http.client.FOUND:
            return self.open(answer.headers["Location"])
        return body, took_ms

    def begin(self, path: str) -> tuple[bytes, float]:
        """Return the beginning of a file and the milliseconds until it came; drop the rest."""
        began = time.perf_counter()
        answer = self._ask(path)
        head = answer.read1()
        # The line of names comes alone, before any row.
        rows = answer.read1() if head.count(b"\n") == 1 else b""
        took_ms = (time.perf_counter() - began) * 1_000
        self.close()
        return head + rows, took_ms

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        self._connection.close()

    def _ask(self, path: str) -> http.client.HTTPResponse:
        self._connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
        answer = self._connection.getresponse()
        if answer.status not in {http.client.OK, http.client.FOUND}:
            raise RuntimeError(f"{path} answers {answer.status}")
        return answer


def _answer(run: Run, url: str, subject: Subject) -> None:
    """Measure one kind of answer and show its line."""
    chance, samples = random.Random(SEED), 5 if run.quick else int(run.options.samples)
    visitor = _Visitor(url)
    ask = visitor.open
    if subject.form is Form.FILE:
        ask, samples = visitor.begin, min(samples, FILES_A_RUN)
    stored: dict[str, bytes] = {}

    def load(address: str) -> bytes:
        if address not in stored:
            stored[address] = visitor.open(address)[0]
        return stored[address]

    middles, tails, costs = [], [], list[PageCost]()
    ask(subject.path(chance))
    for _ in range(1 if run.quick else run.runs):
        times = []
        for _ in range(samples):
            sent, took_ms = ask(subject.path(chance))
            times.append(took_ms)
            costs.append(page_cost(sent, load) if subject.form is Form.PAGE else bare_cost(sent))
        middles.append(percentile(times, 50))
        tails.append(percentile(times, 95))
    visitor.close()
    _tell(run, subject, costs, (middles, tails))


def _tell(
    run: Run, subject: Subject, costs: Sequence[PageCost], times: tuple[list[float], list[float]]
) -> None:
    """Keep the figures of a kind of answer, show its line, and note the budgets that it misses."""
    largest = max(costs, key=lambda cost: cost.page_bytes)
    key = "explorer." + subject.name.strip("/").replace(", ", ".").replace(" ", "-")
    bytes_sent = run.keep(f"{key}.bytes", subject.name, "B", [c.page_bytes for c in costs])
    middle = run.keep(f"{key}.p50", subject.name, "ms", times[0])
    tail = run.keep(f"{key}.p95", subject.name, "ms", times[1])
    faults = over_budget(subject.name, largest, tail.median)
    loads = " " * 27
    if subject.form is Form.PAGE:
        requests = run.keep(f"{key}.requests", subject.name, "", [c.requests for c in costs])
        loads = f"{largest.script_bytes:>9,}{largest.style_bytes:>8,}{requests.high:>10.0f}"
    else:
        # What is no page has no budget of bytes.
        faults = [each for each in faults if each.startswith("p95")]
    run.faults += [f"{subject.name}: {each}" for each in faults]
    run.shown.append(
        f"{subject.name:<28}{bytes_sent.high:>9,.0f}{loads}{middle.median:>9.1f}"
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
        f"{'answer':<28}{'bytes':>9}{'scripts':>9}{'style':>8}{'requests':>10}{'p50 ms':>9}"
        f"{'p95 ms':>9}  budgets\n"
        f"{'at most':<28}{PAGE_BYTES_MAX:>9,}{SCRIPTS_BYTES_MAX:>9,}{STYLE_BYTES_MAX:>8,}"
        f"{REQUESTS_MAX:>10}{'':>9}{P95_MS_MAX:>9.0f}"
    )

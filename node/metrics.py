"""What the node measures, for Prometheus; a registry of its own, so that nodes do not mix."""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from ledger.views import ChainView
from node.failpoints import Failpoint, Failpoints
from node.ports import Clock

LAG_PROBE_SECONDS: Final = 0.02
"""How often the event loop's lag is measured: what is due meanwhile waits no longer unseen."""

_FAST: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Buckets in seconds, for what takes milliseconds."""

_SLOW: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0)
"""Buckets in seconds, for what the network or a heartbeat decides."""


class NodeMetrics:
    """All metrics of one node."""

    content_type: Final = CONTENT_TYPE_LATEST
    """Media type of `text`."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(namespace="aitbc", registry=registry)
        self.block_interval = Histogram(
            "aitbc_block_interval_seconds",
            "Block time between final blocks.",
            buckets=_SLOW,
            registry=registry,
        )
        self.finality = Histogram(
            "aitbc_finality_seconds",
            "From a block's time to its durable finality here.",
            buckets=_FAST,
            registry=registry,
        )
        self.final_transactions = Counter(
            "aitbc_final_transactions", "Transactions in final blocks.", registry=registry
        )
        self.rejected = Counter(
            "aitbc_rejected_transactions",
            "Transactions that the pool refused, by code.",
            ["code"],
            registry=registry,
        )
        self.proposals_crashed = Counter(
            "aitbc_proposals_crashed",
            "Proposals that this program failed to judge or to build: look at the log.",
            registry=registry,
        )
        self.journal_sync = Histogram(
            "aitbc_journal_sync_seconds",
            "Time of one sync of the vote journal.",
            buckets=_FAST,
            registry=registry,
        )
        self.store_commit = Histogram(
            "aitbc_store_commit_seconds",
            "Time of one durable commit of a block.",
            buckets=_FAST,
            registry=registry,
        )
        self.loop_lag = Histogram(
            "aitbc_event_loop_lag_seconds",
            "How late the event loop runs what is due, looked at 50 times a second.",
            buckets=_FAST,
            registry=registry,
        )
        self.requests = Counter(
            "aitbc_http_requests",
            "HTTP requests, by method, route and status.",
            ["method", "route", "status"],
            registry=registry,
        )
        self.request_seconds = Histogram(
            "aitbc_http_request_seconds",
            "Time to an answer's first byte, by route.",
            ["route"],
            buckets=_SLOW,
            registry=registry,
        )

    @property
    def registry(self) -> CollectorRegistry:
        """Where parts with metrics of their own show them."""
        return self._registry

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Show a value that is read when somebody looks."""
        Gauge(name, text, registry=self._registry).set_function(read)

    def states(self, name: str, text: str, states: Sequence[str], read: Callable[[], str]) -> None:
        """Show which of some states holds when somebody looks: 1 for it, 0 for the others."""
        gauge = Gauge(name, text, ["state"], registry=self._registry)
        for state in states:
            gauge.labels(state).set_function(partial(_is_state, state, read))

    def observe_final(self, parent: ChainView, view: ChainView, clock: Clock) -> None:
        """Note a block that became final."""
        stamped_ms = view.header.timestamp_ms
        self.block_interval.observe((stamped_ms - parent.header.timestamp_ms) / 1_000)
        self.finality.observe(max(0, clock.wall_ms() - stamped_ms) / 1_000)
        self.final_transactions.inc(view.header.transaction_count)

    def count_rejected(self, code: str) -> None:
        """Note that the pool refused a transaction."""
        self.rejected.labels(code).inc()

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)

    async def probe_loop(self) -> None:
        """Measure the event loop's lag until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_PROBE_SECONDS
            await asyncio.sleep(LAG_PROBE_SECONDS)
            self.loop_lag.observe(max(0.0, loop.time() - due))


class TimedPlaces:
    """Failpoints that also measure: what lies between two places is a sync or a commit.

    Each pair of places is passed by one thread, so no lock is needed.
    """

    def __init__(self, inner: Failpoints, metrics: NodeMetrics) -> None:
        """Measure on the way to `inner`."""
        self._inner = inner
        self._spans = {
            Failpoint.AFTER_JOURNAL_SYNC: (Failpoint.BEFORE_JOURNAL_SYNC, metrics.journal_sync),
            Failpoint.AFTER_STORE_COMMIT: (Failpoint.BEFORE_STORE_COMMIT, metrics.store_commit),
        }
        self._began: dict[Failpoint, float] = {}

    def reached(self, place: Failpoint) -> None:
        """Note the time of a place, and tell the one inside."""
        span = self._spans.get(place)
        if span is None:
            self._began[place] = time.monotonic()
        else:
            began, histogram = span
            histogram.observe(time.monotonic() - self._began[began])
        self._inner.reached(place)


def _is_state(state: str, read: Callable[[], str]) -> float:
    return float(read() == state)

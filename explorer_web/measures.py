"""What is measured of each hour of block time: names, formulas, and how each is computed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from explorer_web.facts import Kind
from explorer_web.formats import duration, grouped, money
from ledger.store import HourRow, IndexReader
from ledger.types import TimestampMs

HOUR_MS: Final = 3_600_000
"""Length of an hour."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A chart's value of an hour."""

    name: str
    """Its name in addresses, JSON and CSV."""
    title: str
    """Its heading."""
    formula: str
    """How it is computed."""
    kind: Kind
    """How it is written."""
    value: Callable[[HourRow, "Span"], int | None]
    """Computes it from an hour and the time that the blocks span."""


@dataclass(frozen=True, slots=True)
class Span:
    """From when on intervals between blocks are measured, and up to when."""

    first_ms: TimestampMs
    """Time of the first indexed block; not of genesis, which may be days before the next one."""
    newest_ms: TimestampMs
    """Time of the newest block."""
    genesis_ms: TimestampMs | None
    """Time of genesis; None where the index begins later."""

    @classmethod
    def of(cls, index: IndexReader, newest_ms: TimestampMs) -> "Span":
        """Return the span of an index; three point reads."""
        first = index.first_height()
        genesis = index.block_at(0) if first == 0 else None
        begins = None if first is None else index.block_at(max(first, 1))
        return cls(
            first_ms=newest_ms if begins is None else begins.timestamp_ms,
            newest_ms=newest_ms,
            genesis_ms=None if genesis is None else genesis.timestamp_ms,
        )


def _each(total_ms: int, count: int) -> int | None:
    return total_ms // count if count > 0 else None


def _interval(hour: HourRow, span: Span) -> int | None:
    start_ms, end_ms = hour.start_ms, hour.start_ms + HOUR_MS
    blocks = hour.blocks
    if span.genesis_ms is not None and start_ms <= span.genesis_ms < end_ms:
        blocks -= 1
    until_ms = min(end_ms, span.newest_ms + 1)
    if start_ms <= span.first_ms < end_ms:
        start_ms = span.first_ms
        # Between the first block and the newest one is one interval less than there are blocks.
        blocks -= until_ms < end_ms
    return _each(until_ms - start_ms, blocks)


MEASURES: Final = (
    Measure(
        "interval_ms",
        "Block interval",
        "Length of the hour by its blocks; the first hour counts from the first block after "
        "genesis, the newest one up to the newest block.",
        Kind.DURATION,
        _interval,
    ),
    Measure(
        "transactions",
        "Throughput",
        "Transactions of the hour's final blocks.",
        Kind.NUMBER,
        lambda hour, _: hour.transactions,
    ),
    Measure(
        "jobs", "Jobs", "Jobs whose escrow was locked.", Kind.NUMBER, lambda hour, _: hour.jobs
    ),
    Measure(
        "receipts",
        "Work",
        "Receipts that miners posted.",
        Kind.NUMBER,
        lambda hour, _: hour.receipts,
    ),
    Measure(
        "paid",
        "Spend",
        "What escrows paid to miners and coordinators.",
        Kind.MONEY,
        lambda hour, _: hour.paid,
    ),
    Measure(
        "unpaid",
        "Jobs that ended unpaid",
        "Failed, cancelled, expired and refunded jobs.",
        Kind.NUMBER,
        lambda hour, _: hour.unpaid,
    ),
    Measure(
        "wait_each_ms",
        "Time to assignment",
        "Mean over jobs that were first assigned, from the block of the escrow to that of the "
        "assignment.",
        Kind.DURATION,
        lambda hour, _: _each(hour.wait_ms, hour.assigned),
    ),
    Measure(
        "worked_each_ms",
        "Time of work",
        "Mean over receipts, from the block of the assignment to that of the receipt.",
        Kind.DURATION,
        lambda hour, _: _each(hour.worked_ms, hour.receipts),
    ),
)
"""What is drawn."""

WRITTEN: Final[dict[Kind, Callable[[int], str]]] = {
    Kind.NUMBER: grouped,
    Kind.MONEY: money,
    Kind.DURATION: lambda value: duration(value) or "0",
}
"""How a value of each kind is written."""

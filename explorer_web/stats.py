"""The page of statistics: what the indexer counted by the hour, drawn, and as tables and files.

Nothing is counted when it is asked for: each chart reads at most `HOURS_MAX` rows.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from explorer_web.charts import Chart, Series, draw
from explorer_web.checks import twin_checks
from explorer_web.facts import Json, Kind, facts_json
from explorer_web.finality import finality_chart, finality_section
from explorer_web.formats import utc_time
from explorer_web.listings import (
    Cell,
    Column,
    Filter,
    Listing,
    Row,
    Rows,
    Table,
    cut,
    parse_position,
)
from explorer_web.measures import HOUR_MS, MEASURES, WRITTEN, Measure, Span
from explorer_web.outcomes import TITLES
from explorer_web.page import Absence, Absent, Crumb, Page
from explorer_web.ports import BlockFinality
from explorer_web.words import PHASES, REASONS
from ledger.store import ChainStats, HourRow, IndexReader, MinerRow, ReasonRow, ReasonTotal
from ledger.types import TimestampMs

HOURS_MAX: Final = 168
"""Longest window: a week."""

WINDOWS: Final = {"24": "24 hours", "72": "3 days", "168": "7 days"}
"""Windows to choose from, in hours."""

EARNERS: Final = 10
"""Miners whose share of the earnings is shown."""

STATS: Final = Crumb("Statistics", "/stats")

_REASONS_MAX: Final = 1_000
"""More than there are reasons, so that a kind and a reason are one number."""


def stats_page(
    index: IndexReader, query: Mapping[str, str], measured: Sequence[BlockFinality]
) -> Page:
    """Return the page of statistics.

    Args:
        index: where the counters are.
        query: parameters of the address; `hours` chooses the window.
        measured: how long this node's newest final blocks took to become final, oldest first.

    Raises:
        Absent: no such window.
    """
    window = _window(query)
    totals = index.stats()
    hours = _hours(index, totals, int(window.value))
    span = Span.of(index, totals.timestamp_ms)
    interval, *others = (_chart(each, hours, span, window) for each in MEASURES)
    charts = [interval, finality_chart(measured), *others]
    finality = finality_section(measured)
    failures = _failures(index.reason_totals(_since_ms(totals, int(window.value))))
    earners = _concentration(index.best_earners(EARNERS), totals)
    drawn: dict[str, Json] = {
        each.name: {"formula": each.formula, "window": each.window, "values": each.table.json}
        for each in charts
    }
    phases: dict[str, Json] = {
        phase.value.lower(): count for phase, count in totals.jobs_by_phase.items()
    }
    return Page(
        template="stats.html",
        title=STATS.text,
        crumbs=(Crumb(STATS.text),),
        content={
            "window": window,
            "charts": charts,
            "finality": finality,
            "failures": failures,
            "earners": earners,
            "totals": totals,
            "phases": PHASES,
            "query": f"?hours={window.value}",
            "checks": twin_checks(f"/stats.json?hours={window.value}"),
        },
        twin={
            "hours": int(window.value),
            "charts": drawn,
            "jobs_by_phase": phases,
            "finality": facts_json((finality,)),
            "failures": failures.json,
            "concentration": earners.json,
        },
        twin_url=f"/stats.json?hours={window.value}",
        moves=True,
    )


def hours_listing(index: IndexReader, query: Mapping[str, str]) -> Listing:
    """Return the list of hours with every counter, newest first; of a window, or all of them.

    Raises:
        Absent: no such window.
    """
    totals = index.stats()
    span = Span.of(index, totals.timestamp_ms)
    chosen = _window(query) if query.get("hours") else Filter("hours", "Window")
    window = replace(chosen, options=(("", "all"), *WINDOWS.items()))
    since_ms = _first_hour_ms(totals, int(window.value)) if window.value else 0

    def read(before: str, limit: int) -> Rows:
        at = parse_position(before)
        read_to = index.hours(at[0] if at else None, limit + 1)
        found = [hour for hour in read_to if hour.start_ms >= since_ms]
        keys = [str(hour.start_ms) for hour in found]
        return cut([_hour_cells(hour, span) for hour in found], keys, limit)

    counters = ("blocks", "settled", "refunded", "fees")
    labels = ("Blocks", "Settled", "Refunded", "Fees")
    kinds = (Kind.NUMBER, Kind.NUMBER, Kind.MONEY, Kind.MONEY)
    return Listing(
        name="hours",
        title="By the hour",
        lead="What each hour of block time saw, UTC, newest first. Hours without a block have no "
        "row.",
        path="/stats/hours",
        columns=(
            Column("start_ms", "Hour, UTC", Kind.HOUR),
            *(
                Column(each.name, each.title, each.kind, hint=each.formula, is_roomy=number > 4)
                for number, each in enumerate(MEASURES)
            ),
            *(Column(*each, is_roomy=True) for each in zip(counters, labels, kinds, strict=True)),
        ),
        read=read,
        empty="No hour of block time is indexed yet.",
        filters=(window,),
        crumbs=(STATS, Crumb("By the hour")),
    )


def _hour_cells(hour: HourRow, span: Span) -> Row:
    measured: list[Cell] = [each.value(hour, span) for each in MEASURES]
    return (hour.start_ms, *measured, hour.blocks, hour.settled, hour.refunded, hour.fees)


def failures_listing(index: IndexReader, query: Mapping[str, str]) -> Listing:
    """Return why attempts and jobs ended without pay, by the hour, over a window.

    Raises:
        Absent: no such window.
    """
    window = _window(query)

    def read(before: str, limit: int) -> Rows:
        since_ms = _since_ms(index.stats(), int(window.value))
        found = index.reasons(since_ms, _parse_reason_key(before), limit + 1)
        cells = [(row.start_ms, TITLES[row.kind], _why(row), row.count) for row in found]
        return cut(cells, [_reason_key(row) for row in found], limit)

    return Listing(
        name="failures",
        title="Failures by the hour",
        lead="Why attempts and jobs ended without pay, from outcome records of final blocks.",
        path="/stats/failures",
        columns=(
            Column("start_ms", "Hour, UTC", Kind.HOUR),
            Column("what", "What ended"),
            Column("reason", "Reason"),
            Column("count", "How often", Kind.NUMBER),
        ),
        read=read,
        empty="Nothing ended without pay in this time.",
        filters=(window,),
        crumbs=(STATS, Crumb("Failures")),
    )


def _window(query: Mapping[str, str]) -> Filter:
    hours = query.get("hours") or "24"
    if hours not in WINDOWS:
        detail = f"`hours` is one of {', '.join(WINDOWS)}"
        raise Absent(None, hours, absence=Absence.MALFORMED, detail=detail)
    return Filter("hours", "Window", hours, tuple(WINDOWS.items()))


def _hours(index: IndexReader, totals: ChainStats, count: int) -> list[HourRow]:
    """Return the hours of a window that have blocks, oldest first."""
    first_ms = _first_hour_ms(totals, count)
    return [hour for hour in reversed(index.hours(limit=count)) if hour.start_ms >= first_ms]


def _first_hour_ms(totals: ChainStats, count: int) -> TimestampMs:
    """Return the start of the first hour of a window that ends with the newest block's."""
    return totals.timestamp_ms // HOUR_MS * HOUR_MS - (count - 1) * HOUR_MS


def _since_ms(totals: ChainStats, hours: int) -> TimestampMs:
    """Return a time in the first hour of a window that ends with the newest block's."""
    return totals.timestamp_ms - (hours - 1) * HOUR_MS


def _reason_key(row: ReasonRow) -> str:
    """Return the key of a row in an address: its hour, and one number of kind and reason."""
    return f"{row.start_ms}.{row.kind * _REASONS_MAX + row.reason}"


def _parse_reason_key(text: str) -> tuple[TimestampMs, int, int] | None:
    """Return hour, kind and reason of a key; None for the empty key.

    Raises:
        Absent: it is no key.
    """
    at = parse_position(text)
    return None if at is None else (at[0], *divmod(at[1], _REASONS_MAX))


def _chart(measure: Measure, hours: Sequence[HourRow], span: Span, window: Filter) -> Chart:
    values = [measure.value(hour, span) for hour in hours]
    columns = (
        Column("start_ms", "Hour, UTC", Kind.HOUR),
        Column("value", measure.title, measure.kind),
    )
    rows = [(hour.start_ms, value) for hour, value in zip(hours, values, strict=True)]
    known = {hour.start_ms: value for hour, value in zip(hours, values, strict=True)}
    # Every hour from the first one on has its place, so that a halt is as wide as it was long.
    axis = range(hours[0].start_ms, hours[-1].start_ms + 1, HOUR_MS) if hours else ()
    labels = [utc_time(start_ms)[5:16] for start_ms in axis]
    return draw(
        Series(labels, [known.get(start_ms) for start_ms in axis], WRITTEN[measure.kind]),
        name=measure.name,
        title=measure.title,
        formula=measure.formula,
        window=f"Hours of block time, UTC, of the last {WINDOWS[window.value]}; an hour without a "
        "block has no bar",
        table=Table(measure.title, columns, rows),
        csv_url=f"/stats/hours.csv?hours={window.value}",
    )


def _why(row: ReasonRow | ReasonTotal) -> str:
    return REASONS[row.reason] if row.reason else "no reason named"


def _failures(totals: Sequence[ReasonTotal]) -> Table:
    """Return how often what ended without pay and why, most often first."""
    counts: Counter[tuple[str, str]] = Counter()
    for each in totals:
        counts[TITLES[each.kind], _why(each)] += each.count
    total = counts.total()
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    columns = (
        Column("what", "What ended"),
        Column("reason", "Reason"),
        Column("count", "How often", Kind.NUMBER),
        Column("share", "Share", Kind.SHARE),
    )
    found: list[Row] = [(*key, count, count * 10_000 // total) for key, count in ordered]
    return Table("Failure reasons", columns, found)


def _concentration(earners: Sequence[MinerRow], totals: ChainStats) -> Table:
    """Return the miners that earned most, and which share of all earnings they had."""
    rows: list[Row] = []
    together = 0
    for row in earners:
        if not row.earned:
            break
        together += row.earned
        part, sum_of_parts = (each * 10_000 // totals.earned for each in (row.earned, together))
        rows.append((row.miner, row.name, row.earned, part, sum_of_parts))
    columns = (
        Column("miner", "Miner", Kind.MINER),
        Column("name", "Name"),
        Column("earned", "Earned", Kind.MONEY),
        Column("share", "Share", Kind.SHARE),
        Column("together", "With those above", Kind.SHARE),
    )
    return Table("Concentration of work", columns, rows)

"""The statistics: every chart stands beside its table, its file and its formula, and adds up."""

import csv
import io
import random
import sqlite3
from contextlib import closing
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from bench.explorer_pages import PAGE_BYTES_MAX, unpacked
from explorer_web import BlockFinality
from explorer_web.charts import BASE, WIDTH, Series, draw
from explorer_web.finality import finality_chart, finality_section
from explorer_web.listings import ROWS_PER_PAGE, Table, csv_chunks, listing_page
from explorer_web.measures import HOUR_MS, MEASURES, Span
from explorer_web.stats import failures_listing, hours_listing, stats_page
from explorer_web.words import REASONS
from ledger.actions import Reason
from ledger.outcomes import OutcomeKind
from ledger.store import PAGE_MAX, HourRow, IndexReader
from ledger.store.columns import wide_bytes
from tests.databases import INDEX
from tests.explorer.chains import IndexedChain
from tests.explorer.serving import Served, serve


def test_every_chart_has_its_table_its_formula_and_a_file(site: Served) -> None:
    html, twin = unescape(site.get("/stats").text), site.get("/stats.json").json()
    hours = list(csv.DictReader(io.StringIO(site.get("/stats/hours.csv").text)))[::-1]
    for measure in MEASURES:
        told = twin["charts"][measure.name]
        assert f'id="{measure.name}"' in html
        assert measure.formula in html
        assert measure.formula == told["formula"]
        in_file = [row[measure.name] for row in hours]
        values = [each["value"] for each in told["values"]]
        assert ["" if value is None else str(value) for value in values] == in_file
    charts = len(MEASURES) + 1
    assert html.count("The same as a table") == html.count("<svg viewBox") == charts


def test_the_hours_add_up_to_the_totals(site: Served, chain: IndexedChain) -> None:
    rows = site.get("/stats/hours.json").json()["hours"]
    totals = site.get("/index.json").json()["totals"]
    for name in ("blocks", "transactions", "jobs", "receipts"):
        assert sum(row[name] for row in rows) == totals[name]
    for name in ("paid", "refunded", "fees"):
        assert sum(int(row[name]) for row in rows) == int(totals[name])
    assert totals["jobs"] == len(chain.jobs)


def test_failures_are_counted_by_what_ended_and_why(site: Served, chain: IndexedChain) -> None:
    failed = chain.indexed.reader.job(chain.jobs["failed"])
    assert failed is not None
    assert failed.end_reason is not None
    twin = site.get("/stats.json").json()
    counts = {(row["what"], row["reason"]): row["count"] for row in twin["failures"]}
    assert counts["Attempt ended", "the miner's program failed"] == 1
    assert counts["Failed", REASONS[failed.end_reason]] == 1
    assert counts["Expired", "no reason named"] >= 1
    listed = site.get("/stats/failures.json").json()["failures"]
    assert sum(row["count"] for row in listed) == sum(counts.values())


def test_the_share_of_each_miner_is_of_all_that_miners_earned(
    site: Served, chain: IndexedChain
) -> None:
    rows = site.get("/stats.json").json()["concentration"]
    earned = [int(row["earned"]) for row in rows]
    assert earned == sorted(earned, reverse=True)
    assert sum(earned) == chain.indexed.reader.stats().earned
    assert rows[-1]["together"] == 10_000


def test_finality_is_said_as_this_node_measured_it(site: Served) -> None:
    told = site.get("/stats.json").json()["finality"]
    assert told == {
        "finality_blocks": 4,
        "finality_p50_ms": 20,
        "finality_p95_ms": 40,
        "finality_max_ms": 40,
    }


def test_the_time_to_finality_of_each_new_block_is_drawn_and_stands_in_a_table(
    site: Served,
) -> None:
    told = site.get("/stats.json").json()["charts"]["finality"]
    assert [(row["height"], row["took_ms"]) for row in told["values"]] == [
        (7, 40), (8, 10), (9, 30), (10, 20),
    ]  # fmt: skip
    html = unescape(site.get("/stats").text)
    figure = html[html.index('<figure class="chart" id="finality">') :].partition("</figure>")[0]
    assert told["formula"] in figure
    assert figure.count("<rect ") == 4
    assert "<title>8: 10 ms</title>" in figure
    assert '<a href="/blocks/8">8</a></th><td class="number">10 ms</td>' in figure


def test_of_many_blocks_the_newest_are_drawn_and_all_are_summed_up() -> None:
    blocks = [BlockFinality(height, 1_000 - height) for height in range(1, 501)]
    chart = finality_chart(blocks)
    assert [row[0] for row in chart.table.rows] == list(range(401, 501))
    assert len(chart.bars) == 100
    assert finality_section(blocks).facts[-1].value == 999
    assert finality_chart([]).bars == ()
    assert [fact.value for fact in finality_section([]).facts] == [0, None, None, None]


def interval_ms(start_ms: int, blocks: int, span: Span) -> int | None:
    """Return the block interval of an hour in which nothing but blocks happened."""
    counts = dict.fromkeys(HourRow.__dataclass_fields__, 0)
    hour = HourRow(**(counts | {"start_ms": start_ms, "blocks": blocks}))
    return next(each for each in MEASURES if each.name == "interval_ms").value(hour, span)


def test_a_chains_first_hour_is_measured_from_its_first_block_on() -> None:
    """A block a second, from ten minutes before the hour."""
    start, genesis = 10 * HOUR_MS, 10 * HOUR_MS + 50 * 60_000
    first = genesis + 1_000
    assert interval_ms(start, 121, Span(first, genesis + 120_000, genesis)) == 1_000
    complete = Span(first, start + HOUR_MS + 59_000, genesis)
    assert interval_ms(start, 600, complete) == 1_000
    assert interval_ms(start + HOUR_MS, 60, complete) == 983
    assert interval_ms(start, 1, Span(genesis, genesis, genesis)) is None


def test_the_time_between_genesis_and_the_first_block_is_no_interval() -> None:
    genesis = HOUR_MS
    first = 100 * HOUR_MS + 40 * 60_000
    span = Span(first, first + 60_000, genesis)
    assert interval_ms(HOUR_MS, 1, span) is None
    assert interval_ms(100 * HOUR_MS, 61, span) == 1_000


def test_an_index_knows_from_when_on_it_measures(chain: IndexedChain, site: Served) -> None:
    reader = chain.indexed.reader
    newest_ms = reader.stats().timestamp_ms
    one, genesis = reader.block_at(1), reader.block_at(0)
    assert one is not None
    assert genesis is not None
    span = Span.of(reader, newest_ms)
    assert span == Span(one.timestamp_ms, newest_ms, genesis.timestamp_ms)
    told = [
        row["value"] for row in site.get("/stats.json").json()["charts"]["interval_ms"]["values"]
    ]
    blocks = reader.stats().blocks
    assert told == [(newest_ms - one.timestamp_ms + 1) // (blocks - 2)]


@pytest.mark.parametrize(
    "path", ["/stats?hours=5", "/stats.json?hours=", "/stats/failures?hours=x"]
)
def test_a_window_is_one_of_those_that_are_offered(site: Served, path: str) -> None:
    answer = site.get(path)
    assert answer.status_code == (200 if path.endswith("=") else 404)


@pytest.mark.parametrize("values", [[], [0], [None, 0], [5, None, 7], list(range(168)), [10**15]])
def test_bars_stay_within_their_picture(values: list[int | None]) -> None:
    table = Table("Numbers", (), ())
    series = Series([str(number) for number in range(len(values))], values, str)
    chart = draw(series, name="n", title="Numbers", formula="", window="", table=table, csv_url="")
    assert len(chart.bars) == sum(value is not None for value in values)
    for bar in chart.bars:
        assert 0 <= bar.x <= bar.x + bar.width <= WIDTH + 0.1
        assert 0 <= bar.height <= BASE
    assert len(chart.across) <= 7


def with_hours(chain: IndexedChain, path: Path, back: list[int]) -> None:
    """Copy the index, with blocks in some hours before the newest one and in no others."""
    newest = chain.indexed.reader.stats().timestamp_ms // HOUR_MS
    source = chain.indexed.place.url(INDEX).removeprefix("sqlite:///")
    with closing(sqlite3.connect(source)) as original, closing(sqlite3.connect(path)) as copy:
        original.backup(copy)
        _, *counts = copy.execute("SELECT * FROM hours").fetchone()
        copy.execute("DELETE FROM hours")
        places = ",".join("?" * (1 + len(counts)))
        rows = [(newest - each, *counts) for each in back]
        copy.executemany(f"INSERT INTO hours VALUES ({places})", rows)
        copy.commit()


def test_a_halt_is_as_wide_on_the_axis_as_it_was_long(chain: IndexedChain, tmp_path: Path) -> None:
    with_hours(chain, tmp_path / "index.db", [0, 1, 11, 30])
    with closing(IndexReader(f"sqlite:///{tmp_path}/index.db")) as reader:
        content: Any = stats_page(reader, {"hours": "24"}, ()).content
        chart = next(each for each in content["charts"] if each.name == "transactions")
        left = [bar.x for bar in chart.bars]
        assert left[1] - left[0] == pytest.approx(10 * (left[2] - left[1]), rel=0.01)
        assert len(chart.table.rows) == 3
        assert chart.csv_url == "/stats/hours.csv?hours=24"
        for hours, count in (("24", 3), ("72", 4), ("", 4)):
            listing = hours_listing(reader, {"hours": hours} if hours else {})
            text = b"".join(csv_chunks(listing, listing.read("", 200))).decode()
            assert len(list(csv.DictReader(io.StringIO(text)))) == count
            assert listing.read("", 2).older


def test_a_whole_week_of_hours_is_a_page_within_its_budget(
    chain: IndexedChain, tmp_path: Path
) -> None:
    path = tmp_path / "index.db"
    with_hours(chain, path, list(range(168)))
    counts = random.Random(1)
    with closing(sqlite3.connect(path)) as copy:
        kinds = {row[1]: row[2] for row in copy.execute("PRAGMA table_info(hours)")}
        kinds.pop("hour")
        for (hour,) in copy.execute("SELECT hour FROM hours").fetchall():
            for name, kind in kinds.items():
                value = counts.randrange(10**6)
                told = value if kind == "INTEGER" else wide_bytes(value * 10**6)
                copy.execute(f"UPDATE hours SET {name} = ? WHERE hour = ?", (told, hour))
        copy.commit()
    week = replace(chain, indexed=replace(chain.indexed, reader=IndexReader(f"sqlite:///{path}")))
    with closing(week.indexed.reader), serve(week) as served:
        sent = served.sent("/stats?hours=168")
    assert unpacked(sent).count(b"<rect ") > 7 * 168
    assert len(sent) <= PAGE_BYTES_MAX


def crowded(chain: IndexedChain, path: Path) -> int:
    """Copy the index, with every failure in each hour of a week; return how many there are."""
    newest = chain.indexed.reader.stats().timestamp_ms // 3_600_000
    kinds = (OutcomeKind.JOB_RELEASED, OutcomeKind.JOB_FAILED)
    rows = [
        (newest - back, kind, code, 1 + back % 3)
        for back in range(168)
        for kind in kinds
        for code in Reason
    ]
    source = chain.indexed.place.url(INDEX).removeprefix("sqlite:///")
    with closing(sqlite3.connect(source)) as original, closing(sqlite3.connect(path)) as copy:
        original.backup(copy)
        copy.execute("DELETE FROM reasons")
        copy.executemany("INSERT INTO reasons VALUES (?, ?, ?, ?)", rows)
        copy.commit()
    assert len(rows) > PAGE_MAX
    return sum(row[3] for row in rows)


def test_no_failure_is_left_out_however_many_there_are(chain: IndexedChain, tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    count = crowded(chain, path)
    with closing(IndexReader(f"sqlite:///{path}")) as reader:
        twin: Any = stats_page(reader, {"hours": "168"}, ()).twin
        assert sum(row["count"] for row in twin["failures"]) == count
        listing = failures_listing(reader, {"hours": "168"})
        text = b"".join(csv_chunks(listing, listing.read("", 200))).decode()
        in_file = list(csv.DictReader(io.StringIO(text)))
        assert sum(int(row["count"]) for row in in_file) == count
        assert len({tuple(row.values()) for row in in_file}) == len(in_file)
        page: Any = listing_page(listing, "").twin
        assert len(page["failures"]) == ROWS_PER_PAGE
        rest: Any = listing_page(listing, page["before"]).twin
        told = [str(row["count"]) for row in page["failures"] + rest["failures"]]
        assert told == [row["count"] for row in in_file[: 2 * ROWS_PER_PAGE]]


@pytest.mark.parametrize("before", ["x", "1.2.3", "-1", "999999999999999999.999999999999999999"])
def test_a_key_of_the_failures_is_refused_or_read(site: Served, before: str) -> None:
    answer = site.get(f"/stats/failures.json?before={before}")
    assert answer.status_code == (200 if before.startswith("9") else 404)

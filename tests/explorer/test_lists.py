"""Lists: complete over their pages, the same as JSON and as CSV, with filters and a stated end."""

import csv
import io
from typing import Any

import pytest

from explorer_web.listings import (
    CSV_ROWS_AT_ONCE,
    CSV_ROWS_MAX,
    KEY_COLUMN,
    Column,
    Listing,
    Rows,
    csv_chunks,
)
from ledger.keys import format_address
from tests.explorer.chains import IndexedChain
from tests.explorer.serving import Served
from tests.ledger.worlds import PEOPLE

CLIENT, MINER = (format_address(each.address) for each in (PEOPLE.client, PEOPLE.miner))

LISTS = {
    "blocks": "/blocks",
    "transactions": "/transactions",
    "jobs": "/jobs",
    "receipts": "/receipts",
    "miners": "/miners",
    "activity": f"/accounts/{CLIENT}/activity",
}


def all_rows(site: Served, name: str, path: str, query: str = "") -> list[dict[str, Any]]:
    """The rows of a list, page by page."""
    rows: list[dict[str, Any]] = []
    before = ""
    while True:
        key = f"&before={before}" if before else ""
        page = site.get(f"{path}.json?{query}{key}").json()
        rows += page[name]
        before = page["before"]
        if not before:
            return rows


def as_csv(site: Served, path: str, query: str = "") -> list[dict[str, str]]:
    answer = site.get(f"{path}.csv?{query}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    for row in rows:
        del row[KEY_COLUMN]
    return rows


def as_text(value: object) -> str:
    return "" if value is None else str(value)


@pytest.mark.parametrize("name", LISTS)
def test_a_lists_pages_together_are_its_csv(site: Served, name: str) -> None:
    rows = all_rows(site, name, LISTS[name])
    assert len(rows) >= 2
    told = [{key: as_text(value) for key, value in row.items()} for row in rows]
    assert as_csv(site, LISTS[name]) == told
    assert len({tuple(row.values()) for row in told}) == len(told)


@pytest.mark.parametrize(
    "path", [*LISTS.values(), "/market/offers", "/stats/hours", "/stats/failures?hours=168"]
)
def test_a_file_goes_on_after_any_of_its_rows(site: Served, path: str) -> None:
    place, _, query = path.partition("?")
    text = site.get(f"{place}.csv?{query}").text
    head, *rows = text.splitlines(keepends=True)
    for at, row in enumerate(rows):
        before = row.rstrip().rpartition(",")[2]
        if at in {0, len(rows) // 2, len(rows) - 1}:
            rest = site.get(f"{place}.csv?{query}&before={before}").text
            assert rest == head + "".join(rows[at + 1 :])


@pytest.mark.parametrize("name", LISTS)
def test_a_page_of_a_list_shows_the_rows_of_its_twin_and_links_its_other_forms(
    site: Served, name: str
) -> None:
    html, twin = site.get(LISTS[name]).text, site.get(LISTS[name] + ".json").json()
    assert html.count("<tr") == 1 + len(twin[name])
    assert f'href="{LISTS[name]}.json' in html
    assert f'href="{LISTS[name]}.csv' in html
    assert f"at most {CSV_ROWS_MAX:,} rows" in html
    ids = [value for row in twin[name] for value in row.values() if len(str(value)) == 64]
    assert all(str(each) in html for each in ids[:5])


@pytest.mark.parametrize(
    ("path", "query", "column", "value"),
    [
        ("jobs", "phase=failed", "phase", "failed"),
        ("jobs", f"client={CLIENT}&phase=completed", "client", CLIENT),
        ("jobs", f"miner={MINER}", "miner", MINER),
        ("receipts", f"miner={MINER}", "miner", MINER),
        ("receipts", f"miner={MINER}&client={CLIENT}", "client", CLIENT),
        ("transactions", "block=12", "height", 12),
    ],
)
def test_a_filter_leaves_what_has_its_value_in_every_form(
    site: Served, path: str, query: str, column: str, value: object
) -> None:
    everything = all_rows(site, path, f"/{path}")
    rows = all_rows(site, path, f"/{path}", query)
    assert 0 < len(rows) < len(everything)
    assert all(row[column] == value for row in rows)
    if "&" not in query:
        assert rows == [row for row in everything if row[column] == value]
    assert len(as_csv(site, f"/{path}", query)) == len(rows)
    html = site.get(f"/{path}?{query}").text
    assert f'href="/{path}">Clear</a>' in html


def test_transactions_of_an_account_are_those_that_concern_it(site: Served) -> None:
    rows = all_rows(site, "transactions", "/transactions", f"account={CLIENT}")
    assert rows
    own = [row for row in rows if row["sender"] == CLIENT]
    assert 0 < len(own) < len(rows)


@pytest.mark.parametrize(
    "address",
    [
        "/jobs?phase=lost",
        "/jobs?client=ait1qq",
        f"/jobs?client={CLIENT}&miner={MINER}",
        f"/transactions?account={CLIENT}&block=3",
        "/transactions?block=x",
        "/blocks?from=x",
        "/blocks?before=x",
        "/receipts?before=1.2.3",
        "/miners?before=-1",
        "/accounts/ait1qq/activity",
    ],
)
def test_a_malformed_filter_or_key_is_refused_in_every_form(site: Served, address: str) -> None:
    path, _, query = address.partition("?")
    for suffix in ("", ".json", ".csv"):
        answer = site.get(f"{path}{suffix}?{query}")
        assert answer.status_code == 404, suffix
        assert "malformed" in answer.text.lower()


def test_an_empty_list_says_so(site: Served) -> None:
    assert "No such job." in site.get("/jobs?phase=expired&client=" + MINER).text
    assert site.get(f"/jobs.csv?client={MINER}").text.count("\r\n") == 1


def test_a_csv_ends_at_its_cap_and_reads_in_bounded_steps() -> None:
    asked: list[int] = []

    def read(before: str, limit: int) -> Rows:
        asked.append(limit)
        first = int(before or 0)
        numbers = range(first, first + limit)
        keys = [str(number + 1) for number in numbers]
        return Rows([(number,) for number in numbers], keys[-1], keys)

    columns = (Column("number", "Number"),)
    endless = Listing("numbers", "Numbers", "", "/numbers", columns, read, "")
    text = b"".join(csv_chunks(endless, read("", 300))).decode()
    assert text.count("\r\n") == 1 + CSV_ROWS_MAX
    assert max(asked[1:]) <= CSV_ROWS_AT_ONCE


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum", "\tx"])
def test_no_text_of_a_csv_is_a_formula(text: str) -> None:
    assert Column("name", "Name").text(text) == "'" + text
    assert Column("name", "Name").text("plain") == "plain"


def test_a_twin_names_the_filters_that_it_was_made_with(site: Served, chain: IndexedChain) -> None:
    twin = site.get(f"/jobs.json?client={CLIENT}&phase=running").json()
    assert twin["filters"] == {"client": CLIENT, "phase": "running"}
    assert [row["job_id"] for row in twin["jobs"]] == [chain.jobs["running"].hex()]

"""Many rows with few statements."""

from contextlib import closing

import pytest
from sqlalchemy import event, select

from ledger.store.bulk import (
    chunked,
    delete_rows,
    find_rows,
    insert_rows,
    upsert_rows,
)
from ledger.store.chain_tables import STATE, SUMMARIES
from ledger.store.engine import Database
from ledger.store.index_tables import HOURS, TOTALS
from tests.databases import CHAIN, INDEX, Place


@pytest.fixture
def database(place: Place):
    opened = Database(place.url(CHAIN))
    yield opened
    opened.close()


def rows(count: int, filling: int = 0) -> list[tuple[int | bytes | None, ...]]:
    """Rows with integers of all sizes, empty bytes, and values that are not there."""
    leaves = (None, b"", b"leaves")
    return [
        (n, n - 2**63, filling, b"id", b"\x00\xff", b"", leaves[n % 3], None, b"kept")
        for n in range(count)
    ]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 1_000, 4_096, 4_097, 9_999])
def test_all_rows_arrive_whatever_their_number(database: Database, count: int):
    with database.writing() as connection:
        insert_rows(connection, SUMMARIES, rows(count))
    with database.reading() as connection:
        stored = connection.execute(select(SUMMARIES).order_by(SUMMARIES.c.height))
        assert list(map(tuple, stored)) == rows(count)


def test_an_upsert_replaces_rows_with_the_same_key_and_adds_the_others(database: Database):
    with database.writing() as connection:
        upsert_rows(connection, SUMMARIES, rows(10, filling=1))
        upsert_rows(connection, SUMMARIES, rows(20, filling=2)[5:])
    with database.reading() as connection:
        stored = connection.execute(select(SUMMARIES).order_by(SUMMARIES.c.height))
        assert list(map(tuple, stored)) == rows(5, filling=1) + rows(20, filling=2)[5:]


def test_rows_are_deleted_by_a_columns_values_whatever_their_number(database: Database):
    keys = [number.to_bytes(4, "big") for number in range(40_000)]
    with database.writing() as connection:
        upsert_rows(connection, STATE, [(key, b"") for key in keys])
        delete_rows(connection, STATE.c.state_key, keys[1:-1])
        delete_rows(connection, STATE.c.state_key, [])
        left = connection.execute(select(STATE.c.state_key).order_by(STATE.c.state_key)).scalars()
        assert left.all() == [keys[0], keys[-1]]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 1_000, 16_383, 20_000])
def test_rows_are_found_by_a_columns_values_whatever_their_number(database: Database, count: int):
    stored = rows(count + 2)
    with database.writing() as connection:
        insert_rows(connection, SUMMARIES, stored)
    unknown = [-1, 2**62]
    with database.reading() as connection:
        found = find_rows(connection, SUMMARIES.c.height, [*range(count), *unknown])
    assert sorted(map(tuple, found)) == stored[:count]


@pytest.mark.parametrize("number", [0, 1, -1, 2**63, 10**30, -(10**30)])
def test_sums_over_the_whole_chain_are_found_as_numbers(place: Place, number: int):
    with closing(Database(place.url(INDEX))) as database:
        with database.writing() as connection:
            insert_rows(connection, TOTALS, [("one", number), ("other", 5)])
        with database.reading() as connection:
            assert find_rows(connection, TOTALS.c.name, ["one", "none"]) == [("one", number)]


def test_few_statements_of_few_sizes_are_used(place: Place):
    statements: list[str] = []
    rest = [0] * (len(HOURS.columns) - 1)
    with closing(Database(place.url(INDEX))) as database, database.writing() as connection:
        event.listen(
            connection, "before_cursor_execute", lambda _c, _cu, text, *_: statements.append(text)
        )
        for count in range(1, 300):
            insert_rows(connection, HOURS, [(count * 1_000 + n, *rest) for n in range(count)])
    assert len(statements) < 300 * 9
    # SQLite's driver keeps the last 128 compiled statements.
    assert len(set(statements)) == (9 if place.engine == "sqlite" else 1)


def test_lists_of_parameters_are_cut_into_what_one_statement_takes():
    values = list(range(50_000))
    parts = list(chunked(values))
    assert [value for part in parts for value in part] == values
    assert max(map(len, parts)) <= 32_766

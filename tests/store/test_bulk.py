"""Many rows with few statements."""

from pathlib import Path

import pytest
from sqlalchemy import event, select

from ledger.store.bulk import chunked, insert_rows, upsert_rows
from ledger.store.engine import Database
from ledger.store.index_tables import HOURS, INDEX_METADATA, TRANSACTIONS


@pytest.fixture
def database(tmp_path: Path):
    opened = Database(f"sqlite:///{tmp_path / 'some.db'}")
    with opened.writing() as connection:
        INDEX_METADATA.create_all(connection)
    yield opened
    opened.close()


def rows(count: int, filling: int = 0) -> list[tuple[int | bytes, ...]]:
    return [(n, 1, filling, 0, 0, b"id", b"signed") for n in range(count)]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 1_000, 4_096, 4_097, 9_999])
def test_all_rows_arrive_whatever_their_number(database: Database, count: int):
    with database.writing() as connection:
        insert_rows(connection, TRANSACTIONS, rows(count))
    with database.reading() as connection:
        stored = connection.execute(select(TRANSACTIONS).order_by(TRANSACTIONS.c.position))
        assert list(map(tuple, stored)) == rows(count)


def test_an_upsert_replaces_rows_with_the_same_key_and_adds_the_others(database: Database):
    with database.writing() as connection:
        upsert_rows(connection, TRANSACTIONS, rows(10, filling=1))
        upsert_rows(connection, TRANSACTIONS, rows(20, filling=2)[5:])
    with database.reading() as connection:
        stored = connection.execute(select(TRANSACTIONS).order_by(TRANSACTIONS.c.position))
        assert list(map(tuple, stored)) == rows(5, filling=1) + rows(20, filling=2)[5:]


def test_few_statements_of_few_sizes_are_used(database: Database):
    statements: list[str] = []
    with database.writing() as connection:
        event.listen(
            connection, "before_cursor_execute", lambda _c, _cu, text, *_: statements.append(text)
        )
        for count in range(1, 300):
            insert_rows(connection, HOURS, [(count * 1_000 + n, *[0] * 9) for n in range(count)])
    assert len(statements) < 300 * 9
    # The driver keeps the last 128 compiled statements.
    assert len(set(statements)) == 9


def test_lists_of_parameters_are_cut_into_what_one_statement_takes():
    values = list(range(50_000))
    parts = list(chunked(values))
    assert [value for part in parts for value in part] == values
    assert max(map(len, parts)) <= 32_766

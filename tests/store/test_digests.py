"""Digests of partitions: they name every partition that holds what is sought, and few others."""

import random
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from ledger.store.bulk import insert_rows
from ledger.store.columns import id_prefix, pack_position
from ledger.store.digests import (
    DigestKind,
    delete_digests,
    mark_of_address,
    mark_of_prefix,
    marks_of_digits,
    partitions_with,
    write_digests,
)
from ledger.store.engine import Database
from ledger.store.index_tables import DIGESTS
from ledger.store.partition_tables import partition_tables
from tests.databases import INDEX, SqliteTemplate

NUMBERS = (1, 2, 3)


def write_partition(
    connection: Connection, number: int, ids: list[bytes], addresses: list[bytes]
) -> None:
    """Make a partition that holds some ids, in turns as each of the three kinds, and accounts."""
    tables = partition_tables(number)
    tables.metadata.create_all(connection)
    places = [pack_position(at, 0) for at in range(len(ids))]
    rows = [
        (place, id_prefix(each), 0, 0, each, b"") for place, each in zip(places, ids, strict=True)
    ]
    insert_rows(connection, tables.transactions, rows[::3])
    insert_rows(connection, tables.outcomes, [(row[0], row[1], row[4], b"") for row in rows[1::3]])
    insert_rows(
        connection,
        tables.blocks,
        [(at, id_prefix(each), 0, 0, each, b"", b"") for at, each in enumerate(ids[2::3])],
    )
    insert_rows(connection, tables.activity, [(each, 0, 1, 0, 0) for each in addresses])
    write_digests(connection, number, tables)


def named(connection: Connection, kind: DigestKind, mark: int) -> set[int]:
    return partitions_with(connection, kind, mark, mark)


@pytest.fixture(scope="module")
def holdings() -> dict[int, tuple[list[bytes], list[bytes]]]:
    """Random ids and addresses of each partition, and some that a hostile sender chose."""
    chance = random.Random(5)
    crowded = chance.randbytes(1)
    return {
        number: (
            [chance.randbytes(32) for _ in range(3_000)]
            + [crowded + chance.randbytes(31) for _ in range(600)]
            + [bytes(32), b"\xff" * 32],
            [chance.randbytes(20) for _ in range(1_000)]
            + [each.to_bytes(20, "big") for each in range(number * 1_000, number * 1_000 + 500)],
        )
        for number in NUMBERS
    }


@pytest.fixture(scope="module")
def written(sqlite_template: SqliteTemplate, holdings):
    with (
        sqlite_template.places() as new_place,
        closing(Database(new_place().url(INDEX), durable=False)) as database,
    ):
        with database.writing() as connection:
            for number, (ids, addresses) in holdings.items():
                write_partition(connection, number, ids, addresses)
        yield database


def test_a_partition_is_named_for_everything_that_it_holds(written, holdings):
    with written.reading() as connection:
        for number, (ids, addresses) in holdings.items():
            for each in ids[::7]:
                assert number in named(connection, DigestKind.IDS, mark_of_prefix(id_prefix(each)))
            for each in addresses[::7]:
                assert number in named(connection, DigestKind.ACCOUNTS, mark_of_address(each))


def test_a_partition_is_rarely_named_for_what_it_does_not_hold(written):
    chance = random.Random(6)
    with written.reading() as connection:
        false = sum(
            len(named(connection, DigestKind.IDS, mark_of_prefix(id_prefix(chance.randbytes(32)))))
            + len(named(connection, DigestKind.ACCOUNTS, mark_of_address(chance.randbytes(20))))
            for _ in range(1_000)
        )
    # 6,000 questions, each false with about 3,600 / 2**28.
    assert false <= 2


@pytest.mark.parametrize("digits", [6, 7, 8, 20, 64])
def test_a_partition_is_named_for_any_beginning_of_an_id(written, holdings, digits):
    with written.reading() as connection:
        for number, (ids, _) in holdings.items():
            for each in ids[-40:] + ids[:40]:
                marks = marks_of_digits(each.hex()[:digits])
                assert number in partitions_with(connection, DigestKind.IDS, *marks)


def test_a_partition_that_is_gone_is_named_no_more(written, holdings):
    ids, addresses = holdings[2]
    with written.writing() as connection:
        before = {tuple(row) for row in connection.execute(DIGESTS.select())}
        delete_digests(connection, 2)
        after = {tuple(row) for row in connection.execute(DIGESTS.select())}
        assert after == {row for row in before if row[2] != 2}
        assert 2 not in named(connection, DigestKind.IDS, mark_of_prefix(id_prefix(ids[0])))
        assert 2 not in named(connection, DigestKind.ACCOUNTS, mark_of_address(addresses[0]))
        insert_rows(connection, DIGESTS, sorted(before - after))


@given(object_id=st.binary(min_size=32, max_size=32), digits=st.integers(6, 64))
def test_the_mark_of_an_id_lies_between_those_of_its_first_digits(object_id, digits):
    least, greatest = marks_of_digits(object_id.hex()[:digits])
    assert least <= mark_of_prefix(id_prefix(object_id)) <= greatest
    assert greatest - least == (16 if digits == 6 else 1) - 1

"""Partitions: where they border, what a lookup costs, and what stays of those that are dropped."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, inspect

from ledger.actions import Transfer
from ledger.store import IndexLayout, IndexReader
from tests.databases import CHAIN, INDEX, NewPlace, Place
from tests.store.chains import CLIENT, OTHER, START_MS, TAGS, Builder, random_history
from tests.store.indexes import SMALL, Indexed, dump, open_indexed

KEEP = IndexLayout(partition_entries=12, keep_ms=8_000)
"""Plain transfers of the last eight blocks stay; a block is made every second."""


def tables_of(indexed: Indexed) -> set[str]:
    with indexed.indexer._database.reading() as connection:
        return {name for name in inspect(connection).get_table_names() if name[-1].isdigit()}


@contextmanager
def statements_of(reader: IndexReader) -> Iterator[list[str]]:
    """Collect the statements that a reader executes."""
    statements: list[str] = []

    def remember(_connection, _cursor, statement, *_: object) -> None:
        statements.append(statement)

    engine = reader._database._backend.reader
    event.listen(engine, "before_cursor_execute", remember)
    yield statements
    event.remove(engine, "before_cursor_execute", remember)


def long_chain(blocks: int) -> tuple[Builder, list[bytes]]:
    """A chain whose every block fills a partition of 12; return each block's first transaction."""
    builder, ids = Builder(), []
    for number in range(blocks):
        ids.append(builder.transfer(CLIENT, bytes([number]) * 20, 1))
        for _ in range(11):
            builder.transfer(CLIENT, OTHER.address, 1)
        builder.seal()
    return builder, ids


def test_a_partition_ends_with_the_block_that_fills_it(place: Place):
    builder = random_history(seed=3, blocks=30).builder
    with open_indexed(place, SMALL) as indexed:
        indexed.take(builder)
        partitions = dump(indexed)["partitions"]
    partitions.sort()
    borders = [first for _, first, _ in partitions]
    entries = 0
    expected = [0]
    for sealed in builder.sealed[:-1]:
        entries += 1 + len(sealed.block.transactions) + len(sealed.outcomes)
        if entries >= SMALL.partition_entries:
            expected.append(sealed.height + 1)
            entries = 0
    assert borders == expected
    assert [ms for *_, ms in partitions] == [
        builder.sealed[height].block.header.timestamp_ms for height in borders
    ]


@pytest.mark.parametrize("blocks", [5, 40])
def test_a_lookup_reads_no_more_however_many_partitions_there_are(file_place: Place, blocks: int):
    builder, ids = long_chain(blocks)
    with open_indexed(file_place, SMALL) as indexed:
        indexed.take(builder)
        reader = indexed.reader
        reader.blocks()
        for ask in (
            lambda: reader.transaction(ids[0]),
            lambda: reader.transaction(bytes(32)) or True,
            lambda: reader.block_by_id(builder.sealed[1].block_id),
            lambda: reader.block_at(1),
            lambda: reader.account_activity(b"\x00" * 20),
            lambda: reader.transactions(address=b"\x00" * 20),
            lambda: reader.transactions(height=1),
            lambda: reader.outcomes(object_id=bytes(32)) or True,
            lambda: reader.transactions(limit=12),
        ):
            with statements_of(reader) as statements:
                assert ask()
            # The cursor, the newest partition, the digests, and the one partition that has it.
            selects = [text for text in statements if text.startswith("SELECT")]
            assert len(selects) <= 6


def is_transfer(row) -> bool:
    return isinstance(row.content.transaction.action, Transfer)


@given(seed=st.integers(0, 2**32), sizes=st.lists(st.integers(1, 9), min_size=1, max_size=5))
@settings(max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_no_plain_transfer_stays_when_its_partition_is_dropped(
    sqlite_places: NewPlace, seed, sizes
):
    builder = random_history(seed, blocks=40).builder
    with open_indexed(sqlite_places()) as whole, open_indexed(sqlite_places(), KEEP) as kept:
        whole.take(builder)
        kept.take(builder)
        rows, left = dump(whole), dump(kept)
        for name in ("blocks", "outcomes", "jobs", "receipts", "miners", "ballots", "changes"):
            assert left[name] == rows[name]
        assert left["totals"] == rows["totals"]
        first_ms = left["partitions"][0][2]
        newest_ms = builder.sealed[-1].block.header.timestamp_ms
        assert first_ms > START_MS
        assert left["partitions"][1][2] >= newest_ms - KEEP.keep_ms
        everything = whole.reader.transactions(limit=1_000)
        assert kept.reader.transactions(limit=1_000) == [
            row for row in everything if row.timestamp_ms >= first_ms or not is_transfer(row)
        ]
        assert any(is_transfer(row) for row in everything if row.timestamp_ms < first_ms)
        for row in everything[::4]:
            stays = row.timestamp_ms >= first_ms or not is_transfer(row)
            assert kept.reader.transaction(row.transaction_id) == (row if stays else None)
            assert kept.reader.outcomes_of(row) == whole.reader.outcomes_of(row)
        for address in (CLIENT.address, OTHER.address):
            assert kept.reader.account_activity(address, limit=1_000) == [
                row
                for row in whole.reader.account_activity(address, limit=1_000)
                if row.timestamp_ms >= first_ms
                or row.transaction is None
                or not is_transfer(row.transaction)
            ]
    with open_indexed(sqlite_places(), KEEP) as again:
        again.store.initialise(TAGS, builder.sealed[0].block, {})
        for sealed, size in zip(builder.sealed, sizes * 40, strict=False):
            sealed.commit_to(again.store)
            again.indexer.advance(size)
        again.catch_up()
        assert dump(again) == left


def test_the_tables_of_a_dropped_partition_go_when_the_next_one_begins(place: Place):
    builder, ids = long_chain(12)
    layout = IndexLayout(partition_entries=12, keep_ms=3_500)
    numbers: set[int] = set()
    with open_indexed(place, layout) as indexed:
        indexed.store.initialise(TAGS, builder.sealed[0].block, {})
        for sealed in builder.sealed:
            sealed.commit_to(indexed.store)
            indexed.catch_up()
            numbers = {int(name.rpartition("_")[2]) for name in tables_of(indexed)} - {0}
            assert len(numbers) <= 6
        assert 1 not in numbers
        assert indexed.reader.transaction(ids[0]) is None
        assert indexed.reader.transaction(ids[-1]) is not None
        assert indexed.reader.account_activity(b"\x00" * 20) == []
        assert [row.height for row in indexed.reader.blocks()] == list(range(12, -1, -1))


def test_a_page_goes_on_over_borders_while_the_index_grows_and_drops(file_place: Place):
    builder, _ = long_chain(20)
    layout = IndexLayout(partition_entries=12, keep_ms=6_000)
    with open_indexed(file_place, layout) as indexed:
        indexed.store.initialise(TAGS, builder.sealed[0].block, {})
        for sealed in builder.sealed[:12]:
            sealed.commit_to(indexed.store)
        indexed.catch_up()
        page = indexed.reader.transactions(limit=30)
        for sealed in builder.sealed[12:]:
            sealed.commit_to(indexed.store)
        indexed.catch_up()
        seen = [row.position for row in page]
        following = indexed.reader.transactions(page[-1].position, limit=30)
        assert all(row.position < seen[-1] for row in following)
        oldest = dump(indexed)["partitions"][0][1]
        assert all(row.height >= oldest for row in following)


def test_a_reader_that_was_open_sees_an_index_that_was_made_anew(place: Place):
    first, second = (random_history(seed, blocks=20).builder for seed in (5, 6))
    with open_indexed(place, SMALL) as indexed:
        indexed.take(first)
    place.forget(CHAIN)
    with closing(IndexReader(place.url(INDEX))) as reader:
        assert reader.block_at(9).block_id == first.sealed[9].block_id
        with open_indexed(place, SMALL) as indexed:
            indexed.take(second)
            names = tables_of(indexed)
        for height in range(20):
            assert reader.block_at(height).block_id == second.sealed[height].block_id
            for signed in reader.transactions(height=height):
                assert reader.transaction(signed.transaction_id) == signed
    # Numbers are not given twice, and nothing is left of the old index.
    assert len({name.rpartition("_")[2] for name in names} & {"1", "2", "3"}) == 0

"""A store and an index in databases of the test's own."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from ledger.store import ChainStore, Indexer, IndexLayout, IndexReader
from ledger.store.index_tables import CURSOR, DIGESTS, INDEX_METADATA, PARTITIONS
from ledger.store.partition_tables import ARCHIVE, partition_tables
from tests.databases import CHAIN, INDEX, Place
from tests.store.chains import TAGS, Builder

Dump = dict[str, list[tuple[Any, ...]]]

SMALL = IndexLayout(partition_entries=12)
"""Partitions of a few blocks."""


@dataclass
class Indexed:
    """A chain store with an index that follows it."""

    place: Place
    store: ChainStore
    indexer: Indexer
    reader: IndexReader

    def take(self, builder: Builder, limit: int = 64) -> None:
        """Store a chain's blocks and index them all."""
        self.store.initialise(TAGS, builder.sealed[0].block, {})
        for sealed in builder.sealed:
            sealed.commit_to(self.store)
        self.catch_up(limit)

    def catch_up(self, limit: int = 64) -> None:
        while self.indexer.advance(limit):
            pass


def dump(indexed: Indexed) -> Dump:
    """All rows of the index, in order.

    Numbers of partitions are counted from the first that is there; those of an index that was
    made anew go on where the old ones ended.
    """
    with indexed.indexer._database.reading() as connection:
        cursor = connection.execute(select(CURSOR)).one_or_none()
        first = 1 if cursor is None else cursor.first_partition
        last = 0 if cursor is None else cursor.last_partition
        rows = {
            table.name: [tuple(row) for row in connection.execute(table.select())]
            for table in INDEX_METADATA.sorted_tables
            if table not in {CURSOR, DIGESTS, PARTITIONS}
        }
        rows["cursor"] = [] if cursor is None else [cursor[:5] + cursor[7:]]
        listed = PARTITIONS.select().where(PARTITIONS.c.number >= first)
        rows["partitions"] = [(n - first, *row) for n, *row in connection.execute(listed)]
        closed = DIGESTS.select().where(DIGESTS.c.partition >= first)
        rows["digests"] = [(k, b, n - first, p) for k, b, n, p in connection.execute(closed)]
        for number in range(first, last + 1):
            _dump_partition(connection, number, rows)
        if cursor is not None and cursor.has_archive:
            _dump_partition(connection, ARCHIVE, rows)
    return {name: sorted(each, key=repr) for name, each in rows.items()}


def _dump_partition(connection: Connection, number: int, rows: Dump) -> None:
    tables = partition_tables(number)
    for name in ("blocks", "transactions", "outcomes", "activity"):
        found = connection.execute(getattr(tables, name).select())
        rows.setdefault(name, []).extend(tuple(row) for row in found)


@contextmanager
def open_indexed(place: Place, layout: IndexLayout | None = None) -> Iterator[Indexed]:
    """Open a store and an index; close them at the end."""
    with (
        closing(ChainStore.open(place.url(CHAIN))) as store,
        closing(Indexer(store, place.url(INDEX), layout)) as indexer,
        closing(IndexReader(place.url(INDEX))) as reader,
    ):
        yield Indexed(place, store, indexer, reader)

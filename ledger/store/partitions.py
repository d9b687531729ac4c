"""The writer's side of partitions: when one closes, and when an old one is dropped.

A partition closes after the block that fills it, and the next begins, in the transaction of the
next block; so where they border depends on the chain and not on how it was indexed. With an age
given, partitions whose blocks are all older are dropped: what is no plain transfer moves to the
archive, a partition without digest and without end. Its tables go when the next partition opens,
so that nobody who still reads them loses them.
"""

from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select

from ledger.store.digests import delete_digests, write_digests
from ledger.store.index_tables import CURSOR, PARTITIONS
from ledger.store.partition_tables import ARCHIVE, PartitionTables, partition_tables
from ledger.types import DurationMs, Hash, Height, TimestampMs

PARTITION_ENTRIES: Final = 500_000
"""Blocks, transactions and outcomes after which a partition closes; its indexes over random ids
stay in memory at this size."""


@dataclass(frozen=True, slots=True)
class Partition:
    """A range of blocks with tables of its own."""

    number: int
    """Its number; later blocks have greater ones."""
    first_height: Height
    """Height of its first block."""
    first_ms: TimestampMs
    """Time of that block."""

    @property
    def tables(self) -> PartitionTables:
        """Its tables."""
        return partition_tables(self.number)


@dataclass(frozen=True, slots=True)
class IndexedRange:
    """What is in the index: the row of `CURSOR`."""

    height: Height
    """The newest indexed block."""
    timestamp_ms: TimestampMs
    """Its time."""
    block_id: Hash
    """Its id."""
    first_height: Height
    """The first block that was indexed."""
    first_partition: int
    """The oldest partition that is read."""
    last_partition: int
    """The partition that grows."""
    entries: int
    """Blocks, transactions and outcomes in that."""
    has_archive: int
    """1 if there is an archive besides, else 0."""


def load_range(connection: Connection) -> IndexedRange | None:
    """Return what is in the index, None before genesis."""
    columns = [column for column in CURSOR.columns if column.name != "one"]
    row = connection.execute(select(*columns)).one_or_none()
    return None if row is None else IndexedRange(*row)


def open_partition(
    connection: Connection,
    before: IndexedRange | None,
    first_height: Height,
    first_ms: TimestampMs,
) -> Partition:
    """Close the newest partition, if there is one, and begin the next."""
    if before is not None:
        write_digests(connection, before.last_partition, partition_tables(before.last_partition))
        _drop_unlisted(connection, before.first_partition)
    # After an index was emptied, the numbers go on: readers may know partitions by them.
    newest = connection.execute(select(func.max(PARTITIONS.c.number))).scalar_one() or ARCHIVE
    opened = Partition(newest + 1, first_height, first_ms)
    row = {"number": opened.number, "first_height": first_height, "first_ms": first_ms}
    connection.execute(insert(PARTITIONS).values(row))
    opened.tables.metadata.create_all(connection)
    return opened


def drop_all(connection: Connection) -> None:
    """Drop every partition; the number of the last one stays taken."""
    for number in connection.execute(select(PARTITIONS.c.number)).scalars().all():
        partition_tables(number).metadata.drop_all(connection)
    partition_tables(ARCHIVE).metadata.drop_all(connection)
    newest = select(func.max(PARTITIONS.c.number)).scalar_subquery()
    connection.execute(delete(PARTITIONS).where(PARTITIONS.c.number < newest))


def is_oldest_due(connection: Connection, indexed: IndexedRange, keep_ms: DurationMs) -> bool:
    """Return whether all blocks of the oldest partition are older than that; never the newest."""
    following = PARTITIONS.c.number == indexed.first_partition + 1
    begins_ms = connection.execute(select(PARTITIONS.c.first_ms).where(following)).scalar()
    return begins_ms is not None and begins_ms < indexed.timestamp_ms - keep_ms


def archive_oldest(connection: Connection, indexed: IndexedRange) -> IndexedRange:
    """Move what is no plain transfer from the oldest partition to the archive.

    Returns:
        What is in the index without that partition; the caller moves the cursor to it.
    """
    archive = partition_tables(ARCHIVE)
    archive.metadata.create_all(connection)
    _copy_all_but_transfers(connection, partition_tables(indexed.first_partition), archive)
    return replace(indexed, first_partition=indexed.first_partition + 1, has_archive=1)


def _copy_all_but_transfers(
    connection: Connection, source: PartitionTables, archive: PartitionTables
) -> None:
    """Copy what S11 keeps of old blocks as well: a plain transfer is what has no outcome."""
    effects = source.transactions.c.outcome_count > 0
    activity = source.activity.c
    kept = select(source.transactions.c.position).where(effects)
    for table, target, condition in (
        (source.blocks, archive.blocks, None),
        (source.outcomes, archive.outcomes, None),
        (source.transactions, archive.transactions, effects),
        (
            source.activity,
            archive.activity,
            (activity.automatic == 1) | activity.position.in_(kept),
        ),
    ):
        rows = select(table) if condition is None else select(table).where(condition)
        connection.execute(insert(target).from_select(list(target.columns), rows))


def _drop_unlisted(connection: Connection, first: int) -> None:
    """Drop the tables of partitions that no reader has been shown for a while."""
    older = PARTITIONS.c.number < first
    for number in connection.execute(select(PARTITIONS.c.number).where(older)).scalars().all():
        partition_tables(number).metadata.drop_all(connection)
        delete_digests(connection, number)
    connection.execute(delete(PARTITIONS).where(older))

"""The indexer: follows the block store and writes the rows that `IndexReader` reads.

It keeps its cursor, the height and id of the newest indexed block, in the same transaction as the
rows (K2), so it can be stopped anywhere and indexes nothing twice. It believes no block: id, parent
and both roots are computed again. When the store does not know the block at its cursor (another
chain was put in its place), the index is made anew.

The chain of a node that started from a snapshot, or whose index was lost after old blocks had been
pruned, begins in the middle. The index then begins there too: with the miners that are registered,
and without the jobs that were under way.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Final, Protocol

from sqlalchemy import Connection, bindparam, delete, insert, update

from ledger.hashing import Tags
from ledger.records import Miner, Table, decode_record, state_key
from ledger.store.bulk import insert_rows, upsert_rows
from ledger.store.columns import pack_position
from ledger.store.engine import Database
from ledger.store.entries import (
    MinerEntry,
    load_ballots,
    load_jobs,
    load_miners,
    load_offers,
    load_receipts,
    rows_of,
)
from ledger.store.errors import IndexRefused, SchemaTooOld, StoreMissing
from ledger.store.fold import Fold, concerned_ids, concerned_miners
from ledger.store.history import History
from ledger.store.index_checks import check_blocks
from ledger.store.index_tables import (
    BALLOTS,
    CHANGES,
    CURSOR,
    DIGESTS,
    HOURS,
    JOBS,
    MINER_DAYS,
    MINERS,
    OFFERS,
    REASONS,
    RECEIPTS,
    TOTALS,
)
from ledger.store.partition_tables import PartitionTables, partition_tables
from ledger.store.partitions import (
    PARTITION_ENTRIES,
    IndexedRange,
    archive_oldest,
    drop_all,
    is_oldest_due,
    load_range,
    open_partition,
)
from ledger.store.schema import Schema, require_schema, upgrade_schema
from ledger.store.stored import StoredBlock, StoredHead
from ledger.store.tally import Tally
from ledger.types import DurationMs, Height

_KEPT_BY_POSITION: Final = (
    JOBS,
    RECEIPTS,
    MINERS,
    BALLOTS,
    OFFERS,
    CHANGES,
    TOTALS,
    HOURS,
    MINER_DAYS,
    REASONS,
)
"""Tables that there are once, and that the chain fills."""


class FinalBlocks(Protocol):
    """What the indexer reads of the durable chain; `ChainReader` is one."""

    @property
    def tags(self) -> Tags:
        """Tags of the chain."""

    def final_blocks(self, after_height: int, limit: int) -> list[StoredBlock]:
        """Return blocks after_height+1 …, in order: at most `limit`."""

    def header_at(self, height: Height) -> StoredHead | None:
        """Return header and certificate at a height."""

    def load_records(self) -> tuple[StoredHead, Mapping[bytes, bytes]]:
        """Return the head and all records of the state after it."""


class IndexStep(StrEnum):
    """What an indexer does, in order; a test ends the process there."""

    PARTITION_OPENED = "index-partition-opened"
    """Within the transaction: the partition before it has its digests, this one its tables."""
    BEFORE_COMMIT = "before-index-commit"
    """All rows of a batch are written, and not committed."""
    AFTER_COMMIT = "after-index-commit"
    """The batch is committed, and nobody was told."""
    PARTITION_ARCHIVED = "index-partition-archived"
    """Within the transaction: the oldest partition's rows are in the archive."""


@dataclass(frozen=True, slots=True)
class IndexLayout:
    """How the index is divided, and what of it stays."""

    partition_entries: int = PARTITION_ENTRIES
    """Blocks, transactions and outcomes of a partition."""
    keep_ms: DurationMs = 0
    """Time after which plain transfers leave the index, a whole partition at once; 0 keeps all."""


def prepare_index(url: str) -> Height:
    """Make the index or bring it to this program's schema, and return its cursor's height.

    An index of an older schema may be emptied by that. For the process that reads the index, before
    it starts the one that writes it; one that is up to date may be in use by another.

    Returns:
        Height of the newest indexed block; -1 before genesis.

    Raises:
        StoreUnusable: a subclass that says what to do.
    """
    with closing(Database(url, durable=False)) as database:
        try:
            require_schema(database, Schema.INDEX)
        except (StoreMissing, SchemaTooOld):
            upgrade_schema(database, Schema.INDEX)
        with database.reading() as connection:
            indexed = load_range(connection)
            return -1 if indexed is None else indexed.height


class Indexer:
    """Writes the index of one chain, at its own pace, with its own cursor.

    One indexer per index; it may run in a thread or a process of its own.
    """

    def __init__(
        self,
        chain: FinalBlocks,
        url: str,
        layout: IndexLayout | None = None,
        reached: Callable[[IndexStep], None] = lambda _step: None,
    ) -> None:
        """Open the index at an SQLAlchemy URL, making or upgrading it.

        Args:
            chain: where the blocks are.
            url: of the index.
            layout: how it is divided; a change is for the partitions that follow.
            reached: told of each step, so that a test can end the process there.

        Raises:
            StoreUnusable: a subclass that says what to do.
        """
        self._chain = chain
        self._layout = layout or IndexLayout()
        self._reached = reached
        self.batch_entries = 0
        """Blocks, transactions and outcomes of the last batch."""
        # What power loss takes from the index, the cursor included, is indexed again.
        self._database = Database(url, durable=False)
        try:
            upgrade_schema(self._database, Schema.INDEX)
            with self._database.reading() as connection:
                self._indexed = load_range(connection)
        except BaseException:
            self._database.close()
            raise

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()

    def indexed_height(self) -> int:
        """Return the height of the cursor; -1 before genesis."""
        return -1 if self._indexed is None else self._indexed.height

    def advance(self, limit: int = 64) -> int:
        """Index the next blocks, or drop a partition that is too old; returns how many blocks.

        Returns:
            How many blocks were indexed, 0 when there are none and nothing else is to be done.

        Raises:
            IndexRefused: a stored block does not hash to what its header claims (K2).
            StoreFailed: the database failed; nothing of these blocks is indexed.
        """
        found = self._next_blocks(limit)
        self._archive()
        if not found:
            return 0
        check_blocks(self._chain.tags, found, self._indexed)
        blocks = self._up_to_border(found)
        with self._database.writing() as connection:
            indexed = self._room_for(connection, blocks)
            _move_cursor(connection, self._indexed, indexed)
            starts_late = indexed.first_height > 0
            if self._indexed is None and starts_late:
                upsert_rows(connection, MINERS, rows_of(self._registered_miners(blocks[0])))
            tables = partition_tables(indexed.last_partition)
            _write(connection, tables, blocks, starts_late=starts_late)
            self._reached(IndexStep.BEFORE_COMMIT)
        self._indexed = indexed
        self.batch_entries = sum(map(_entries_of, blocks))
        self._reached(IndexStep.AFTER_COMMIT)
        return len(blocks)

    def _next_blocks(self, limit: int) -> list[StoredBlock]:
        """Return the blocks that follow the cursor; of another chain, they follow nothing (K2)."""
        indexed = self._indexed
        found = self._chain.final_blocks(self.indexed_height(), limit)
        follows = indexed and found and found[0].header.parent_id == indexed.block_id
        if (
            not follows and self._is_foreign()
        ):  # One read more, where they do not say it themselves.
            self._clear()
            found = self._chain.final_blocks(self.indexed_height(), limit)
        return found

    def _up_to_border(self, blocks: Sequence[StoredBlock]) -> Sequence[StoredBlock]:
        """Return the blocks that go into one partition: up to the one that fills it."""
        entries = 0 if self._is_full() or self._indexed is None else self._indexed.entries
        for count, block in enumerate(blocks, 1):
            entries += _entries_of(block)
            if entries >= self._layout.partition_entries:
                return blocks[:count]
        return blocks

    def _is_full(self) -> bool:
        """Return whether the next block opens a partition."""
        indexed = self._indexed
        return indexed is not None and indexed.entries >= self._layout.partition_entries

    def _room_for(self, connection: Connection, blocks: Sequence[StoredBlock]) -> IndexedRange:
        """Open a partition if the newest is full; return what is indexed after these blocks."""
        first, newest, before = blocks[0], blocks[-1], self._indexed
        last, entries = (0, 0) if before is None else (before.last_partition, before.entries)
        if before is None or self._is_full():
            opened = open_partition(connection, before, first.height, first.header.timestamp_ms)
            last, entries = opened.number, 0
            self._reached(IndexStep.PARTITION_OPENED)
        return IndexedRange(
            height=newest.height,
            timestamp_ms=newest.header.timestamp_ms,
            block_id=newest.block_id,
            first_height=first.height if before is None else before.first_height,
            first_partition=last if before is None else before.first_partition,
            last_partition=last,
            entries=entries + sum(map(_entries_of, blocks)),
            has_archive=0 if before is None else before.has_archive,
        )

    def _archive(self) -> None:
        """Drop the oldest partitions, one transaction each, while they are too old."""
        while (before := self._indexed) is not None and self._is_oldest_due(before):
            with self._database.writing() as connection:
                indexed = archive_oldest(connection, before)
                _move_cursor(connection, before, indexed)
                self._reached(IndexStep.PARTITION_ARCHIVED)
            self._indexed = indexed

    def _is_oldest_due(self, indexed: IndexedRange) -> bool:
        if not self._layout.keep_ms:
            return False
        with self._database.reading() as connection:
            return is_oldest_due(connection, indexed, self._layout.keep_ms)

    def _registered_miners(self, first: StoredBlock) -> list[MinerEntry]:
        """Return the miners of the state, as far as a record tells of them."""
        _, records = self._chain.load_records()
        prefix = state_key(Table.MINER)
        return [
            MinerEntry(
                miner=key[len(prefix) :],
                position=pack_position(first.height, 0),
                name=miner.name,
                name_key=miner.name.lower(),
                active=1,
                capabilities_digest=miner.capabilities_digest,
                price_floor=miner.price_floor,
                bond=miner.bond,
                custody=miner.custody,
                registered_ms=first.header.timestamp_ms,
            )
            for key, data in sorted(records.items())
            if key.startswith(prefix) and isinstance(miner := decode_record(key, data), Miner)
        ]

    def _is_foreign(self) -> bool:
        """Return whether the store does not know the block at the cursor (K2)."""
        if self._indexed is None:
            return False
        stored = self._chain.header_at(self._indexed.height)
        return stored is None or stored.block_id != self._indexed.block_id

    def _clear(self) -> None:
        """Empty the index; readers see the old rows until then."""
        with self._database.writing() as connection:
            drop_all(connection)
            for table in (CURSOR, DIGESTS, *_KEPT_BY_POSITION):
                connection.execute(delete(table))
        self._indexed = None


def _entries_of(block: StoredBlock) -> int:
    """Return what a block adds to a partition's size."""
    return 1 + len(block.transactions) + len(block.outcomes)


def _move_cursor(connection: Connection, old: IndexedRange | None, new: IndexedRange) -> None:
    """Move the cursor from where this indexer left it."""
    if old is None:
        if load_range(connection) is None:
            connection.execute(insert(CURSOR).values(one=1, **asdict(new)))
            return
    else:
        values = {"old_height": old.height, "old_block_id": old.block_id, **asdict(new)}
        if connection.execute(_MOVE_CURSOR, values).rowcount == 1:
            return
    raise IndexRefused("another process writes this index; stop one of the two")


_MOVE_CURSOR: Final = (
    update(CURSOR)
    .where(CURSOR.c.height == bindparam("old_height"))
    .where(CURSOR.c.block_id == bindparam("old_block_id"))
    .values({field.name: bindparam(field.name) for field in fields(IndexedRange)})
)


def _write(
    connection: Connection,
    tables: PartitionTables,
    blocks: Sequence[StoredBlock],
    *,
    starts_late: bool,
) -> None:
    """Write the rows of blocks, with one statement a table where they are not too many."""
    concerned = concerned_ids(blocks)
    jobs = load_jobs(connection, concerned)
    known = {job.receipt_position for job in jobs.values() if job.receipt_position is not None}
    workers = {job.miner for job in jobs.values() if job.miner is not None}
    history = History(
        jobs=jobs,
        receipts=load_receipts(connection, known),
        miners=load_miners(connection, workers | concerned_miners(blocks)),
        tally=Tally.load(connection, [block.header.timestamp_ms for block in blocks]),
        starts_late=starts_late,
    )
    fold = Fold(history, load_ballots(connection, concerned), load_offers(connection, concerned))
    for block in blocks:
        fold.add(block)
    insert_rows(connection, tables.blocks, fold.blocks)
    insert_rows(connection, tables.transactions, fold.transactions)
    insert_rows(connection, tables.outcomes, fold.outcomes)
    # In the order of the key: rows of an account lie together, and each page is changed once.
    insert_rows(connection, tables.activity, sorted(fold.activity))
    upsert_rows(connection, JOBS, rows_of(history.jobs.values()))
    upsert_rows(connection, RECEIPTS, rows_of(history.receipts.values()))
    upsert_rows(connection, MINERS, rows_of(history.miners.values()))
    upsert_rows(connection, BALLOTS, rows_of(fold.ballots.values()))
    upsert_rows(connection, OFFERS, rows_of(fold.offers.values()))
    insert_rows(connection, CHANGES, fold.changes)
    history.tally.save(connection)

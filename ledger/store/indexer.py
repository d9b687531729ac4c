"""The indexer: follows the block store and writes the rows that `IndexReader` reads.

It keeps its cursor, the height and id of the newest indexed block, in the same transaction as the
rows (K2), so it can be stopped anywhere and indexes nothing twice. It believes no block: id, parent
and both roots are computed again. When the store does not know the block at its cursor (another
chain was put in its place), the index is made anew.

The chain of a node that started from a snapshot, or whose index was lost after old blocks had been
pruned, begins in the middle. The index then begins there too: with the miners that are registered,
and without the jobs that were under way.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, update

from ledger.block import block_id
from ledger.codec import encode
from ledger.merkle import merkle_root, transaction_leaf
from ledger.records import Miner, Table, decode_record, state_key
from ledger.store.bulk import insert_rows, upsert_rows
from ledger.store.chain_store import ChainStore
from ledger.store.columns import pack_position
from ledger.store.engine import Database
from ledger.store.entries import (
    MinerEntry,
    load_ballots,
    load_jobs,
    load_miners,
    load_receipts,
    rows_of,
)
from ledger.store.errors import IndexRefused
from ledger.store.fold import Fold, concerned_ids, concerned_miners
from ledger.store.history import History
from ledger.store.index_tables import (
    ACTIVITY,
    BALLOTS,
    BLOCKS,
    CHANGES,
    CURSOR,
    INDEX_METADATA,
    JOBS,
    MINERS,
    OUTCOMES,
    RECEIPTS,
    TRANSACTIONS,
)
from ledger.store.schema import Schema, upgrade_schema
from ledger.store.stored import StoredBlock
from ledger.store.tally import Tally
from ledger.types import Hash


class _Cursor(NamedTuple):
    """The newest indexed block."""

    height: int
    block_id: Hash


class Indexer:
    """Writes the index of one chain, at its own pace, with its own cursor.

    One indexer per index; it may run in a thread of its own.
    """

    def __init__(self, chain: ChainStore, url: str) -> None:
        """Open the index at an SQLAlchemy URL, making or upgrading it.

        Raises:
            StoreUnusable: a subclass that says what to do.
        """
        self._chain = chain
        # What power loss takes from the index, the cursor included, is indexed again.
        self._database = Database(url, durable=False)
        try:
            upgrade_schema(self._database, Schema.INDEX)
            self._cursor = self._load_cursor()
            self._starts_late = self._load_start() > 0
        except BaseException:
            self._database.close()
            raise

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()

    def indexed_height(self) -> int:
        """Return the height of the cursor; -1 before genesis."""
        return -1 if self._cursor is None else self._cursor.height

    def advance(self, limit: int = 64) -> int:
        """Index the next blocks; returns how many, 0 when there are none.

        Raises:
            IndexRefused: a stored block does not hash to what its header claims (K2).
            StoreFailed: the database failed; nothing of these blocks is indexed.
        """
        if self._is_foreign():
            self._clear()
        blocks = self._chain.final_blocks(self.indexed_height(), limit)
        if not blocks:
            return 0
        if self._cursor is None:
            self._starts_late = blocks[0].height > 0
        self._check(blocks)
        newest = _Cursor(blocks[-1].height, blocks[-1].block_id)
        with self._database.writing() as connection:
            _move_cursor(connection, self._cursor, newest, blocks[-1].header.timestamp_ms)
            if self._cursor is None and self._starts_late:
                upsert_rows(connection, MINERS, rows_of(self._registered_miners(blocks[0])))
            _write(connection, blocks, starts_late=self._starts_late)
        self._cursor = newest
        return len(blocks)

    def _load_cursor(self) -> _Cursor | None:
        with self._database.reading() as connection:
            row = connection.execute(select(CURSOR.c.height, CURSOR.c.block_id)).one_or_none()
            return None if row is None else _Cursor(*row)

    def _load_start(self) -> int:
        """Return the height of the first indexed block; 0 when there is none."""
        with self._database.reading() as connection:
            first = connection.execute(select(func.min(BLOCKS.c.height))).scalar_one()
            return int(first or 0)

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
        if self._cursor is None:
            return False
        stored = self._chain.header_at(self._cursor.height)
        return stored is None or stored.block_id != self._cursor.block_id

    def _clear(self) -> None:
        """Empty the index; readers see the old rows until then."""
        with self._database.writing() as connection:
            for table in INDEX_METADATA.sorted_tables:
                connection.execute(delete(table))
        self._cursor = None

    def _check(self, blocks: Sequence[StoredBlock]) -> None:
        """Refuse blocks that are not what their headers commit to (K2)."""
        previous = self._cursor
        for block in blocks:
            _check_link(block, previous)
            _check_hash(block, "id", block.block_id, block_id(self._chain.tags, block.header))
            leaves = [
                transaction_leaf(each, signed.transaction.valid_until_ms, signed.signature)
                for each, signed in zip(block.transaction_ids, block.transactions, strict=True)
            ]
            root = block.header.transaction_root
            _check_hash(block, "transaction root", root, merkle_root(leaves))
            root = block.header.outcome_root
            _check_hash(block, "outcome root", root, merkle_root([*map(encode, block.outcomes)]))
            previous = _Cursor(block.height, block.block_id)


def _check_link(block: StoredBlock, previous: _Cursor | None) -> None:
    if previous is None and block.height > 0:
        return  # The chain begins here: nobody has what is before it.
    height, parent_id = (0, bytes(32)) if previous is None else (previous[0] + 1, previous[1])
    if block.height != height or block.header.height != height:
        raise IndexRefused(f"block {height} is missing: the store goes on with {block.height}")
    _check_hash(block, "parent", block.header.parent_id, parent_id)


def _check_hash(block: StoredBlock, what: str, claimed: Hash, computed: Hash) -> None:
    if claimed != computed:
        raise IndexRefused(
            f"{what} of block {block.height} is {claimed.hex()} in the store, but its contents "
            f"give {computed.hex()}; restore the chain database from a copy"
        )


def _move_cursor(
    connection: Connection, old: _Cursor | None, new: _Cursor, timestamp_ms: int
) -> None:
    """Move the cursor from where this indexer left it."""
    values = {"height": new.height, "block_id": new.block_id, "timestamp_ms": timestamp_ms}
    if old is None:
        present = connection.execute(select(CURSOR.c.height)).scalar_one_or_none()
        if present is None:
            connection.execute(insert(CURSOR).values(one=1, **values))
            return
    else:
        here = (CURSOR.c.height == old.height) & (CURSOR.c.block_id == old.block_id)
        if connection.execute(update(CURSOR).where(here).values(values)).rowcount == 1:
            return
    raise IndexRefused("another process writes this index; stop one of the two")


def _write(connection: Connection, blocks: Sequence[StoredBlock], *, starts_late: bool) -> None:
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
    fold = Fold(history, load_ballots(connection, concerned))
    for block in blocks:
        fold.add(block)
    insert_rows(connection, BLOCKS, fold.blocks)
    insert_rows(connection, TRANSACTIONS, fold.transactions)
    insert_rows(connection, OUTCOMES, fold.outcomes)
    insert_rows(connection, ACTIVITY, fold.activity)
    upsert_rows(connection, JOBS, rows_of(history.jobs.values()))
    upsert_rows(connection, RECEIPTS, rows_of(history.receipts.values()))
    upsert_rows(connection, MINERS, rows_of(history.miners.values()))
    upsert_rows(connection, BALLOTS, rows_of(fold.ballots.values()))
    insert_rows(connection, CHANGES, fold.changes)
    history.tally.save(connection)

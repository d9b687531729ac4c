"""Questions about blocks, transactions, outcomes and accounts: what is in partitions.

Rows are collected from the newest to the oldest of the partitions that can hold them, until the
page is full. Which can is said by the catalogue: by height, or by the digests.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from sqlalchemy import Connection, select

from ledger.actions import PostReceipt, SubmitJob
from ledger.store.activity import account_transactions, read_activity
from ledger.store.bulk import chunked
from ledger.store.catalogue import Catalogue
from ledger.store.columns import id_prefix, pack_bound, pack_position, unpack_position
from ledger.store.engine import Database
from ledger.store.errors import FilterUnsupported
from ledger.store.paging import (
    FIND_DIGITS_MIN,
    AnyRow,
    AnySelect,
    Before,
    ModelT,
    fetch,
    has_id,
    id_starts,
    of_block,
    page_size,
    paged,
)
from ledger.store.partition_tables import PartitionTables
from ledger.store.partitions import Partition
from ledger.store.read_models import (
    ActivityRow,
    BlockRow,
    Found,
    FoundKind,
    OutcomeRow,
    TransactionRow,
)
from ledger.store.read_rows import block_row, outcome_row, transaction_row
from ledger.types import Address, Hash, Height


class ChainQueries:
    """The part of `IndexReader` that reads partitions."""

    def __init__(self, database: Database) -> None:
        """Read this database, whose schema is up to date."""
        self._database = database
        self._catalogue = Catalogue()

    def blocks(self, before_height: Height | None = None, limit: int = 25) -> list[BlockRow]:
        """Return blocks, newest first."""
        # The bound is brought into range as positions are.
        bound = None if before_height is None else _height_of((before_height, 0))

        def page(tables: PartitionTables, rows: int) -> AnySelect:
            height = tables.blocks.c.height
            query = tables.block_rows.order_by(height.desc()).limit(rows)
            return query if bound is None else query.where(height < bound)

        return self._collect(lambda c: self._catalogue.below(c, bound), page, block_row, limit)

    def block_at(self, height: Height) -> BlockRow | None:
        """Return the block at a height."""
        rows = self._collect(
            lambda c: self._reach(c, None, height=height),
            lambda tables, _: tables.block_rows.where(tables.blocks.c.height == height),
            block_row,
            limit=1,
        )
        return rows[0] if rows else None

    def block_by_id(self, block_id: Hash) -> BlockRow | None:
        """Return the block of an id."""
        rows = self._collect(
            lambda c: self._catalogue.with_id(c, block_id),
            lambda tables, _: tables.block_rows.where(
                has_id(tables.blocks.c.id_prefix, tables.blocks.c.block_id, block_id)
            ),
            block_row,
            limit=1,
        )
        return rows[0] if rows else None

    def transactions(
        self,
        before: Before = None,
        limit: int = 25,
        *,
        height: Height | None = None,
        address: Address | None = None,
    ) -> list[TransactionRow]:
        """Return transactions, newest first: all, of one block, or that concern an account.

        Args:
            before: position of the previous page's last row.
            limit: most rows.
            height: only this block's.
            address: only those that the account signed, receives from, or is party to.

        Raises:
            FilterUnsupported: both `height` and `address`.
        """
        if height is not None and address is not None:
            raise FilterUnsupported("filter transactions by height or by address, not by both")

        def page(tables: PartitionTables, rows: int) -> AnySelect:
            if address is not None:
                query = account_transactions(tables, address)
                return paged(query, tables.activity.c.position, before, rows)
            key = tables.transactions.c.position
            return of_block(paged(tables.transaction_rows, key, before, rows), key, height)

        return self._collect(
            lambda c: self._reach(c, before, height=height, address=address),
            page,
            transaction_row,
            limit,
        )

    def transaction(self, transaction_id: Hash) -> TransactionRow | None:
        """Return a final transaction."""

        def matching(tables: PartitionTables, rows: int) -> AnySelect:
            columns = tables.transactions.c
            condition = has_id(columns.id_prefix, columns.transaction_id, transaction_id)
            return tables.transaction_rows.where(condition).limit(rows)

        rows = self._collect(
            lambda c: self._catalogue.with_id(c, transaction_id), matching, transaction_row, 1
        )
        return rows[0] if rows else None

    def transaction_heights(self, transaction_ids: Sequence[Hash]) -> dict[Hash, Height]:
        """Return the heights of those among some transactions that are indexed."""
        found: dict[Hash, Height] = {}
        with self._database.reading() as connection:
            missing = set(transaction_ids)
            for partition in self._catalogue.with_ids(connection, missing):
                here = _heights_in(connection, partition.tables, missing)
                found |= here
                missing.difference_update(here)
                if not missing:
                    break
        return found

    def outcomes(
        self,
        before: Before = None,
        limit: int = 100,
        *,
        height: Height | None = None,
        object_id: bytes | None = None,
    ) -> list[OutcomeRow]:
        """Return outcomes, newest first: all, of one block, or of one object such as a job."""

        def page(tables: PartitionTables, rows: int) -> AnySelect:
            columns = tables.outcomes.c
            query = paged(tables.outcome_rows, columns.position, before, rows)
            query = of_block(query, columns.position, height)
            if object_id is None:
                return query
            return query.where(has_id(columns.object_prefix, columns.object_id, object_id))

        return self._collect(
            lambda c: self._reach(c, before, height=height, object_id=object_id),
            page,
            outcome_row,
            limit,
        )

    def outcomes_of(self, transaction: TransactionRow) -> list[OutcomeRow]:
        """Return what a transaction did, in order."""
        with self._database.reading() as connection:
            partition = self._catalogue.at(connection, transaction.height)
            if partition is None:
                return []
            tables = partition.tables
            columns, key = tables.transactions.c, tables.outcomes.c.position
            at = columns.position == pack_position(transaction.height, transaction.index)
            extent = select(columns.first_outcome, columns.outcome_count).where(at)
            # A plain transfer, which has no outcomes, may have left the index meanwhile.
            first, count = connection.execute(extent).one_or_none() or (0, 0)
            if count == 0:
                return []
            start = pack_position(transaction.height, first)
            here = key.between(start, start + count - 1)
            return fetch(connection, tables.outcome_rows.where(here).order_by(key), outcome_row)

    def causes_of(self, outcomes: Iterable[OutcomeRow]) -> dict[Hash, TransactionRow]:
        """Return the transactions that caused some outcomes, by id; automatic work has none.

        An outcome stands in the block of its cause, so no digest is asked where that is.
        """
        found: dict[Hash, TransactionRow] = {}
        with self._database.reading() as connection:
            partitions = self._catalogue.partitions(connection)
            wanted: dict[Partition, set[Hash]] = {}
            for row in outcomes:
                here = next((each for each in partitions if each.first_height <= row.height), None)
                if row.cause is not None and here is not None:
                    wanted.setdefault(here, set()).add(row.cause)
            for partition, ids in wanted.items():
                for cause in _transactions_in(connection, partition.tables, ids):
                    found[cause.transaction_id] = cause
        return found

    def account_activity(
        self, address: Address, before: Before = None, limit: int = 25
    ) -> list[ActivityRow]:
        """Return what concerned an account, newest first."""
        rows: list[ActivityRow] = []
        with self._database.reading() as connection:
            for partition in self._reach(connection, before, address=address):
                left = page_size(limit) - len(rows)
                rows += read_activity(connection, partition.tables, address, before, left)
                if len(rows) >= page_size(limit):
                    break
        return rows

    def find(self, hex_prefix: str, limit: int = 10) -> list[Found]:
        """Return blocks, transactions, receipts and jobs whose id starts with some hex digits.

        Args:
            hex_prefix: 6 to 64 hex digits, any case; anything else finds nothing.
            limit: most objects of each kind.
        """
        digits = hex_prefix.lower()
        if not FIND_DIGITS_MIN <= len(digits) <= 64 or set(digits) - set("0123456789abcdef"):
            return []

        def blocks(tables: PartitionTables, rows: int) -> AnySelect:
            columns = tables.blocks.c
            starts = id_starts(columns.id_prefix, columns.block_id, digits)
            return tables.block_rows.where(starts).limit(rows)

        def transactions(tables: PartitionTables, rows: int) -> AnySelect:
            columns = tables.transactions.c
            starts = id_starts(columns.id_prefix, columns.transaction_id, digits)
            return tables.transaction_rows.where(starts).limit(rows)

        def partitions(connection: Connection) -> Iterable[Partition]:
            return self._catalogue.with_digits(connection, digits)

        found = [
            Found(FoundKind.BLOCK, row.block_id, row.height)
            for row in self._collect(partitions, blocks, block_row, limit)
        ]
        for row in self._collect(partitions, transactions, transaction_row, limit):
            found.extend(Found(kind, row.transaction_id, row.height) for kind in _kinds(row))
        return found

    def _reach(
        self,
        connection: Connection,
        before: Before,
        *,
        height: Height | None = None,
        address: Address | None = None,
        object_id: bytes | None = None,
    ) -> Iterable[Partition]:
        """Return the partitions that can hold what a page asks for, newest first."""
        if height is not None:
            partition = self._catalogue.at(connection, height)
            return [] if partition is None else [partition]
        bound = None if before is None else _height_of(before)
        if address is not None:
            return self._catalogue.with_account(connection, address, bound)
        if object_id is not None:
            return self._catalogue.with_id(connection, object_id, bound)
        return self._catalogue.below(connection, bound)

    def _collect(
        self,
        partitions: Callable[[Connection], Iterable[Partition]],
        query: Callable[[PartitionTables, int], AnySelect],
        model: Callable[[AnyRow], ModelT],
        limit: int,
    ) -> list[ModelT]:
        """Return the rows of partitions, in their order, until there are as many as wanted.

        Args:
            partitions: those to look into; each is asked for when the ones before were not enough.
            query: of the tables of one, for at most so many rows.
            model: makes the answer's rows.
            limit: most rows.
        """
        rows: list[ModelT] = []
        with self._database.reading() as connection:
            for partition in partitions(connection):
                left = page_size(limit) - len(rows)
                rows += fetch(connection, query(partition.tables, left), model)
                if len(rows) >= page_size(limit):
                    break
        return rows


def _heights_in(
    connection: Connection, tables: PartitionTables, transaction_ids: Collection[Hash]
) -> dict[Hash, Height]:
    """Return the heights of those among some transactions that a partition holds."""
    columns = tables.transactions.c
    query = select(columns.transaction_id, columns.position)
    found: dict[Hash, Height] = {}
    for prefixes in chunked(sorted(map(id_prefix, transaction_ids))):
        for transaction_id, position in connection.execute(
            query.where(columns.id_prefix.in_(prefixes))
        ):
            if transaction_id in transaction_ids:
                found[transaction_id] = unpack_position(position)[0]
    return found


def _transactions_in(
    connection: Connection, tables: PartitionTables, transaction_ids: Collection[Hash]
) -> Iterator[TransactionRow]:
    """Yield those among some transactions that a partition holds."""
    prefix = tables.transactions.c.id_prefix
    for prefixes in chunked(sorted(map(id_prefix, transaction_ids))):
        query = tables.transaction_rows.where(prefix.in_(prefixes))
        for row in fetch(connection, query, transaction_row):
            if row.transaction_id in transaction_ids:
                yield row


def _height_of(before: tuple[int, int]) -> Height:
    """Return the height of a page's bound from outside, brought into range as positions are."""
    return unpack_position(pack_bound(*before))[0]


def _kinds(row: TransactionRow) -> list[FoundKind]:
    """Return what a transaction is found as."""
    action = row.content.transaction.action
    if isinstance(action, SubmitJob):
        return [FoundKind.TRANSACTION, FoundKind.JOB]
    if isinstance(action, PostReceipt):
        return [FoundKind.TRANSACTION, FoundKind.RECEIPT]
    return [FoundKind.TRANSACTION]

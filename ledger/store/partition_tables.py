"""Tables of a partition of the index, and the selects that read them.

A partition holds the rows of a range of blocks, in tables of its own: `transactions_7` and so on.
Its ordinary indexes over random ids and addresses stay as small as the partition, so a row costs
the same however long the chain is. Rows are keyed by position (see `columns.pack_position`), so
that they are appended in order and lists page by primary key. Indexes over ids hold 8-byte prefixes
and are never unique (S12).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sqlalchemy import Column, Index, Integer, LargeBinary, MetaData, Table, literal, select

from ledger.store.columns import ENTRY_BITS, BigInt
from ledger.store.paging import AnySelect

ARCHIVE: Final = 0
"""Number of the partition that keeps what is no plain transfer from partitions that were dropped.
Others are numbered from 1; no number is given twice in a database."""

_CACHED: Final = 256
"""Partitions whose table objects are kept; to make them again takes a millisecond."""


@dataclass(frozen=True, slots=True)
class PartitionTables:
    """The tables of one partition."""

    blocks: Table
    """Blocks, by height."""
    transactions: Table
    """What a transaction did are `outcome_count` outcomes of its block from `first_outcome` on."""
    outcomes: Table
    """Outcome records, also by the object that they are about."""
    activity: Table
    """What concerned an account: the transaction at a position, or if automatic the outcome."""
    block_rows: AnySelect
    """What `read_rows.block_row` reads."""
    transaction_rows: AnySelect
    """What `read_rows.transaction_row` reads."""
    outcome_rows: AnySelect
    """What `read_rows.outcome_row` reads."""

    @property
    def metadata(self) -> MetaData:
        """All tables of the partition, to make and to drop them."""
        return self.blocks.metadata


@lru_cache(maxsize=_CACHED)
def partition_tables(number: int) -> PartitionTables:
    """Return the tables of a partition; they need not exist."""
    metadata = MetaData()
    blocks = _blocks(metadata, number)
    transactions = _transactions(metadata, number)
    outcomes = _outcomes(metadata, number)
    # PostgreSQL shifts by 32-bit integers only.
    bits = literal(ENTRY_BITS, Integer)
    height_of_transaction = transactions.c.position.bitwise_rshift(bits)
    height_of_outcome = outcomes.c.position.bitwise_rshift(bits)
    return PartitionTables(
        blocks=blocks,
        transactions=transactions,
        outcomes=outcomes,
        activity=_activity(metadata, number),
        block_rows=select(
            blocks.c.block_id, blocks.c.header, blocks.c.body_bytes, blocks.c.certificate
        ),
        transaction_rows=select(
            transactions.c.position,
            transactions.c.transaction_id,
            transactions.c.signed,
            blocks.c.block_id,
            blocks.c.timestamp_ms,
        ).join_from(transactions, blocks, blocks.c.height == height_of_transaction),
        outcome_rows=select(
            outcomes.c.position, outcomes.c.outcome, blocks.c.timestamp_ms
        ).join_from(outcomes, blocks, blocks.c.height == height_of_outcome),
    )


def _blocks(metadata: MetaData, number: int) -> Table:
    return Table(
        f"blocks_{number}",
        metadata,
        Column("height", BigInt, primary_key=True, autoincrement=False),
        Column("id_prefix", BigInt, nullable=False),
        Column("timestamp_ms", BigInt, nullable=False),
        Column("body_bytes", BigInt, nullable=False),
        Column("block_id", LargeBinary, nullable=False),
        Column("header", LargeBinary, nullable=False),
        Column("certificate", LargeBinary, nullable=False),
        Index(f"blocks_{number}_id_prefix", "id_prefix"),
        sqlite_strict=True,
    )


def _transactions(metadata: MetaData, number: int) -> Table:
    return Table(
        f"transactions_{number}",
        metadata,
        Column("position", BigInt, primary_key=True, autoincrement=False),
        Column("id_prefix", BigInt, nullable=False),
        Column("first_outcome", BigInt, nullable=False),
        Column("outcome_count", BigInt, nullable=False),
        Column("transaction_id", LargeBinary, nullable=False),
        Column("signed", LargeBinary, nullable=False),
        Index(f"transactions_{number}_id_prefix", "id_prefix"),
        sqlite_strict=True,
    )


def _outcomes(metadata: MetaData, number: int) -> Table:
    return Table(
        f"outcomes_{number}",
        metadata,
        Column("position", BigInt, primary_key=True, autoincrement=False),
        Column("object_prefix", BigInt, nullable=False),
        Column("object_id", LargeBinary, nullable=False),
        Column("outcome", LargeBinary, nullable=False),
        Index(f"outcomes_{number}_object", "object_prefix", "position"),
        sqlite_strict=True,
    )


def _activity(metadata: MetaData, number: int) -> Table:
    return Table(
        f"activity_{number}",
        metadata,
        Column("address", LargeBinary, primary_key=True),
        Column("automatic", BigInt, primary_key=True, autoincrement=False),
        Column("position", BigInt, primary_key=True, autoincrement=False),
        Column("received", BigInt, nullable=False),
        Column("spent", BigInt, nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )

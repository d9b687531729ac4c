"""Tables of the chain database. `migrations/chain` makes them; a test compares the two."""

from typing import Final

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

from ledger.store.columns import BigInt

CHAIN_METADATA: Final = MetaData()

CHAIN: Final = Table(
    "chain",
    CHAIN_METADATA,
    Column("one", BigInt, CheckConstraint("one = 1"), primary_key=True, autoincrement=False),
    Column("chain_id", Text, nullable=False),
    Column("genesis_digest", LargeBinary, nullable=False),
    Column("checkpoint_height", BigInt, nullable=False),
    sqlite_strict=True,
)
"""One row: which chain this is, and the height up to which `STATE` is complete."""

BLOCKS: Final = Table(
    "blocks",
    CHAIN_METADATA,
    Column("height", BigInt, primary_key=True, autoincrement=False),
    Column("id_prefix", BigInt, nullable=False),
    Column("timestamp_ms", BigInt, nullable=False),
    Column("block_id", LargeBinary, nullable=False),
    Column("header", LargeBinary, nullable=False),
    Column("certificate", LargeBinary, nullable=False),
    Column("outcomes", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("blocks_id_prefix", "id_prefix"),
    sqlite_strict=True,
)
"""Final blocks. What is large comes last, so that reading headers does not touch it."""

SUMMARIES: Final = Table(
    "summaries",
    CHAIN_METADATA,
    Column("height", BigInt, primary_key=True, autoincrement=False),
    Column("id_prefix", BigInt, nullable=False),
    Column("timestamp_ms", BigInt, nullable=False),
    Column("block_id", LargeBinary, nullable=False),
    Column("header", LargeBinary, nullable=False),
    Column("certificate", LargeBinary, nullable=False),
    Column("leaves", LargeBinary, nullable=True),
    Column("outcomes", LargeBinary, nullable=True),
    Column("kept", LargeBinary, nullable=False),
    Index("summaries_id_prefix", "id_prefix"),
    sqlite_strict=True,
)
"""What is kept of final blocks below the first whole one (S11): see `summaries`."""

EPOCH_ENDS: Final = Table(
    "epoch_ends",
    CHAIN_METADATA,
    Column("epoch", BigInt, primary_key=True, autoincrement=False),
    Column("height", BigInt, nullable=False),
    Column("next_set", LargeBinary, nullable=False),
    sqlite_strict=True,
)
"""The last block of each epoch that has ended, and the validator set that it changed to, if any."""

DELTAS: Final = Table(
    "deltas",
    CHAIN_METADATA,
    Column("height", BigInt, ForeignKey("blocks.height"), primary_key=True, autoincrement=False),
    Column("key_count", BigInt, nullable=False),
    Column("changes", LargeBinary, nullable=False),
    sqlite_strict=True,
)
"""What each block above the checkpoint changed: MessagePack array of [key, value or nil]."""

RECENT_IDS: Final = Table(
    "recent_ids",
    CHAIN_METADATA,
    Column("height", BigInt, primary_key=True, autoincrement=False),
    Column("last_ms", BigInt, nullable=False),
    Column("ids", LargeBinary, nullable=False),
    sqlite_strict=True,
)
"""Ids of a block's transactions, while one of them is valid: see `recent_ids`."""

STATE: Final = Table(
    "state",
    CHAIN_METADATA,
    Column("state_key", LargeBinary, primary_key=True),
    Column("record", LargeBinary, nullable=False),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""Records of the state. Rows may be ahead of the checkpoint; replaying the deltas mends that."""

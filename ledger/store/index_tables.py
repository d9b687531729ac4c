"""Tables of the index that there are once. `migrations/index` makes them; a test compares the two.

What every transfer adds to is in partitions, see `partition_tables`. Here is what has few rows a
block or none: jobs and their receipts, miners, ballots, counters. Rows are keyed by position (see
`columns.pack_position`) and lists page by primary key. Indexes over ids hold 8-byte prefixes and
are never unique (S12).
"""

from typing import Final

from sqlalchemy import CheckConstraint, Column, Index, LargeBinary, MetaData, Table, Text

from ledger.store.columns import BigInt, WideInt

INDEX_METADATA: Final = MetaData()


def _key(name: str = "position") -> Column[int]:
    return Column(name, BigInt, primary_key=True, autoincrement=False)


def _number(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInt, nullable=nullable)


def _sum(name: str) -> Column[int]:
    return Column(name, WideInt, nullable=False)


def _bytes(name: str, *, nullable: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=nullable)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


CURSOR: Final = Table(
    "index_cursor",
    INDEX_METADATA,
    Column("one", BigInt, CheckConstraint("one = 1"), primary_key=True, autoincrement=False),
    _number("height"),
    _number("timestamp_ms"),
    _bytes("block_id"),
    _number("first_height"),
    _number("first_partition"),
    _number("last_partition"),
    _number("entries"),
    _number("has_archive"),
    sqlite_strict=True,
)
"""One row: the newest indexed block (K2), and what is there. No row before genesis is indexed.

`first_height` is that of the first block that was indexed. Partitions from `first_partition` to
`last_partition` are read, besides the archive if there is one; `entries` counts the last one's
blocks, transactions and outcomes.
"""

PARTITIONS: Final = Table(
    "partitions",
    INDEX_METADATA,
    _key("number"),
    _number("first_height"),
    _number("first_ms"),
    sqlite_strict=True,
)
"""Partitions by number, with height and time of their first block. Rows below the cursor's first
partition are of partitions whose tables have yet to go."""

DIGESTS: Final = Table(
    "digests",
    INDEX_METADATA,
    _key("kind"),
    _key("bucket"),
    _key("partition"),
    _bytes("prints"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""Which ids and accounts closed partitions hold; see `digests`."""

JOBS: Final = Table(
    "jobs",
    INDEX_METADATA,
    _key(),
    _number("id_prefix"),
    _bytes("job_id"),
    _bytes("client"),
    _bytes("terms"),
    _number("submitted_ms"),
    _text("phase"),
    _text("payment"),
    _number("attempt"),
    _bytes("miner", nullable=True),
    _number("price_cap", nullable=True),
    _number("lease_end_ms", nullable=True),
    _number("assigned_height", nullable=True),
    _number("assigned_ms", nullable=True),
    _number("receipt_position", nullable=True),
    _bytes("receipt_id", nullable=True),
    _number("received_ms", nullable=True),
    _number("ended_height", nullable=True),
    _number("ended_ms", nullable=True),
    _number("end_kind", nullable=True),
    _number("end_code", nullable=True),
    _number("paid_miner"),
    _number("paid_coordinator"),
    _number("paid_client"),
    _number("disputed_height", nullable=True),
    _number("disputed_ms", nullable=True),
    _bytes("disputed_by", nullable=True),
    _number("dispute_reason", nullable=True),
    _number("dispute_bond", nullable=True),
    Index("jobs_id_prefix", "id_prefix"),
    Index("jobs_client", "client", "position"),
    Index("jobs_client_phase", "client", "phase", "position"),
    Index("jobs_miner", "miner", "position"),
    Index("jobs_miner_phase", "miner", "phase", "position"),
    Index("jobs_phase", "phase", "position"),
    sqlite_strict=True,
)

RECEIPTS: Final = Table(
    "receipts",
    INDEX_METADATA,
    _key(),
    _number("id_prefix"),
    _bytes("receipt_id"),
    _number("timestamp_ms"),
    _bytes("client"),
    _bytes("miner"),
    _text("miner_name"),
    _number("custody"),
    _bytes("content"),
    _text("payment"),
    _number("delivery_height", nullable=True),
    _number("delivery_ms", nullable=True),
    _bytes("delivery_id", nullable=True),
    _number("rerun_height", nullable=True),
    _number("rerun_ms", nullable=True),
    _bytes("rerun_id", nullable=True),
    _number("settled_height", nullable=True),
    _number("settled_ms", nullable=True),
    _number("paid_miner"),
    _number("paid_coordinator"),
    _number("paid_client"),
    Index("receipts_id_prefix", "id_prefix"),
    Index("receipts_client", "client", "position"),
    Index("receipts_miner", "miner", "position"),
    Index("receipts_client_miner", "client", "miner", "position"),
    sqlite_strict=True,
)

MINERS: Final = Table(
    "miners",
    INDEX_METADATA,
    Column("miner", LargeBinary, primary_key=True),
    _number("position"),
    _text("name"),
    _text("name_key"),
    _number("active"),
    _bytes("capabilities_digest"),
    _number("price_floor"),
    _number("bond"),
    _number("custody"),
    _number("registered_ms"),
    _number("retired_height", nullable=True),
    _number("retired_ms", nullable=True),
    _number("assignments"),
    _number("receipts"),
    _number("settled"),
    _number("released"),
    _number("lost"),
    _sum("earned"),
    _number("timeouts"),
    _number("refuted"),
    _number("reruns"),
    Index("miners_position", "position"),
    Index("miners_name", "name_key", "active", "position"),
    Index("miners_earned", "earned"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""Registered and retired miners; a miner that registers again keeps its row and its record."""

BALLOTS: Final = Table(
    "ballots",
    INDEX_METADATA,
    _key(),
    _number("id_prefix"),
    _bytes("ballot_id"),
    _bytes("opener"),
    _number("kind"),
    _bytes("motion"),
    _number("opened_ms"),
    _text("status"),
    _number("closed_height", nullable=True),
    _number("closed_ms", nullable=True),
    Index("ballots_id_prefix", "id_prefix"),
    Index("ballots_status", "status", "position"),
    sqlite_strict=True,
)
"""Ballots, open and closed; the votes on one are the outcomes of its id."""

OFFERS: Final = Table(
    "offers",
    INDEX_METADATA,
    _key(),
    _number("id_prefix"),
    _bytes("offer_id"),
    _bytes("miner"),
    _text("service"),
    _number("price"),
    _number("capacity"),
    _number("remaining"),
    _number("posted_ms"),
    _number("expires_ms"),
    _text("status"),
    _number("closed_height", nullable=True),
    _number("closed_ms", nullable=True),
    Index("offers_id_prefix", "id_prefix"),
    Index("offers_status", "status", "position"),
    Index("offers_service", "service", "status", "position"),
    Index("offers_price", "service", "status", "price", "position"),
    sqlite_strict=True,
)
"""Offers of miners, open and closed."""

CHANGES: Final = Table(
    "changes",
    INDEX_METADATA,
    _key(),
    _number("timestamp_ms"),
    _bytes("outcome"),
    sqlite_strict=True,
)
"""What ballots, evidence and epochs' ends changed about authorities, coordinators, parameters."""

TOTALS: Final = Table(
    "totals",
    INDEX_METADATA,
    Column("name", Text, primary_key=True),
    _sum("amount"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""Counters, so that nobody has to count rows; the names are in `tally`."""

HOURS: Final = Table(
    "hours",
    INDEX_METADATA,
    _key("hour"),
    _number("blocks"),
    _number("transactions"),
    _number("jobs"),
    _number("receipts"),
    _number("settled"),
    _number("unpaid"),
    _sum("paid"),
    _sum("refunded"),
    _sum("fees"),
    _number("assigned"),
    _number("wait_ms"),
    _number("worked_ms"),
    sqlite_strict=True,
)
"""The same by hour of block time, counted from the Unix epoch."""

MINER_DAYS: Final = Table(
    "miner_days",
    INDEX_METADATA,
    Column("miner", LargeBinary, primary_key=True),
    _key("day"),
    _number("attempts"),
    _number("completed"),
    _number("faults"),
    _number("settled"),
    _number("refuted"),
    _sum("earned"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""What a miner did on a day of block time, counted from the Unix epoch."""

REASONS: Final = Table(
    "reasons",
    INDEX_METADATA,
    _key("hour"),
    _key("kind"),
    _key("code"),
    _number("count"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
"""How often attempts and jobs ended without pay in an hour: the outcome's kind, and the reason."""

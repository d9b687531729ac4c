"""Tables of what clients own: money by line, budgets and use of keys, files in use and under way.

Times are milliseconds, amounts nait, ids and addresses raw bytes.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, PrimaryKeyConstraint, String, Table

from coordinator.database.tables import Address, Id, Sequence, metadata

account_entries = Table(
    "account_entries",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("address", Address, nullable=False),
    Column("height", BigInteger, nullable=False),
    # Place of the transaction in its block; -1 for what the chain does by itself.
    Column("position", Integer, nullable=False),
    # Place of the block's outcome record that credited it; NULL for what a transaction spends.
    Column("outcome", Integer),
    Column("timestamp_ms", BigInteger, nullable=False),
    Column("kind", String(20), nullable=False),
    # Negative for what left the account; the fee comes on top.
    Column("amount", BigInteger, nullable=False),
    Column("fee", BigInteger, nullable=False),
    # Sum of all entries of the account up to this one.
    Column("balance", BigInteger, nullable=False),
    Column("transaction_id", Id),
    Column("job_id", Id),
    Index("account_entries_by_time", "address", "timestamp_ms", "seq"),
)
"""What moved on the accounts that belong to clients; wholly derived from the chain."""

key_budgets = Table(
    "key_budgets",
    metadata,
    Column("budget_id", String(32), primary_key=True),
    Column("amount", BigInteger, nullable=False),
    Column("period", String(8), nullable=False),
)
"""What keys may spend. The keys that follow one another by rotation share one budget."""

key_spends = Table(
    "key_spends",
    metadata,
    Column("key_id", String(32), nullable=False),
    # Day since 1970, UTC, on which the jobs were ordered.
    Column("day", Integer, nullable=False),
    Column("jobs", BigInteger, nullable=False),
    Column("paid", BigInteger, nullable=False),
    PrimaryKeyConstraint("key_id", "day"),
)
"""What the ended jobs of keys cost: added up in the transaction that ends them, and derived from
the chain as their ends are. Jobs that have not ended are counted when they are asked for."""

transfers = Table(
    "transfers",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    # Where it is, its row in the outbox says.
    Column("transaction_id", Id, nullable=False, unique=True),
    Column("client_id", String(64), nullable=False),
    Column("key_id", String(32), nullable=False),
    Column("sender", Address, nullable=False),
    Column("receiver", Address, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("fee", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Index("transfers_by_client", "client_id", "seq"),
    Index("transfers_by_key", "key_id", "created_ms"),
)
"""Units that clients sent by this API from wallets that are kept here."""

key_usage = Table(
    "key_usage",
    metadata,
    Column("key_id", String(32), primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("last_used_ms", BigInteger, nullable=False),
)
"""Requests by key; counted in memory and added up here every second or so."""

artifact_uses = Table(
    "artifact_uses",
    metadata,
    Column("job_id", Id, nullable=False),
    Column("digest", Id, nullable=False, index=True),
    PrimaryKeyConstraint("job_id", "digest"),
)
"""Which files the payload and the result of a job name, as long as either is kept."""

uploads = Table(
    "uploads",
    metadata,
    Column("upload_id", String(32), primary_key=True),
    Column("client_id", String(64), nullable=False, index=True),
    Column("digest", Id, nullable=False),
    Column("size", BigInteger, nullable=False),
    # Bytes that are on disk; what a draft holds beyond them came in a piece that did not end.
    Column("received", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False, index=True),
)
"""Files that come in pieces."""

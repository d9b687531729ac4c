"""Tables of the marketplace: offers, who accepted them, and counts of what miners did.

Times are milliseconds, amounts nait, ids and addresses raw bytes.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from coordinator.database.tables import Address, Id, Sequence, metadata

offers = Table(
    "offers",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("offer_id", Id, nullable=False, unique=True),
    # NULL for an offer that reached the chain without passing through this API.
    Column("client_id", String(64)),
    Column("miner", Address, nullable=False),
    Column("job_type", String(32), nullable=False),
    Column("price", BigInteger, nullable=False),
    Column("capacity", Integer, nullable=False),
    # JSON as the miner wrote it; its digest is on the chain. NULL where only the digest is known.
    Column("requirements", Text),
    Column("requirements_digest", LargeBinary(32), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("status", String(16), nullable=False),
    # Jobs that the chain's offer can still take, and acceptances of them that are under way.
    Column("slots_left", Integer, nullable=False),
    Column("reserved", Integer, nullable=False, server_default="0"),
    Index("offers_by_price", "status", "price", "seq"),
    Index("offers_by_type", "status", "job_type", "price", "seq"),
    Index("offers_by_miner", "miner", "status"),
)

acceptances = Table(
    "acceptances",
    metadata,
    Column("transaction_id", Id, primary_key=True),
    Column("offer_id", Id, nullable=False, index=True),
    Column("job_id", Id, nullable=False, index=True),
    Column("phase", String(16), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    # When the miner fetched the job; until then it is shown the job before any other.
    Column("fetched_ms", BigInteger),
)
"""Acceptances of offers; a pending one holds a slot of its offer."""

market_totals = Table(
    "market_totals",
    metadata,
    Column("name", String(24), primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"""Counts over all jobs of this coordinator, kept as blocks come; wholly derived from the chain."""

miner_records = Table(
    "miner_records",
    metadata,
    Column("miner", Address, nullable=False),
    Column("service", String(32), nullable=False),
    # Attempts by how they ended; those that nobody blames the miner for are no fault.
    Column("attempts", BigInteger, nullable=False),
    Column("completed", BigInteger, nullable=False),
    Column("faults", BigInteger, nullable=False),
    Column("settled", BigInteger, nullable=False),
    Column("refuted", BigInteger, nullable=False),
    # Sum over completed attempts, from the assignment's block to the receipt's.
    Column("work_ms", BigInteger, nullable=False),
    Column("earned", BigInteger, nullable=False),
    # Weights in millionths that fade with time, as of `faded_day`.
    Column("completed_micro", BigInteger, nullable=False),
    Column("faults_micro", BigInteger, nullable=False),
    Column("settled_micro", BigInteger, nullable=False),
    Column("refuted_micro", BigInteger, nullable=False),
    Column("faded_day", Integer, nullable=False),
    PrimaryKeyConstraint("miner", "service"),
)
"""What each miner did for each service; wholly derived from the chain."""

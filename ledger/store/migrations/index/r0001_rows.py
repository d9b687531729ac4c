"""The rows that pages and API lists are read from."""

import sqlalchemy as sa
from alembic import op

revision = "index_0001"
down_revision = None
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the first tables."""
    _chain_tables()
    _job_table()
    _receipt_table()
    _miner_and_total_tables()


def _chain_tables() -> None:
    op.create_table(
        "index_cursor",
        sa.Column(
            "one", _BIG, sa.CheckConstraint("one = 1"), primary_key=True, autoincrement=False
        ),
        sa.Column("height", _BIG, nullable=False),
        sa.Column("timestamp_ms", _BIG, nullable=False),
        sa.Column("block_id", sa.LargeBinary, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "blocks",
        sa.Column("height", _BIG, primary_key=True, autoincrement=False),
        sa.Column("id_prefix", _BIG, nullable=False),
        sa.Column("timestamp_ms", _BIG, nullable=False),
        sa.Column("body_bytes", _BIG, nullable=False),
        sa.Column("block_id", sa.LargeBinary, nullable=False),
        sa.Column("header", sa.LargeBinary, nullable=False),
        sa.Column("certificate", sa.LargeBinary, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("blocks_id_prefix", "blocks", ["id_prefix"])
    op.create_table(
        "transactions",
        sa.Column("position", _BIG, primary_key=True, autoincrement=False),
        sa.Column("height", _BIG, nullable=False),
        sa.Column("id_prefix", _BIG, nullable=False),
        sa.Column("first_outcome", _BIG, nullable=False),
        sa.Column("outcome_count", _BIG, nullable=False),
        sa.Column("transaction_id", sa.LargeBinary, nullable=False),
        sa.Column("signed", sa.LargeBinary, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("transactions_id_prefix", "transactions", ["id_prefix"])
    op.create_table(
        "outcomes",
        sa.Column("position", _BIG, primary_key=True, autoincrement=False),
        sa.Column("height", _BIG, nullable=False),
        sa.Column("object_prefix", _BIG, nullable=False),
        sa.Column("object_id", sa.LargeBinary, nullable=False),
        sa.Column("outcome", sa.LargeBinary, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("outcomes_object", "outcomes", ["object_prefix", "position"])
    op.create_table(
        "activity",
        sa.Column("address", sa.LargeBinary, primary_key=True),
        sa.Column("automatic", _BIG, primary_key=True, autoincrement=False),
        sa.Column("position", _BIG, primary_key=True, autoincrement=False),
        sa.Column("received", _BIG, nullable=False),
        sa.Column("spent", _BIG, nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _job_table() -> None:
    op.create_table(
        "jobs",
        sa.Column("position", _BIG, primary_key=True, autoincrement=False),
        sa.Column("id_prefix", _BIG, nullable=False),
        sa.Column("job_id", sa.LargeBinary, nullable=False),
        sa.Column("client", sa.LargeBinary, nullable=False),
        sa.Column("terms", sa.LargeBinary, nullable=False),
        sa.Column("submitted_ms", _BIG, nullable=False),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("payment", sa.Text, nullable=False),
        sa.Column("attempt", _BIG, nullable=False),
        sa.Column("miner", sa.LargeBinary, nullable=True),
        sa.Column("price_cap", _BIG, nullable=True),
        sa.Column("lease_end_ms", _BIG, nullable=True),
        sa.Column("assigned_height", _BIG, nullable=True),
        sa.Column("assigned_ms", _BIG, nullable=True),
        sa.Column("receipt_position", _BIG, nullable=True),
        sa.Column("receipt_id", sa.LargeBinary, nullable=True),
        sa.Column("received_ms", _BIG, nullable=True),
        sa.Column("ended_height", _BIG, nullable=True),
        sa.Column("ended_ms", _BIG, nullable=True),
        sa.Column("end_kind", _BIG, nullable=True),
        sa.Column("end_code", _BIG, nullable=True),
        sa.Column("paid_miner", _BIG, nullable=False),
        sa.Column("paid_coordinator", _BIG, nullable=False),
        sa.Column("paid_client", _BIG, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("jobs_client", "jobs", ["client", "position"])
    op.create_index("jobs_client_phase", "jobs", ["client", "phase", "position"])
    op.create_index("jobs_id_prefix", "jobs", ["id_prefix"])
    op.create_index("jobs_miner", "jobs", ["miner", "position"])
    op.create_index("jobs_miner_phase", "jobs", ["miner", "phase", "position"])
    op.create_index("jobs_phase", "jobs", ["phase", "position"])


def _receipt_table() -> None:
    op.create_table(
        "receipts",
        sa.Column("position", _BIG, primary_key=True, autoincrement=False),
        sa.Column("id_prefix", _BIG, nullable=False),
        sa.Column("receipt_id", sa.LargeBinary, nullable=False),
        sa.Column("timestamp_ms", _BIG, nullable=False),
        sa.Column("client", sa.LargeBinary, nullable=False),
        sa.Column("miner", sa.LargeBinary, nullable=False),
        sa.Column("miner_name", sa.Text, nullable=False),
        sa.Column("custody", _BIG, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("payment", sa.Text, nullable=False),
        sa.Column("delivery_height", _BIG, nullable=True),
        sa.Column("delivery_ms", _BIG, nullable=True),
        sa.Column("delivery_id", sa.LargeBinary, nullable=True),
        sa.Column("rerun_height", _BIG, nullable=True),
        sa.Column("rerun_ms", _BIG, nullable=True),
        sa.Column("rerun_id", sa.LargeBinary, nullable=True),
        sa.Column("settled_height", _BIG, nullable=True),
        sa.Column("settled_ms", _BIG, nullable=True),
        sa.Column("paid_miner", _BIG, nullable=False),
        sa.Column("paid_coordinator", _BIG, nullable=False),
        sa.Column("paid_client", _BIG, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("receipts_client", "receipts", ["client", "position"])
    op.create_index("receipts_client_miner", "receipts", ["client", "miner", "position"])
    op.create_index("receipts_id_prefix", "receipts", ["id_prefix"])
    op.create_index("receipts_miner", "receipts", ["miner", "position"])


def _miner_and_total_tables() -> None:
    op.create_table(
        "miners",
        sa.Column("miner", sa.LargeBinary, primary_key=True),
        sa.Column("position", _BIG, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_key", sa.Text, nullable=False),
        sa.Column("active", _BIG, nullable=False),
        sa.Column("capabilities_digest", sa.LargeBinary, nullable=False),
        sa.Column("price_floor", _BIG, nullable=False),
        sa.Column("bond", _BIG, nullable=False),
        sa.Column("custody", _BIG, nullable=False),
        sa.Column("registered_ms", _BIG, nullable=False),
        sa.Column("retired_height", _BIG, nullable=True),
        sa.Column("retired_ms", _BIG, nullable=True),
        sa.Column("assignments", _BIG, nullable=False),
        sa.Column("receipts", _BIG, nullable=False),
        sa.Column("settled", _BIG, nullable=False),
        sa.Column("released", _BIG, nullable=False),
        sa.Column("lost", _BIG, nullable=False),
        sa.Column("earned", _BIG, nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("miners_name", "miners", ["name_key", "active", "position"])
    op.create_index("miners_position", "miners", ["position"])
    op.create_table(
        "totals",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("amount", _BIG, nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "hours",
        sa.Column("hour", _BIG, primary_key=True, autoincrement=False),
        sa.Column("blocks", _BIG, nullable=False),
        sa.Column("transactions", _BIG, nullable=False),
        sa.Column("jobs", _BIG, nullable=False),
        sa.Column("receipts", _BIG, nullable=False),
        sa.Column("settled", _BIG, nullable=False),
        sa.Column("unpaid", _BIG, nullable=False),
        sa.Column("paid", _BIG, nullable=False),
        sa.Column("refunded", _BIG, nullable=False),
        sa.Column("fees", _BIG, nullable=False),
        sqlite_strict=True,
    )

"""Money by line, budgets and use of keys, files in use and under way, draining miners."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and columns; the chain is followed again from its first block."""
    _account_entries()
    _keys()
    _files()
    op.add_column(
        "miners",
        sa.Column("is_draining", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    # An id that is not the block's makes the follower begin anew at its start, to fill the entries.
    chain = sa.table("chain", sa.column("block_id", sa.LargeBinary(32)))
    op.execute(sa.update(chain).values(block_id=bytes(32)))


def _account_entries() -> None:
    op.create_table(
        "account_entries",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("address", sa.LargeBinary(length=20), nullable=False),
        sa.Column("height", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Integer(), nullable=True),
        sa.Column("timestamp_ms", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.Column("transaction_id", sa.LargeBinary(length=32), nullable=True),
        sa.Column("job_id", sa.LargeBinary(length=32), nullable=True),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index(
        "account_entries_by_time", "account_entries", ["address", "timestamp_ms", "seq"]
    )


def _keys() -> None:
    op.create_table(
        "key_budgets",
        sa.Column("budget_id", sa.String(length=32), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("period", sa.String(length=8), nullable=False),
        sa.PrimaryKeyConstraint("budget_id"),
    )
    op.create_table(
        "key_usage",
        sa.Column("key_id", sa.String(length=32), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("last_used_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key_id"),
    )
    op.add_column("api_keys", sa.Column("budget_id", sa.String(length=32), nullable=True))
    op.create_index(op.f("ix_api_keys_budget_id"), "api_keys", ["budget_id"])
    op.add_column("jobs", sa.Column("key_id", sa.String(length=32), nullable=True))
    op.create_index("jobs_by_key", "jobs", ["key_id", "requested_ms"])


def _files() -> None:
    op.create_table(
        "artifact_uses",
        sa.Column("job_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "digest"),
    )
    op.create_index(op.f("ix_artifact_uses_digest"), "artifact_uses", ["digest"])
    op.create_table(
        "uploads",
        sa.Column("upload_id", sa.String(length=32), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("upload_id"),
    )
    op.create_index(op.f("ix_uploads_client_id"), "uploads", ["client_id"])
    op.create_index(op.f("ix_uploads_expires_ms"), "uploads", ["expires_ms"])

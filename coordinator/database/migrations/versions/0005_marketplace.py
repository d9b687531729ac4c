"""Offers, acceptances, held jobs, and counts of what miners did."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and the column; the chain is followed again from its first block."""
    _offers()
    _acceptances()
    _counts()
    op.add_column(
        "jobs", sa.Column("is_held", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    # An id that is not the block's makes the follower begin anew as it starts, and fill the counts.
    chain = sa.table("chain", sa.column("block_id", sa.LargeBinary(32)))
    op.execute(sa.update(chain).values(block_id=bytes(32)))


def _offers() -> None:
    op.create_table(
        "offers",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("offer_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=True),
        sa.Column("miner", sa.LargeBinary(length=20), nullable=False),
        sa.Column("job_type", sa.String(length=32), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("requirements", sa.Text(), nullable=True),
        sa.Column("requirements_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("slots_left", sa.Integer(), nullable=False),
        sa.Column("reserved", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("offer_id"),
    )
    op.create_index("offers_by_price", "offers", ["status", "price", "seq"])
    op.create_index("offers_by_type", "offers", ["status", "job_type", "price", "seq"])
    op.create_index("offers_by_miner", "offers", ["miner", "status"])


def _acceptances() -> None:
    op.create_table(
        "acceptances",
        sa.Column("transaction_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("offer_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("job_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("fetched_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("transaction_id"),
    )
    op.create_index("ix_acceptances_offer_id", "acceptances", ["offer_id"])
    op.create_index("ix_acceptances_job_id", "acceptances", ["job_id"])


def _counts() -> None:
    op.create_table(
        "market_totals",
        sa.Column("name", sa.String(length=24), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    counts = ("attempts", "completed", "faults", "settled", "refuted", "work_ms", "earned")
    weights = ("completed_micro", "faults_micro", "settled_micro", "refuted_micro")
    op.create_table(
        "miner_records",
        sa.Column("miner", sa.LargeBinary(length=20), nullable=False),
        sa.Column("service", sa.String(length=32), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in (*counts, *weights)),
        sa.Column("faded_day", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("miner", "service"),
    )

"""Partitions: what the chain adds with every transaction gets tables by range of blocks.

The rows of earlier revisions are dropped, and the index is made anew from the chain: to sort them
into partitions would take as long, and the chain is what decides.
"""

import sqlalchemy as sa
from alembic import op

revision = "index_0004"
down_revision = "index_0003"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_SPLIT = ("index_cursor", "blocks", "transactions", "outcomes", "activity")
_EMPTIED = ("jobs", "receipts", "miners", "ballots", "changes", "totals", "hours")


def upgrade() -> None:
    """Drop or empty every table of before, and make those that say which partitions there are."""
    for name in _SPLIT:
        op.drop_table(name)
    for name in _EMPTIED:
        op.execute(sa.delete(sa.table(name)))
    op.create_table(
        "index_cursor",
        sa.Column(
            "one", _BIG, sa.CheckConstraint("one = 1"), primary_key=True, autoincrement=False
        ),
        sa.Column("height", _BIG, nullable=False),
        sa.Column("timestamp_ms", _BIG, nullable=False),
        sa.Column("block_id", sa.LargeBinary, nullable=False),
        sa.Column("first_height", _BIG, nullable=False),
        sa.Column("first_partition", _BIG, nullable=False),
        sa.Column("last_partition", _BIG, nullable=False),
        sa.Column("entries", _BIG, nullable=False),
        sa.Column("has_archive", _BIG, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "partitions",
        sa.Column("number", _BIG, primary_key=True, autoincrement=False),
        sa.Column("first_height", _BIG, nullable=False),
        sa.Column("first_ms", _BIG, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "digests",
        sa.Column("kind", _BIG, primary_key=True, autoincrement=False),
        sa.Column("bucket", _BIG, primary_key=True, autoincrement=False),
        sa.Column("partition", _BIG, primary_key=True, autoincrement=False),
        sa.Column("prints", sa.LargeBinary, nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )

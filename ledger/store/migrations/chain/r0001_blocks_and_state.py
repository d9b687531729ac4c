"""Blocks, state deltas and the state table."""

import sqlalchemy as sa
from alembic import op

revision = "chain_0001"
down_revision = None
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "chain",
        sa.Column(
            "one", _BIG, sa.CheckConstraint("one = 1"), primary_key=True, autoincrement=False
        ),
        sa.Column("chain_id", sa.Text, nullable=False),
        sa.Column("genesis_digest", sa.LargeBinary, nullable=False),
        sa.Column("checkpoint_height", _BIG, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "blocks",
        sa.Column("height", _BIG, primary_key=True, autoincrement=False),
        sa.Column("id_prefix", _BIG, nullable=False),
        sa.Column("timestamp_ms", _BIG, nullable=False),
        sa.Column("block_id", sa.LargeBinary, nullable=False),
        sa.Column("header", sa.LargeBinary, nullable=False),
        sa.Column("certificate", sa.LargeBinary, nullable=False),
        sa.Column("outcomes", sa.LargeBinary, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("blocks_id_prefix", "blocks", ["id_prefix"])
    op.create_table(
        "deltas",
        sa.Column(
            "height", _BIG, sa.ForeignKey("blocks.height"), primary_key=True, autoincrement=False
        ),
        sa.Column("key_count", _BIG, nullable=False),
        sa.Column("changes", sa.LargeBinary, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "state",
        sa.Column("state_key", sa.LargeBinary, primary_key=True),
        sa.Column("record", sa.LargeBinary, nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    if op.get_context().dialect.name == "postgresql":
        # To try and compress signatures takes longer than to write them.
        for table, column in (("blocks", "body"), ("blocks", "outcomes"), ("deltas", "changes")):
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STORAGE EXTERNAL")

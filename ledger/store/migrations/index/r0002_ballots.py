"""Ballots, and what they and evidence changed."""

import sqlalchemy as sa
from alembic import op

revision = "index_0002"
down_revision = "index_0001"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables; a chain that an older program indexed had no ballots."""
    op.create_table(
        "ballots",
        sa.Column("position", _BIG, primary_key=True, autoincrement=False),
        sa.Column("id_prefix", _BIG, nullable=False),
        sa.Column("ballot_id", sa.LargeBinary, nullable=False),
        sa.Column("opener", sa.LargeBinary, nullable=False),
        sa.Column("kind", _BIG, nullable=False),
        sa.Column("motion", sa.LargeBinary, nullable=False),
        sa.Column("opened_ms", _BIG, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("closed_height", _BIG, nullable=True),
        sa.Column("closed_ms", _BIG, nullable=True),
        sqlite_strict=True,
    )
    op.create_index("ballots_id_prefix", "ballots", ["id_prefix"])
    op.create_index("ballots_status", "ballots", ["status", "position"])
    op.create_table(
        "changes",
        sa.Column("position", _BIG, primary_key=True, autoincrement=False),
        sa.Column("timestamp_ms", _BIG, nullable=False),
        sa.Column("outcome", sa.LargeBinary, nullable=False),
        sqlite_strict=True,
    )

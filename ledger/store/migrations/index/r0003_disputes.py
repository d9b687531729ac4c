"""Who disputes a job's receipt, why, and with which bond."""

import sqlalchemy as sa
from alembic import op

revision = "index_0003"
down_revision = "index_0002"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the columns; the rows of jobs that an older program indexed have no dispute in them."""
    # Made anew, so that the text that SQLite keeps of it is that of a table made at once.
    with op.batch_alter_table(
        "jobs", recreate="always", table_kwargs={"sqlite_strict": True}
    ) as table:
        table.add_column(sa.Column("disputed_height", _BIG, nullable=True))
        table.add_column(sa.Column("disputed_ms", _BIG, nullable=True))
        table.add_column(sa.Column("disputed_by", sa.LargeBinary, nullable=True))
        table.add_column(sa.Column("dispute_reason", _BIG, nullable=True))
        table.add_column(sa.Column("dispute_bond", _BIG, nullable=True))

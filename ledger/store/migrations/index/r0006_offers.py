"""Offers of miners, open and closed.

Who offers what now is known from the chain's first block on, so the rows of before are emptied, and
the index is made anew: without a row in `index_cursor` it begins there.
"""

import sqlalchemy as sa
from alembic import op

revision = "index_0006"
down_revision = "index_0005"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_KEPT = ("jobs", "receipts", "miners", "miner_days", "ballots", "changes", "totals", "hours")
_ALSO = ("reasons", "digests", "partitions", "index_cursor")


def upgrade() -> None:
    """Empty the index, and make the table."""
    connection = op.get_bind()
    for name in sa.inspect(connection).get_table_names():
        kind, _, number = name.rpartition("_")
        if kind in {"blocks", "transactions", "outcomes", "activity"} and number.isdigit():
            op.drop_table(name)
    for name in (*_KEPT, *_ALSO):
        op.execute(sa.delete(sa.table(name)))
    op.create_table(
        "offers",
        sa.Column("position", _BIG, primary_key=True, autoincrement=False),
        sa.Column("id_prefix", _BIG, nullable=False),
        sa.Column("offer_id", sa.LargeBinary, nullable=False),
        sa.Column("miner", sa.LargeBinary, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("price", _BIG, nullable=False),
        sa.Column("capacity", _BIG, nullable=False),
        sa.Column("remaining", _BIG, nullable=False),
        sa.Column("posted_ms", _BIG, nullable=False),
        sa.Column("expires_ms", _BIG, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("closed_height", _BIG, nullable=True),
        sa.Column("closed_ms", _BIG, nullable=True),
        sqlite_strict=True,
    )
    op.create_index("offers_id_prefix", "offers", ["id_prefix"])
    op.create_index("offers_status", "offers", ["status", "position"])
    op.create_index("offers_service", "offers", ["service", "status", "position"])
    op.create_index("offers_price", "offers", ["service", "status", "price", "position"])

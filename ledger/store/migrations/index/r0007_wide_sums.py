"""Sums over the chain that 64 bits do not hold, and positions with room for more entries.

Positions of every row are others, so the rows of before are emptied, and the index is made anew:
without a row in `index_cursor` it begins with the chain's first block that is stored whole.
"""

import sqlalchemy as sa
from alembic import op

revision = "index_0007"
down_revision = "index_0006"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_EMPTIED = ("jobs", "receipts", "ballots", "offers", "changes", "reasons")
_ALSO = ("digests", "partitions", "index_cursor")


def upgrade() -> None:
    """Empty the index, and give what holds sums the tables that it has now."""
    connection = op.get_bind()
    for name in sa.inspect(connection).get_table_names():
        kind, _, number = name.rpartition("_")
        if kind in {"blocks", "transactions", "outcomes", "activity"} and number.isdigit():
            op.drop_table(name)
    for name in (*_EMPTIED, *_ALSO):
        op.execute(sa.delete(sa.table(name)))
    for name in ("miners", "totals", "hours", "miner_days"):
        op.drop_table(name)
    _make_miners()
    _make_counters()


def _make_miners() -> None:
    op.create_table(
        "miners",
        sa.Column("miner", sa.LargeBinary, primary_key=True),
        _number("position"),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_key", sa.Text, nullable=False),
        _number("active"),
        sa.Column("capabilities_digest", sa.LargeBinary, nullable=False),
        *map(_number, ("price_floor", "bond", "custody", "registered_ms")),
        sa.Column("retired_height", _BIG, nullable=True),
        sa.Column("retired_ms", _BIG, nullable=True),
        *map(_number, ("assignments", "receipts", "settled", "released", "lost")),
        _sum("earned"),
        *map(_number, ("timeouts", "refuted", "reruns")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("miners_position", "miners", ["position"])
    op.create_index("miners_name", "miners", ["name_key", "active", "position"])
    op.create_index("miners_earned", "miners", ["earned"])


def _make_counters() -> None:
    op.create_table(
        "totals",
        sa.Column("name", sa.Text, primary_key=True),
        _sum("amount"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "hours",
        sa.Column("hour", _BIG, primary_key=True, autoincrement=False),
        *map(_number, ("blocks", "transactions", "jobs", "receipts", "settled", "unpaid")),
        *map(_sum, ("paid", "refunded", "fees")),
        *map(_number, ("assigned", "wait_ms", "worked_ms")),
        sqlite_strict=True,
    )
    op.create_table(
        "miner_days",
        sa.Column("miner", sa.LargeBinary, primary_key=True),
        sa.Column("day", _BIG, primary_key=True, autoincrement=False),
        *map(_number, ("attempts", "completed", "faults", "settled", "refuted")),
        _sum("earned"),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _number(name: str) -> "sa.Column[int]":
    return sa.Column(name, _BIG, nullable=False)


def _sum(name: str) -> "sa.Column[bytes]":
    """Return the column of a `ledger.store.columns.WideInt`."""
    return sa.Column(name, sa.LargeBinary, nullable=False)

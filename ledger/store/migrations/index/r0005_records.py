"""Miners' days, reasons of what ended without pay, and more counters of hours and of miners.

They are counted from the chain's first block, so the rows of before are emptied, and the index is
made anew: without a row in `index_cursor` it begins there.
"""

import sqlalchemy as sa
from alembic import op

revision = "index_0005"
down_revision = "index_0004"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_EMPTIED = ("jobs", "receipts", "ballots", "changes", "totals", "digests")


def upgrade() -> None:
    """Empty the index, and give miners, hours and reasons the tables that they have now."""
    _drop_partitions()
    for name in _EMPTIED:
        op.execute(sa.delete(sa.table(name)))
    op.drop_table("miners")
    op.drop_table("hours")
    _make_miners()
    names = ("blocks", "transactions", "jobs", "receipts", "settled", "unpaid", "paid")
    more = ("refunded", "fees", "assigned", "wait_ms", "worked_ms")
    op.create_table(
        "hours",
        sa.Column("hour", _BIG, primary_key=True, autoincrement=False),
        *(sa.Column(name, _BIG, nullable=False) for name in (*names, *more)),
        sqlite_strict=True,
    )
    op.create_table(
        "miner_days",
        sa.Column("miner", sa.LargeBinary, primary_key=True),
        sa.Column("day", _BIG, primary_key=True, autoincrement=False),
        *(
            sa.Column(name, _BIG, nullable=False)
            for name in ("attempts", "completed", "faults", "settled", "refuted", "earned")
        ),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "reasons",
        *(
            sa.Column(name, _BIG, primary_key=True, autoincrement=False)
            for name in ("hour", "kind", "code")
        ),
        sa.Column("count", _BIG, nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def _drop_partitions() -> None:
    """Drop the tables of every partition and of the archive, and forget that they were there."""
    connection = op.get_bind()
    for name in sa.inspect(connection).get_table_names():
        kind, _, number = name.rpartition("_")
        if kind in {"blocks", "transactions", "outcomes", "activity"} and number.isdigit():
            op.drop_table(name)
    for name in ("partitions", "index_cursor"):
        op.execute(sa.delete(sa.table(name)))


def _make_miners() -> None:
    counters = ("assignments", "receipts", "settled", "released", "lost", "earned")
    more = ("timeouts", "refuted", "reruns")
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
        *(sa.Column(name, _BIG, nullable=False) for name in (*counters, *more)),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index("miners_position", "miners", ["position"])
    op.create_index("miners_name", "miners", ["name_key", "active", "position"])
    op.create_index("miners_earned", "miners", ["earned"])

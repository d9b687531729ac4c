"""Ids that may not be repeated, in rows of their own."""

import sqlalchemy as sa
from alembic import op

from ledger.hashing import Tags
from ledger.store.block_rows import signed_transactions
from ledger.transaction import CODEC, transaction_id_of_bytes

revision = "chain_0003"
down_revision = "chain_0002"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_HORIZON_MS_MAX = 3_600_000
"""No older block can hold a transaction that is still valid."""

_LEAF_BYTES = 72


def upgrade() -> None:
    """Make the table, and fill it from the blocks and summaries of the last horizon."""
    table = op.create_table(
        "recent_ids",
        sa.Column("height", _BIG, primary_key=True, autoincrement=False),
        sa.Column("last_ms", _BIG, nullable=False),
        sa.Column("ids", sa.LargeBinary, nullable=False),
        sqlite_strict=True,
    )
    connection = op.get_bind()
    digest = connection.execute(sa.text("SELECT genesis_digest FROM chain")).scalar_one_or_none()
    if digest is None:
        return
    tags = Tags(bytes(digest))
    head_ms = connection.execute(sa.text("SELECT max(timestamp_ms) FROM blocks")).scalar_one()
    since = {"since": head_ms - _HORIZON_MS_MAX}
    bodies = sa.text("SELECT height, body FROM blocks WHERE timestamp_ms >= :since")
    for height, body in connection.execute(bodies, since).all():
        signed = list(signed_transactions(bytes(body)))
        ids = [transaction_id_of_bytes(tags, each) for each in signed]
        times = [CODEC.decode_trusted(each).transaction.valid_until_ms for each in signed]
        pairs = [
            each + time_ms.to_bytes(8, "big") for each, time_ms in zip(ids, times, strict=True)
        ]
        _insert(table, height, pairs, head_ms)
    leaves = sa.text("SELECT height, leaves FROM summaries WHERE timestamp_ms >= :since")
    for height, data in connection.execute(leaves, since).all():
        found = bytes(data or b"")
        pairs = [found[at : at + 40] for at in range(0, len(found), _LEAF_BYTES)]
        _insert(table, height, pairs, head_ms)


def _insert(table: sa.Table, height: int, pairs: list[bytes], head_ms: int) -> None:
    last_ms = max((int.from_bytes(pair[32:], "big") for pair in pairs), default=-1)
    if last_ms >= head_ms:
        op.bulk_insert(table, [{"height": height, "last_ms": last_ms, "ids": b"".join(pairs)}])

"""What is kept of pruned blocks, and where epochs end."""

import sqlalchemy as sa
from alembic import op

from ledger.block import HEADER_CODEC, ZERO_HASH

revision = "chain_0002"
down_revision = "chain_0001"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables, and find the ends of epochs in the headers that are stored."""
    op.create_table(
        "summaries",
        sa.Column("height", _BIG, primary_key=True, autoincrement=False),
        sa.Column("id_prefix", _BIG, nullable=False),
        sa.Column("timestamp_ms", _BIG, nullable=False),
        sa.Column("block_id", sa.LargeBinary, nullable=False),
        sa.Column("header", sa.LargeBinary, nullable=False),
        sa.Column("certificate", sa.LargeBinary, nullable=False),
        sa.Column("leaves", sa.LargeBinary, nullable=True),
        sa.Column("outcomes", sa.LargeBinary, nullable=True),
        sa.Column("kept", sa.LargeBinary, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("summaries_id_prefix", "summaries", ["id_prefix"])
    epoch_ends = op.create_table(
        "epoch_ends",
        sa.Column("epoch", _BIG, primary_key=True, autoincrement=False),
        sa.Column("height", _BIG, nullable=False),
        sa.Column("next_set", sa.LargeBinary, nullable=False),
        sqlite_strict=True,
    )
    # No rule could change the validator set before this revision.
    rows = op.get_bind().execute(sa.text("SELECT header FROM blocks ORDER BY height"))
    headers = [HEADER_CODEC.decode_trusted(row.header) for row in rows]
    ends = [
        {"epoch": header.epoch, "height": header.height, "next_set": b""}
        for header in headers
        if header.next_validator_set_hash != ZERO_HASH
    ]
    if ends:
        op.bulk_insert(epoch_ends, ends)

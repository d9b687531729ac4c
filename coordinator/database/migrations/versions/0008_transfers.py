"""Transfers from wallets that the coordinator keeps."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


_USUAL = "client miner read"


def upgrade() -> None:
    """Make their table, and let clients' first keys send: nobody else could give them the right."""
    _transfers()
    _first_keys()


def _transfers() -> None:
    op.create_table(
        "transfers",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("transaction_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=32), nullable=False),
        sa.Column("sender", sa.LargeBinary(length=20), nullable=False),
        sa.Column("receiver", sa.LargeBinary(length=20), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("transaction_id"),
    )
    op.create_index("transfers_by_client", "transfers", ["client_id", "seq"])
    op.create_index("transfers_by_key", "transfers", ["key_id", "created_ms"])


def _first_keys() -> None:
    names = ("client_id", "scopes", "created_ms", "revoked_ms")
    keys = sa.table("api_keys", *map(sa.column, names))
    others = keys.alias()
    first_ms = sa.select(sa.func.min(others.c.created_ms)).where(
        others.c.client_id == keys.c.client_id
    )
    op.execute(
        sa.update(keys)
        .where(
            keys.c.scopes == _USUAL,
            keys.c.revoked_ms.is_(None),
            keys.c.created_ms == first_ms.scalar_subquery(),
        )
        .values(scopes=f"{_USUAL} wallet")
    )

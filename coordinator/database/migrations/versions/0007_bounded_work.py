"""Indexes and sums, so that what is done often costs what is live, not all that ever was."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_DAY_MS = 86_400_000


def upgrade() -> None:
    """Make them, and add up what the jobs of keys have cost."""
    _messages()
    _results()
    _spends()


def _messages() -> None:
    op.drop_index(op.f("ix_webhook_messages_due_ms"), "webhook_messages")
    op.create_index(op.f("ix_webhook_messages_created_ms"), "webhook_messages", ["created_ms"])
    op.create_index("webhook_messages_due", "webhook_messages", ["webhook_id", "due_ms", "seq"])
    op.create_index(
        "webhook_messages_by_state", "webhook_messages", ["webhook_id", "state", "event", "seq"]
    )
    op.create_table(
        "deleted_webhooks",
        sa.Column("webhook_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("webhook_id"),
    )


def _results() -> None:
    op.drop_index(op.f("ix_results_expires_ms"), "results")
    kept = sa.text("document IS NOT NULL")
    op.create_index(
        "results_kept", "results", ["expires_ms"], sqlite_where=kept, postgresql_where=kept
    )


def _spends() -> None:
    op.create_index("jobs_live_by_key", "jobs", ["key_id", "end_kind", "phase", "requested_ms"])
    spends = op.create_table(
        "key_spends",
        sa.Column("key_id", sa.String(length=32), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("jobs", sa.BigInteger(), nullable=False),
        sa.Column("paid", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", "day"),
    )
    numbers = ("requested_ms", "end_kind", "paid_miner", "paid_coordinator", "fee")
    jobs = sa.table("jobs", sa.column("key_id"), *(sa.column(n, sa.BigInteger()) for n in numbers))
    day = jobs.c.requested_ms // _DAY_MS
    paid = sa.func.sum(jobs.c.paid_miner + jobs.c.paid_coordinator + jobs.c.fee)
    ended = (
        sa.select(jobs.c.key_id, day, sa.func.count(), paid)
        .where(jobs.c.key_id.is_not(None), jobs.c.end_kind.is_not(None))
        .group_by(jobs.c.key_id, day)
    )
    op.execute(sa.insert(spends).from_select(["key_id", "day", "jobs", "paid"], ended))

"""When each payload is deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_KEPT_MS = 7 * 86_400_000


def upgrade() -> None:
    """Add the column; what is there is kept for a week after its job's deadline."""
    op.add_column(
        "payloads", sa.Column("expires_ms", sa.BigInteger(), server_default="0", nullable=False)
    )
    payloads = sa.table("payloads", sa.column("job_id"), sa.column("expires_ms"))
    jobs = sa.table("jobs", sa.column("job_id"), sa.column("deadline_ms"))
    deadline = (
        sa.select(jobs.c.deadline_ms).where(jobs.c.job_id == payloads.c.job_id).scalar_subquery()
    )
    op.execute(sa.update(payloads).values(expires_ms=sa.func.coalesce(deadline, 0) + _KEPT_MS))
    op.create_index(op.f("ix_payloads_expires_ms"), "payloads", ["expires_ms"])

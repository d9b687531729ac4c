"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make all tables."""
    # The keys refer to their clients.
    _clients()
    _api_keys()
    _artifacts()
    _attempts()
    _attestations()
    _chain()
    _jobs()
    _miners()
    _outbox()
    _payloads()
    _receipts()
    _results()
    _sponsorships()
    _wallets()


def _api_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.String(length=32), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("label", sa.String(length=100), nullable=False),
        sa.Column("scopes", sa.String(length=200), nullable=False),
        sa.Column("version_pin", sa.String(length=10), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=True),
        sa.Column("revoked_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["clients.client_id"],
        ),
        sa.PrimaryKeyConstraint("key_id"),
    )
    op.create_index(op.f("ix_api_keys_client_id"), "api_keys", ["client_id"], unique=False)


def _artifacts() -> None:
    op.create_table(
        "artifacts",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", "client_id"),
    )
    op.create_index(op.f("ix_artifacts_client_id"), "artifacts", ["client_id"], unique=False)
    op.create_index(op.f("ix_artifacts_expires_ms"), "artifacts", ["expires_ms"], unique=False)


def _attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("assignment_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("job_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("miner", sa.LargeBinary(length=20), nullable=False),
        sa.Column("has_heartbeats", sa.Boolean(), nullable=False),
        sa.Column("price_cap", sa.BigInteger(), nullable=False),
        sa.Column("unit_type", sa.Integer(), nullable=False),
        sa.Column("unit_price", sa.BigInteger(), nullable=False),
        sa.Column("lease_end_ms", sa.BigInteger(), nullable=False),
        sa.Column("claimed_ms", sa.BigInteger(), nullable=False),
        sa.Column("heartbeat_by_ms", sa.BigInteger(), nullable=True),
        sa.Column("progress", sa.Integer(), server_default="0", nullable=False),
        sa.Column("release_reason", sa.Integer(), nullable=True),
        sa.Column("release_message", sa.String(length=600), nullable=True),
        sa.Column("refusal_reason", sa.Integer(), nullable=True),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("assigned_ms", sa.BigInteger(), nullable=True),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.Column("end_reason", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("assignment_id"),
    )
    op.create_index("attempts_by_job", "attempts", ["job_id", "attempt"], unique=False)
    op.create_index("attempts_by_miner", "attempts", ["miner", "phase"], unique=False)


def _attestations() -> None:
    op.create_table(
        "attestations",
        sa.Column("transaction_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("receipt_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("height", sa.BigInteger(), nullable=False),
        sa.Column("timestamp_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("transaction_id"),
    )
    op.create_index(
        op.f("ix_attestations_receipt_id"), "attestations", ["receipt_id"], unique=False
    )


def _chain() -> None:
    op.create_table(
        "chain",
        sa.Column("chain_id", sa.String(length=64), nullable=False),
        sa.Column("height", sa.BigInteger(), nullable=False),
        sa.Column("block_id", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("chain_id"),
    )


def _clients() -> None:
    op.create_table(
        "clients",
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("label", sa.String(length=100), nullable=False),
        sa.Column("address", sa.LargeBinary(length=20), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("served_turn", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("client_id"),
        sa.UniqueConstraint("address"),
    )


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("job_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=True),
        sa.Column("client", sa.LargeBinary(length=20), nullable=False),
        sa.Column("api_version", sa.String(length=10), nullable=False),
        sa.Column("service", sa.String(length=32), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("shown_type", sa.String(length=64), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("payload_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("max_price", sa.BigInteger(), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.Column("requested_ms", sa.BigInteger(), nullable=False),
        sa.Column("deadline_ms", sa.BigInteger(), nullable=False),
        sa.Column("open_assignment", sa.LargeBinary(length=32), nullable=True),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("miner", sa.LargeBinary(length=20), nullable=True),
        sa.Column("escrowed_ms", sa.BigInteger(), nullable=True),
        sa.Column("receipt_id", sa.LargeBinary(length=32), nullable=True),
        sa.Column("ended_ms", sa.BigInteger(), nullable=True),
        sa.Column("end_kind", sa.Integer(), nullable=True),
        sa.Column("paid_miner", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("paid_coordinator", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("refunded", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("error_code", sa.String(length=40), nullable=True),
        sa.Column("error_message", sa.String(length=600), nullable=True),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("job_id"),
    )
    op.create_index("jobs_by_client", "jobs", ["client_id", "seq"], unique=False)
    op.create_index("jobs_by_phase", "jobs", ["phase", "service", "seq"], unique=False)
    op.create_index("jobs_live", "jobs", ["end_kind", "phase"], unique=False)


def _miners() -> None:
    op.create_table(
        "miners",
        sa.Column("name_key", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("address", sa.LargeBinary(length=20), nullable=False),
        sa.Column("custody", sa.Integer(), nullable=False),
        sa.Column("wanted", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("registered_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name_key"),
        sa.UniqueConstraint("address"),
    )
    op.create_index(op.f("ix_miners_client_id"), "miners", ["client_id"], unique=False)


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("transaction_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("intent", sa.String(length=200), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("job_id", sa.LargeBinary(length=32), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("signed", sa.LargeBinary(length=1024), nullable=False),
        sa.Column("valid_until_ms", sa.BigInteger(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=40), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("transaction_id"),
    )
    op.create_index(op.f("ix_outbox_intent"), "outbox", ["intent"], unique=False)
    op.create_index(op.f("ix_outbox_job_id"), "outbox", ["job_id"], unique=False)
    op.create_index("outbox_by_state", "outbox", ["state", "valid_until_ms"], unique=False)


def _payloads() -> None:
    op.create_table(
        "payloads",
        sa.Column("job_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("blind", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("job_id"),
    )


def _receipts() -> None:
    op.create_table(
        "receipts",
        sa.Column("receipt_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("job_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("miner", sa.LargeBinary(length=20), nullable=False),
        sa.Column("client", sa.LargeBinary(length=20), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("signed", sa.LargeBinary(length=1024), nullable=False),
        sa.Column("height", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("timestamp_ms", sa.BigInteger(), nullable=False),
        sa.Column("is_disputed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("receipt_id"),
        sa.UniqueConstraint("job_id"),
    )
    op.create_index(op.f("ix_receipts_miner"), "receipts", ["miner"], unique=False)
    op.create_index("receipts_by_place", "receipts", ["height", "position"], unique=False)


def _results() -> None:
    op.create_table(
        "results",
        sa.Column("job_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("miner", sa.LargeBinary(length=20), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=True),
        sa.Column("salt", sa.LargeBinary(length=32), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=False),
        sa.Column("completed_ms", sa.BigInteger(), nullable=False),
        sa.Column("delivered_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "attempt"),
    )
    op.create_index(op.f("ix_results_expires_ms"), "results", ["expires_ms"], unique=False)


def _sponsorships() -> None:
    op.create_table(
        "sponsorships",
        sa.Column("transaction_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("address", sa.LargeBinary(length=20), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("transaction_id"),
    )
    op.create_index(op.f("ix_sponsorships_client_id"), "sponsorships", ["client_id"], unique=False)


def _wallets() -> None:
    op.create_table(
        "wallets",
        sa.Column("address", sa.LargeBinary(length=20), nullable=False),
        sa.Column("public_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sealed_seed", sa.LargeBinary(length=200), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("address"),
    )
    op.create_index(op.f("ix_wallets_client_id"), "wallets", ["client_id"], unique=False)

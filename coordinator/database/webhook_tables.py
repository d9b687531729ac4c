"""Webhooks: where clients want to be told, what they are told, and how that went."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from coordinator.database.tables import Id, Sequence, metadata

webhooks = Table(
    "webhooks",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("webhook_id", String(40), nullable=False, unique=True),
    Column("client_id", String(64), nullable=False, index=True),
    Column("url", String(2048), nullable=False),
    # Names of events, separated by spaces.
    Column("events", String(400), nullable=False),
    Column("api_version", String(10), nullable=False),
    # Secret of the HMAC and seed of the Ed25519 key, under the wrapping key.
    Column("sealed_keys", LargeBinary(200), nullable=False),
    Column("public_key", LargeBinary(32), nullable=False),
    Column("status", String(16), nullable=False),
    # Why it was disabled, if not by its owner.
    Column("reason", String(40), nullable=False, server_default=""),
    Column("created_ms", BigInteger, nullable=False),
    # Since when no message has arrived; NULL while they do.
    Column("failing_since_ms", BigInteger),
)

webhook_messages = Table(
    "webhook_messages",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("message_id", String(80), nullable=False, unique=True),
    Column("webhook_id", String(40), nullable=False),
    Column("event", String(40), nullable=False),
    # The job that it is about; its content is read when the message is sent.
    Column("job_id", Id),
    # Content of messages that are about no job.
    Column("content", Text),
    Column("created_ms", BigInteger, nullable=False, index=True),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    # When it is sent next; NULL when it is not.
    Column("due_ms", BigInteger),
    Index("webhook_messages_by_webhook", "webhook_id", "seq"),
    Index("webhook_messages_due", "webhook_id", "due_ms", "seq"),
    Index("webhook_messages_by_state", "webhook_id", "state", "event", "seq"),
)
"""The outbox: written in the transaction of the change that a message tells of."""

deleted_webhooks = Table(
    "deleted_webhooks",
    metadata,
    Column("webhook_id", String(40), primary_key=True),
)
"""Webhooks that are gone and whose messages are still being deleted, some at a time."""

webhook_attempts = Table(
    "webhook_attempts",
    metadata,
    Column("message_id", String(80), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("http_status", Integer),
    Column("outcome", String(40), nullable=False),
    PrimaryKeyConstraint("message_id", "attempt"),
)
"""The delivery log."""

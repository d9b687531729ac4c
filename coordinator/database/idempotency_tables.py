"""What was done under an `Idempotency-Key`, so that a repeated request does it once."""

from sqlalchemy import BigInteger, Column, LargeBinary, PrimaryKeyConstraint, String, Table

from coordinator.database.tables import Id, metadata

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    # Who sent the key: a client's id, or the word for callers without one.
    Column("owner", String(64), nullable=False),
    # SHA-256 of the key: it opens an answer, so its text is not kept.
    Column("key_digest", Id, nullable=False),
    Column("fingerprint", Id, nullable=False),
    # What the request made, written in the transaction that made it, or what it was about:
    # such as a job's id, in hex.
    Column("effect", String(100), index=True),
    # Sealed: answers hold prompts, and some a secret that is shown once.
    Column("answer", LargeBinary),
    Column("created_ms", BigInteger, nullable=False, index=True),
    PrimaryKeyConstraint("owner", "key_digest"),
)
"""One row for each key that was used in the last day."""

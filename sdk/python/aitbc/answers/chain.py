"""The chain."""

from aitbc.json_values import Answer


class FinalBlock(Answer):
    """A block that became final."""

    height: int
    """Its height."""
    block_id: str
    """Its id, hex."""
    timestamp_ms: int
    """Its time, milliseconds since the Unix epoch."""
    transaction_count: int
    """Transactions in it."""
    outcome_count: int
    """Outcome records of it."""


class TransactionState(Answer):
    """Where a transaction is."""

    transaction_id: str
    """Its id."""
    status: str
    """pooled, included, final, or rejected."""
    code: str | None
    """Why it was rejected."""
    height: int | None
    """Height of the block that has it."""

"""A signed transaction on its way to the chain."""

from dataclasses import dataclass
from enum import StrEnum

from ledger.types import Amount, Attempt, Hash, TimestampMs


class OutboxState(StrEnum):
    """What became of a signed transaction."""

    PENDING = "pending"
    """Stored; sent again, the same bytes, until one of the others is known (J30)."""
    FINAL = "final"
    """In a final block."""
    EXPIRED = "expired"
    """A final block is later than its `valid_until_ms`: these bytes can never be included."""
    VOID = "void"
    """Its job or attempt ended otherwise: no state will accept these bytes."""


@dataclass(frozen=True, slots=True)
class SignedBytes:
    """A transaction that was signed here or by a miner."""

    transaction_id: Hash
    """Its id."""
    signed: bytes
    """Canonical signed bytes."""
    action: str
    """Name of its action."""
    fee: Amount
    """Nait."""
    valid_until_ms: TimestampMs
    """Last block time at which it may be included."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A row of the outbox."""

    transaction_id: Hash
    """Its id."""
    intent: str
    """What it is for; at most one pending or final row each, but for repeatable intents."""
    action: str
    """Name of its action."""
    job_id: Hash | None
    """The job that it belongs to."""
    attempt: Attempt
    """The attempt that it belongs to; 0 if to none."""
    signed: bytes
    """Canonical signed bytes."""
    valid_until_ms: TimestampMs
    """Last block time at which it may be included."""
    state: OutboxState
    """What became of it."""
    code: str
    """Code of the last refusal, empty if there was none."""

"""One effect for requests that carry the same `Idempotency-Key`, however often they are sent."""

from coordinator.idempotency.claim import Claim
from coordinator.idempotency.errors import (
    IdempotencyKeyInFlight,
    IdempotencyKeyInvalid,
    IdempotencyKeyReused,
    IdempotencyKeysExhausted,
)
from coordinator.idempotency.model import Allowance, KeptAnswer, Request
from coordinator.idempotency.service import Idempotency
from coordinator.idempotency.store import forget_answers_about

__all__ = [
    "Allowance",
    "Claim",
    "Idempotency",
    "IdempotencyKeyInFlight",
    "IdempotencyKeyInvalid",
    "IdempotencyKeyReused",
    "IdempotencyKeysExhausted",
    "KeptAnswer",
    "Request",
    "forget_answers_about",
]

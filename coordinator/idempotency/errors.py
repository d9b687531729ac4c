"""What is wrong with an `Idempotency-Key`, one class per rule.

::

    InvalidRequest ── IdempotencyKeyInvalid     no key of the form that is taken (400)
    Conflict ── IdempotencyKeyInFlight             the first request is still being answered (409)
    CoordinatorError ── IdempotencyKeyReused    the key came before with another request (422)
    TooManyRequests ── IdempotencyKeysExhausted    as many keys as are kept of one owner (429)
"""

from coordinator.errors import Conflict, CoordinatorError, InvalidRequest, TooManyRequests


class IdempotencyKeyInvalid(InvalidRequest):
    """The header is repeated, or its value is no key."""

    code = "IDEMPOTENCY_KEY_INVALID"


class IdempotencyKeyInFlight(Conflict):
    """A request with the key is being answered; repeat after it."""

    code = "IDEMPOTENCY_KEY_IN_FLIGHT"

    def __init__(self) -> None:
        """State it."""
        super().__init__("a request with this Idempotency-Key is being answered; repeat later")
        self.retry_after_s = 1


class IdempotencyKeyReused(CoordinatorError):
    """The key belongs to another request."""

    code = "IDEMPOTENCY_KEY_REUSED"

    def __init__(self) -> None:
        """State it."""
        super().__init__(
            "this Idempotency-Key came with another request before: another body, path, version "
            "or kind of API key; use a new one for a new request"
        )


class IdempotencyKeysExhausted(TooManyRequests):
    """As many keys of the owner are remembered as may be; the oldest go as they turn a day old."""

    code = "IDEMPOTENCY_KEYS_EXHAUSTED"

    def __init__(self) -> None:
        """State it."""
        super().__init__(
            "too many requests of the last day came with an Idempotency-Key; send this one "
            "without, or later",
            retry_after_s=60,
        )

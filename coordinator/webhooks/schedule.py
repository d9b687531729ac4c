"""When a message is sent again, and when a webhook is given up. Pure; time and chance come in."""

from dataclasses import dataclass
from typing import Final

from ledger.types import TimestampMs

RETRY_S: Final = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds from a failed attempt to the next, as the standard recommends: three days in all."""

DISABLE_AFTER_MS: Final = 3 * 86_400_000
"""A webhook to which nothing got through for so long is disabled."""

RETRY_AFTER_S_MAX: Final = 86_400
"""Longest that a receiver may put us off."""

GONE: Final = 410
"""The receiver wants no more: the webhook is disabled at once."""

RETENTION_MS: Final = 14 * 86_400_000
"""How long messages and their log are kept; what is older is not sent any more."""

OK: Final = "OK"
"""Outcome of an attempt that arrived."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one sending went."""

    code: str
    """``OK``, ``HTTP_ERROR``, or why there was no answer."""
    http_status: int | None = None
    """What the receiver answered."""
    retry_after_s: int | None = None
    """How long it asked to be left alone."""

    @property
    def is_delivered(self) -> bool:
        """Whether the receiver has the message."""
        return self.code == OK


def retry_ms(failures: int, outcome: Outcome, chance: int) -> int | None:
    """Return the milliseconds until a message is sent again; None if it is given up.

    Args:
        failures: attempts that failed, this one included.
        outcome: how the last one went.
        chance: 0 to 65,535; spreads what failed together over half of the pause.
    """
    if failures > len(RETRY_S):
        return None
    pause_ms = RETRY_S[failures - 1] * 1_000
    spread_ms = pause_ms * 3 // 4 + pause_ms // 2 * chance // 65_535
    asked_ms = min(outcome.retry_after_s or 0, RETRY_AFTER_S_MAX) * 1_000
    return max(spread_ms, asked_ms)


def reason_to_disable(
    outcome: Outcome, failing_since_ms: TimestampMs | None, now_ms: TimestampMs
) -> str:
    """Return why a webhook is disabled after an attempt; empty if it is not."""
    if outcome.is_delivered:
        return ""
    if outcome.http_status == GONE:
        return "gone"
    if failing_since_ms is not None and now_ms - failing_since_ms >= DISABLE_AFTER_MS:
        return "failing"
    return ""

"""Times on the wire (J6): RFC 3339 in UTC, whole seconds, `Z`; receipts count Unix seconds."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from ledger.types import TIMESTAMP_MS_MAX, TimestampMs

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_LAST_SECOND = 253_402_300_799
"""9999-12-31T23:59:59Z: a miner may claim later times (J26), the format has no more digits."""

_TEXT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})"
    r"(?:\.([0-9]{1,9}))?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))",
    re.ASCII,
)


class TimeInvalid(ValueError):
    """Not a date-time of RFC 3339 within our range."""


def format_time(time_ms: TimestampMs) -> str:
    """Return a time as text, cut to the whole second, such as ``2026-01-24T15:00:05Z``."""
    return _second_text(min(time_ms // 1000, _LAST_SECOND))


@lru_cache(maxsize=1_024)
def _second_text(second: int) -> str:
    """Return the text of a second; what is told at one time is mostly of the same few."""
    return (_EPOCH + timedelta(seconds=second)).isoformat()[:19] + "Z"


def unix_seconds(time_ms: TimestampMs) -> int:
    """Return the same instant as `format_time` shows, in seconds since the epoch."""
    return time_ms // 1000


def parse_time(text: str) -> TimestampMs:
    """Return the milliseconds since the epoch of an RFC 3339 date-time with an offset.

    Raises:
        TimeInvalid: another format, no such day or hour, or before 1970.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise TimeInvalid("must be an RFC 3339 date-time such as 2026-01-24T15:00:05Z")
    fraction, sign, hours, minutes = match.groups()[6:]
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    try:
        year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
        local = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        instant = local + offset if sign == "-" else local - offset
    except (ValueError, OverflowError):
        raise TimeInvalid("is not a date and time that exists") from None
    time_ms = (instant - _EPOCH) // timedelta(milliseconds=1)
    time_ms += int((fraction or "").ljust(3, "0")[:3])
    if not 0 <= time_ms <= TIMESTAMP_MS_MAX:
        raise TimeInvalid("must not be before 1970")
    return time_ms

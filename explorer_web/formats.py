"""How values are written on pages: amounts, times, sizes. Exact, in ASCII digits, UTC."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from ledger.actions import UnitType
from ledger.keys import format_address
from ledger.params import NAIT_PER_AITBC

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS: Final = 253_402_300_799_999
"""9999-12-31: a miner may claim later times (J26), which no calendar of ours can write."""

_MICROS: Final = 10**6
_STEPS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))

UNIT_NAMES: Final[dict[UnitType, tuple[str, str]]] = {
    UnitType.NONE: ("unit", "units"),
    UnitType.TOKENS: ("token", "tokens"),
    UnitType.AUDIO_SECONDS: ("second of audio", "seconds of audio"),
    UnitType.IMAGES: ("image", "images"),
    UnitType.VIDEO_SECONDS: ("second of video", "seconds of video"),
    UnitType.FRAMES: ("frame", "frames"),
    UnitType.COMPUTE_SECONDS: ("second of computing", "seconds of computing"),
}
"""One and many of each unit of work."""


TIMES_KEPT: Final = 1_024
"""Newest times whose words are remembered: a chart and its table write each hour many times."""

ADDRESSES_KEPT: Final = 4_096
"""Addresses whose text is kept; each takes some microseconds to make."""


@lru_cache(maxsize=ADDRESSES_KEPT)
def address(account: bytes) -> str:
    """Return an account's address; a page and a file write the same few again and again."""
    return format_address(account)


def grouped(number: int) -> str:
    """Return an integer with its thousands separated: ``1,204``."""
    return f"{number:,}"


def money(nait: int) -> str:
    """Return an exact amount with its unit: ``0.10 AITBC``; sums below 10 000 nait in nait."""
    if 0 < nait < 10_000:
        return f"{nait:,} nait"
    return f"{_decimal(nait, NAIT_PER_AITBC, 2)} AITBC"


def units(micro: int) -> str:
    """Return millionths of a unit as an exact decimal of units."""
    return _decimal(micro, _MICROS, 0)


def units_of(micro: int, unit_type: UnitType) -> str:
    """Return work with what it counts: ``12 tokens``, ``2.5 seconds of video``."""
    one, many = UNIT_NAMES[unit_type]
    return f"{units(micro)} {one if micro == _MICROS else many}"


def share(basis_points: int) -> str:
    """Return basis points as percent: ``5 %``."""
    return f"{_decimal(basis_points, 100, 0)} %"


def size(count: int) -> str:
    """Return a number of bytes: ``412 bytes``, ``1.5 KiB``."""
    if count < 1_024:
        return f"{count} byte" if count == 1 else f"{count} bytes"
    if count < 1_048_576:
        return f"{count / 1_024:.1f} KiB"
    return f"{count / 1_048_576:.1f} MiB"


@lru_cache(maxsize=TIMES_KEPT)
def iso_time(time_ms: int) -> str:
    """Return a time for ``<time datetime>``, to the millisecond."""
    instant = _EPOCH + timedelta(milliseconds=min(time_ms, _LAST_MS))
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@lru_cache(maxsize=TIMES_KEPT)
def utc_time(time_ms: int) -> str:
    """Return a time for people, to the second: ``2026-01-24 15:00:05 UTC``."""
    instant = _EPOCH + timedelta(milliseconds=min(time_ms, _LAST_MS))
    return f"{instant.isoformat(' ', 'seconds')[:19]} UTC"


def utc_day(time_ms: int) -> str:
    """Return the day of a time: ``2026-01-24``."""
    return utc_time(time_ms)[:10]


def duration(length_ms: int) -> str:
    """Return a length of time in its two largest units: ``400 ms``, ``2.5 s``, ``1 h 5 min``."""
    if 0 < length_ms < 1_000:
        return f"{length_ms} ms"
    if length_ms < 60_000:
        return f"{_decimal(length_ms, 1_000, 0)} s"
    seconds = length_ms // 1_000
    parts: list[tuple[int, str]] = []
    for name, step in _STEPS:
        count, seconds = divmod(seconds, step)
        if count or parts:
            parts.append((count, name))
    return " ".join(f"{count} {name}" for count, name in parts[:2] if count)


def relative(time_ms: int, now_ms: int) -> str:
    """Return how far away a time is, coarsely: ``12 s ago``, ``in 5 min``."""
    seconds = abs(now_ms - time_ms) // 1_000
    if seconds == 0:
        return "now"
    name, step = next((name, step) for name, step in _STEPS if seconds >= step)
    distance = f"{seconds // step:,} {name}"
    return f"in {distance}" if time_ms > now_ms else f"{distance} ago"


def short(digest: str) -> str:
    """Return the beginning of an id, for titles; bodies of pages have it in full."""
    return digest[:8]


def _decimal(scaled: int, one: int, decimals_min: int) -> str:
    """Return scaled / one, exact; `one` is a power of ten."""
    whole, fraction = divmod(scaled, one)
    digits = f"{fraction:0{len(str(one)) - 1}d}".rstrip("0").ljust(decimals_min, "0")
    return f"{whole:,}.{digits}" if digits else f"{whole:,}"

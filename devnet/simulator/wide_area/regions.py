"""Where validators stand, and how long a message takes from one place to another.

One-way delays are halves of round trips as cloud providers and public probes report them between
such regions, rounded. They are medians; jitter is added to each message.
"""

from typing import Final

REGIONS: Final = ("Virginia", "Oregon", "Frankfurt", "Singapore", "Tokyo", "São Paulo")
"""Places; validators are spread over them in turn."""

ONE_WAY_MS: Final = (
    (1, 32, 45, 110, 80, 58),
    (32, 1, 72, 82, 48, 88),
    (45, 72, 1, 80, 115, 102),
    (110, 82, 80, 1, 35, 165),
    (80, 48, 115, 35, 1, 130),
    (58, 88, 102, 165, 130, 1),
)
"""Milliseconds from a region, by row, to another, by column; within a region 1 ms."""

JITTER: Final = 0.1
"""A message takes up to this part longer."""

UPLINK_BITS_PER_SECOND: Final = 1_000_000_000
"""What a validator can send in a second."""


def region_of(number: int) -> int:
    """Return the region of a validator."""
    return number % len(REGIONS)

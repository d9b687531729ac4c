"""How much a miner's past says about its next job; the formula is in docs/reputation.md.

Two questions are asked of what happened, each answered by the lower end of Wilson's score interval,
so that few jobs say little: of the attempts that were its to finish, how many did it finish
(reliability), and of its receipts that were judged, how many were paid (correctness). What lies
back counts less: a weight halves in about thirty days. Everything here is a view; no money and no
right depends on it.
"""

import math
from dataclasses import dataclass
from typing import Final

from ledger.types import TimestampMs

DAY_MS: Final = 86_400_000

MICRO: Final = 1_000_000
"""Weight of something that happened today, in millionths."""

FADE_NUMERATOR: Final = 977
FADE_DENOMINATOR: Final = 1_000
"""What a day leaves of a weight: 0.977 to the thirtieth is a half."""

FADED_DAYS_MAX: Final = 1_000
"""After so many days a weight is nothing."""

Z: Final = 1.96
"""Width of the interval: 95 of 100 times the truth lies in it."""

REPUTATION_MAX: Final = 5
"""The best reputation, as document 000 counts it."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What a miner did, in millionths that fade."""

    completed: int = 0
    """Attempts with a receipt."""
    faults: int = 0
    """Attempts that ended without one, and are the miner's to answer for."""
    settled: int = 0
    """Receipts that were paid."""
    refuted: int = 0
    """Receipts whose dispute ended against the miner."""

    def plus(self, other: "Weights") -> "Weights":
        """Return both together."""
        return Weights(
            self.completed + other.completed,
            self.faults + other.faults,
            self.settled + other.settled,
            self.refuted + other.refuted,
        )

    def after(self, days: int) -> "Weights":
        """Return what is left some days later."""
        return Weights(
            faded(self.completed, days),
            faded(self.faults, days),
            faded(self.settled, days),
            faded(self.refuted, days),
        )

    @property
    def reliability(self) -> float:
        """Lower bound of the share of attempts that it finishes, 0 … 1."""
        return wilson(self.completed, self.faults)

    @property
    def correctness(self) -> float:
        """Lower bound of the share of its receipts that stand, 0 … 1."""
        return wilson(self.settled, self.refuted)

    @property
    def reputation(self) -> float:
        """Both together, 0 … 5, with two decimals; 0 without a job."""
        return round(REPUTATION_MAX * self.reliability * self.correctness, 2)


def day_of(timestamp_ms: TimestampMs) -> int:
    """Return the number of the day of a time."""
    return timestamp_ms // DAY_MS


def faded(micro: int, days: int) -> int:
    """Return what some days leave of a weight."""
    assert days >= 0, "weights fade forwards"
    if days > FADED_DAYS_MAX:
        return 0
    return int(micro * FADE_NUMERATOR**days // FADE_DENOMINATOR**days)


def wilson(good_micro: int, bad_micro: int) -> float:
    """Return the lower end of Wilson's score interval of a share (Wilson 1927); 0 for nothing."""
    total = (good_micro + bad_micro) / MICRO
    if total <= 0:
        return 0.0
    share = good_micro / (good_micro + bad_micro)
    spread = Z * math.sqrt(share * (1 - share) / total + Z**2 / (4 * total**2))
    return max(0.0, (share + Z**2 / (2 * total) - spread) / (1 + Z**2 / total))

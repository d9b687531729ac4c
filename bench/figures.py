"""One measured quantity over repeated runs: its middle, its spread, and its share of a limit.

All benchmarks tell what they measured in this one way: the median of the runs, between the least
and the greatest of them. Nothing here measures; it only computes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

HIGHER_IS_BETTER: Final = frozenset({"1/s", "x"})
"""Units of rates; of all others less is better."""

SIGNIFICANT_DIGITS: Final = 6
"""Kept of every value: more than any of these measurements has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured quantity over repeated runs."""

    key: str
    """Stable name, by which a history finds the same figure of other runs: ``node.rate``."""
    name: str
    """What was measured, for people."""
    unit: str
    """Its unit."""
    median: float
    """Middle of the runs."""
    low: float
    """Least run."""
    high: float
    """Greatest run."""
    runs: int
    """How many."""
    limit: str = ""
    """Key of the raw limit that it is compared with; empty for none."""
    share: float | None = None
    """How much of that limit it reaches: 1 is all that the machine gives."""

    @classmethod
    def of(
        cls,
        key: str,
        name: str,
        unit: str,
        values: Sequence[float],
        limit: "Figure | None" = None,
    ) -> "Figure":
        """Summarise repeated runs.

        Args:
            key: its stable name.
            name: its name for people.
            unit: unit of the values.
            values: what each run gave, at least one.
            limit: a raw limit, measured in the same run of the benchmark.
        """
        figure = cls(
            key=key,
            name=name,
            unit=unit,
            median=rounded(median(values)),
            low=rounded(min(values)),
            high=rounded(max(values)),
            runs=len(values),
        )
        return figure.against(limit) if limit else figure

    def against(self, limit: "Figure") -> "Figure":
        """Return the figure with its share of a limit, which may have been measured since."""
        share = share_of(self.median, limit) if limit.unit == self.unit else None
        return replace(self, limit=limit.key, share=share)

    def line(self) -> str:
        """Return the figure as a line of a table."""
        spread = f"({told(self.low)} … {told(self.high)}, {self.runs} runs)"
        if self.runs == 1:
            spread = ""
        share = "" if self.share is None else f"{self.share:.0%} of {self.limit}"
        line = f"{self.name:<54}{told(self.median):>10} {self.unit:<5}{spread:<32}{share}"
        return line.rstrip()


def share_of(value: float, limit: Figure) -> float:
    """Return how much of a limit a value reaches; of a time that is the limit's part of it."""
    if limit.unit in HIGHER_IS_BETTER:
        return rounded(value / limit.median)
    return rounded(limit.median / value)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that `percent` of all do not exceed: by nearest rank, so one of them.

    Args:
        values: at least one, in any order.
        percent: above 0, at most 100.
    """
    assert values, "no values have no percentile"
    assert 0 < percent <= 100
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


def rounded(value: float) -> float:
    """Return a value with no more digits than mean something."""
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")


def told(value: float) -> str:
    """Return a value as people read it: three digits, or all before the point."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"

"""Charts that the server draws: bars with their axis, and the table that says the same.

A chart is nothing that its table is not: who cannot see it, or prints it, reads the table. Sizes
are attributes of the picture, so the content security policy needs no exception.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from explorer_web.listings import Table

WIDTH: Final = 720
HEIGHT: Final = 200
LEFT: Final = 120
"""Room for the words of the vertical axis."""
BOTTOM: Final = 24
TOP: Final = 10
BAR_MAX: Final = 40
"""Greatest width of a bar."""
LABELS_MAX: Final = 6
"""Words under the horizontal axis."""
BASE: Final = HEIGHT - BOTTOM
"""Where the horizontal axis is, from the picture's top."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, in units of the picture."""

    x: float
    """Its left edge."""
    width: float
    """Its width."""
    height: int
    """How far it rises above the horizontal axis."""
    words: str
    """What it stands for, and its value."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A word at an axis."""

    at: float
    """Where, along the axis."""
    words: str
    """The word."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A series over time, or by name."""

    name: str
    """Its name in addresses and in JSON."""
    title: str
    """Its heading."""
    formula: str
    """How each value is computed."""
    window: str
    """Over which time."""
    table: Table
    """The same as rows."""
    bars: tuple[Bar, ...]
    """The bars."""
    across: tuple[Mark, ...]
    """Words under the horizontal axis."""
    up: tuple[Mark, ...]
    """Lines and words of the vertical axis."""
    csv_url: str = ""
    """Its rows as CSV; empty where they have no file of their own."""

    @property
    def summary(self) -> str:
        """The chart in a sentence, for who does not see it."""
        return f"{self.title}: {len(self.bars)} values, {self.window}. The table has them all."


@dataclass(frozen=True, slots=True)
class Series:
    """What a chart is drawn from."""

    labels: Sequence[str]
    """What each value is of, in order."""
    values: Sequence[int | None]
    """The values, none below 0; None where there is none."""
    write: Callable[[int], str]
    """How a value is written."""


def draw(
    series: Series, *, name: str, title: str, formula: str, window: str, table: Table, csv_url: str
) -> Chart:
    """Draw a series as bars.

    Args:
        series: the values.
        name: of the chart in addresses.
        title: its heading.
        formula: how each value is computed.
        window: over which time.
        table: the same values as rows.
        csv_url: where they are as CSV, if anywhere.
    """
    top = _round_up(max((value or 0 for value in series.values), default=0))
    step = (WIDTH - LEFT) / max(len(series.values), 1)
    width = round(min(step * 0.8, BAR_MAX), 1)
    height = HEIGHT - BOTTOM - TOP
    bars = tuple(
        Bar(
            x=round(LEFT + (number + 0.5) * step - width / 2, 1),
            width=width,
            height=round(height * value / top),
            words=f"{label}: {series.write(value)}",
        )
        for number, (label, value) in enumerate(zip(series.labels, series.values, strict=True))
        if value is not None
    )
    every = max(1, -(-len(series.labels) // LABELS_MAX))
    across = tuple(
        Mark(round(LEFT + (number + 0.5) * step, 2), label)
        for number, label in enumerate(series.labels)
        if number % every == 0
    )
    levels = sorted({0, top // 2, top}) if top % 2 == 0 else [0, top]
    up = tuple(Mark(round(TOP + height * (1 - at / top), 2), series.write(at)) for at in levels)
    return Chart(name, title, formula, window, table, bars, across, up, csv_url)


def _round_up(value: int) -> int:
    """Return the next value with one digit and zeros, at least 1: where the axis ends."""
    if value <= 1:
        return 1
    unit = int(10 ** (len(str(value)) - 1))
    return int(-(-value // unit) * unit)

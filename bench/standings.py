"""Where the newest recorded runs stand against the aims.

Rates and times are aimed at on a machine that verifies 22,500 signatures a second a core. What was
reached is told as it was, and again at the pace of that machine: scaled by the raw verification
that was measured in the same run. That is a comparison, not an excuse; both stand in the table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.aims import AIMS, DESIGN_CORE, DESIGN_CORES, Aim, Pace
from bench.figures import HIGHER_IS_BETTER, Figure, told
from bench.report import Report, newest

ALONE_PERCENT: Final = 10
"""Percent of all cores that others may use right before a run; above, its figures are noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An aim and the newest run that measured it."""

    aim: Aim
    """The aim."""
    report: Report | None = None
    """The run; None where nobody measured it yet."""
    figure: Figure | None = None
    """The figure of that run."""

    @property
    def value(self) -> float | None:
        """What was reached, in the aim's unit."""
        if self.figure is None:
            return None
        if self.aim.unit == "%" and self.figure.unit != "%":
            return None if self.figure.share is None else self.figure.share * 100
        return self.figure.median

    @property
    def pace(self) -> float:
        """How fast the measured machine is against the one of the aims; 1 where it is no matter."""
        if self.report is None or self.aim.pace is Pace.NONE:
            return 1.0
        per_core = self.aim.pace is Pace.ONE_CORE
        limit = self.report.figure("limit.ed25519.core" if per_core else "limit.ed25519")
        assert limit is not None, "every run begins with the raw limits"
        return limit.median / (DESIGN_CORE * (1 if per_core else DESIGN_CORES))

    @property
    def at_design_pace(self) -> float | None:
        """What was reached, scaled to the machine of the aims by raw verification."""
        if self.value is None:
            return None
        is_rate = self.aim.unit in HIGHER_IS_BETTER
        return self.value / self.pace if is_rate else self.value * self.pace

    def verdict(self, value: float | None) -> str:
        """Return where a value stands: ``stretch``, ``aim``, ``below``, or empty without one."""
        least, stretch = self.aim.least, self.aim.stretch
        if value is None or least is None or stretch is None:
            return ""
        sign = 1 if self.aim.unit in HIGHER_IS_BETTER or self.aim.unit == "%" else -1
        if sign * value >= sign * stretch:
            return "stretch"
        return "aim" if sign * value >= sign * least else "below"


def standings(reports: Sequence[Report]) -> list[Standing]:
    """Return every aim with the newest run that measured it.

    Args:
        reports: a history, oldest first.
    """
    found = []
    for aim in AIMS:
        hit = newest(reports, aim.benchmark, aim.key, aim.bounds)
        report, figure = hit or (None, None)
        found.append(Standing(aim=aim, report=report, figure=figure))
    return found


def table(found: Sequence[Standing]) -> list[str]:
    """Return the table as lines."""
    aims = f"{'':<57}{'at least':>9}{'stretch':>9}"
    reached = f"{'reached':>9}  {'spread':<17}{'':<8}"
    head = f"{aims} │{reached}│{'pace':>5}{'at pace 1':>11} {'':<8}│ measured"
    return [head, "─" * len(head), *map(_line, found)]


def _line(standing: Standing) -> str:
    aim, figure, report = standing.aim, standing.figure, standing.report
    name = f"{aim.what}, {aim.unit}"
    aims = f"{_told(aim.least):>9}{_told(aim.stretch):>9}"
    if figure is None or report is None:
        return f"{name:<57}{aims} │ not measured: ./dev bench {aim.command}"
    spread = "" if aim.unit == "%" else f"({told(figure.low)} … {told(figure.high)})"
    value, scaled = standing.value, standing.at_design_pace
    pace = "" if aim.pace is Pace.NONE else f"{standing.pace:.2f}"
    machine = report.machine
    at = f"{report.at[:16].replace('T', ' ')} {machine.commit}"
    if machine.busy > ALONE_PERCENT:
        at += f", beside others ({machine.busy:.0f}% busy): measure again"
    if aim.pace is Pace.NONE:
        scaled = None
    return (
        f"{name:<57}{aims} │{_told(value):>9}  {spread:<17}{standing.verdict(value):<8}"
        f"│{pace:>5}{_told(scaled):>11} {standing.verdict(scaled):<8}│ {at}"
    )


def _told(value: float | None) -> str:
    return "" if value is None else told(value)


def markdown(found: Sequence[Standing]) -> list[str]:
    """Return the table as Markdown, for docs/performance.md."""
    lines = [
        "| | at least | stretch | reached | pace | at pace 1 |",
        "|---|---|---|---|---|---|",
    ]
    for standing in found:
        aim, figure = standing.aim, standing.figure
        reached, pace, scaled = "not measured", "", ""
        if figure is not None:
            spread = "" if aim.unit == "%" else f" ({told(figure.low)} … {told(figure.high)})"
            reached = f"{_told(standing.value)}{spread}"
        if figure is not None and aim.pace is not Pace.NONE:
            pace, scaled = f"{standing.pace:.2f}", _told(standing.at_design_pace)
        aims = f"{_told(aim.least)} | {_told(aim.stretch)}"
        lines.append(f"| {aim.what}, {aim.unit} | {aims} | {reached} | {pace} | {scaled} |")
    return lines

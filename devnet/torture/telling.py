"""What `./dev scenario` prints."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from devnet.torture.runner import Outcome
from devnet.torture.scenario import Scenario


class ScenarioTeller:
    """Prints what happens, with the time since the start, and how each scenario ended."""

    def __init__(self, stream: TextIO) -> None:
        """Print to `stream`; colours only where it is a terminal."""
        self._console = Console(file=stream, highlight=False, soft_wrap=True)
        self._start_s = time.monotonic()

    def progress(self, text: str) -> None:
        """Print what happens."""
        seconds = time.monotonic() - self._start_s
        self._console.print(f"[dim]{seconds:7.1f} s[/dim]  {escape(text)}")

    def failure(self, text: str) -> None:
        """Print why nothing is run."""
        self._console.print(f"[bold red]scenario:[/bold red] {escape(text)}")

    def outcome(self, outcome: Outcome) -> None:
        """Print how a scenario ended."""
        style, word = ("bold green", "passed") if outcome.passed else ("bold red", "FAILED")
        self._console.print(f"[{style}]{outcome.name} {word}[/{style}]")
        for failure in outcome.failures:
            self._console.print(f"  {escape(failure)}")
        self._console.print()

    def catalogue(self, scenarios: Sequence[tuple[str, Scenario]]) -> None:
        """Print which scenarios there are."""
        width = max(len(name) for name, _ in scenarios)
        for name, scenario in scenarios:
            self._console.print(f"[bold]{name:<{width}}[/bold]  {escape(scenario.title)}")
        self._console.print("\n./dev scenario NAME runs one, --all runs all of them.")

    def summary(self, outcomes: Sequence[Outcome], kept: Path | None) -> None:
        """Print a table of all outcomes, and where the evidence is."""
        table = Table(box=None, pad_edge=False, header_style="dim")
        for heading in (
            "scenario",
            "",
            "seconds",
            "sent",
            "final",
            "blocks",
            "gap s",
            "recovery s",
        ):
            table.add_column(heading, justify="left" if heading in ("scenario", "") else "right")
        for each in outcomes:
            recovery = "" if each.recovery_s is None else f"{each.recovery_s:.2f}"
            numbers = (each.sent, each.final, each.blocks)
            table.add_row(
                each.name,
                "passed" if each.passed else "FAILED",
                f"{each.seconds:.1f}",
                *map(str, numbers),
                f"{each.longest_gap_s:.2f}",
                recovery,
            )
        self._console.print(table)
        for each in outcomes:
            if not each.passed:
                self._console.print(
                    f"again, with the same choices: ./dev scenario {each.name} --seed {each.seed}"
                )
        if kept:
            self._console.print(f"logs, data and history.jsonl: {kept}")

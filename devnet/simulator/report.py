"""What a person, or a program, is told of runs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from devnet.simulator.simulation import Result

STORY_LINES = 80
"""Lines before an objection that are shown; `--trace` shows all."""


@dataclass(slots=True)
class Summary:
    """What came of many runs."""

    runs: int = 0
    """How many."""
    events: int = 0
    """Messages delivered in all."""
    blocks: int = 0
    """Final blocks in all."""
    healing_ms: list[int] = field(default_factory=list)
    """Times from healing to finality, of runs that got there."""
    failed: list[Result] = field(default_factory=list)
    """Runs that a checker objected to."""

    def add(self, result: Result) -> None:
        """Take a result in."""
        self.runs += 1
        self.events += result.events
        self.blocks += result.height
        if result.objection:
            self.failed.append(result)
        else:
            self.healing_ms.append(result.healing_ms)

    def percentile_ms(self, part: float) -> int:
        """Return the healing time that this part of the runs stayed within."""
        times = sorted(self.healing_ms) or [0]
        return times[min(len(times) - 1, int(part * len(times)))]

    def line(self, seconds: float) -> str:
        """Return it in a line."""
        rate = self.runs / seconds if seconds else 0.0
        return (
            f"{self.runs} runs, {self.events} messages, {self.blocks} final blocks; "
            f"finality after healing: median {self.percentile_ms(0.5)} ms, "
            f"99% {self.percentile_ms(0.99)} ms, longest {self.percentile_ms(1.0)} ms; "
            f"{seconds:.1f} s, {rate:.1f} runs/s; {len(self.failed)} failed"
        )


def replay_command(result: Result) -> str:
    """Return the command that shows a run again."""
    scenario = "" if result.plan.scenario == "random" else f" --scenario {result.plan.scenario}"
    return f"./dev sim --seed {result.plan.seed}{scenario} --trace"


def report_of(result: Result, *, complete: bool = False) -> str:
    """Return a run as text: what was planned, what happened, who objects, how to see it again."""
    story = result.story
    lines = [f"seed {result.plan.seed} ({result.plan.scenario})"]
    lines += [f"  plan   {line}" for line in result.plan.lines()]
    if story and not complete and len(story) > STORY_LINES:
        lines.append(f"  … {len(story) - STORY_LINES} lines before")
        story = story[-STORY_LINES:]
    lines += [f"  {line}" for line in story]
    if result.objection:
        lines.append(f"  OBJECTION of {result.objection}")
    else:
        lines.append(
            f"  good: height {result.height} in epoch {result.epochs}, {result.events} messages, "
            f"final everywhere {result.healing_ms} ms after healing (bound {result.bound_ms} ms)"
        )
    lines.append(f"  event hash {result.event_hash}")
    lines.append(f"  again: {replay_command(result)}")
    return "\n".join(lines)


def json_of(result: Result) -> str:
    """Return a run as one JSON object."""
    plan = result.plan
    return json.dumps(
        {
            "seed": plan.seed,
            "scenario": plan.scenario,
            "validators": plan.validators,
            "byzantine": dict(plan.byzantine),
            "objection": result.objection or None,
            "height": result.height,
            "epoch": result.epochs,
            "messages": result.events,
            "healing_ms": result.healing_ms,
            "bound_ms": result.bound_ms,
            "event_hash": result.event_hash,
            "again": replay_command(result),
        }
    )

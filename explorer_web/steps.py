"""The steps of a check, as pages show them: what was looked at, and how it went."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from explorer_web.words import Tone


class StepState(StrEnum):
    """How far a step of a check is."""

    WAITING = "waiting"
    """It was not tried: an earlier step failed, or nothing was started yet."""
    RUNNING = "running"
    """It is being computed."""
    PASSED = "passed"
    """What is claimed and what was computed agree."""
    FAILED = "failed"
    """They do not."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a check."""

    name: str
    """Stable name, the same in every checker."""
    title: str
    """What is checked, for readers."""
    state: StepState
    """How it went."""
    detail: str = ""
    """Both values, or why it failed."""


STEP_TONES: Final[dict[StepState, Tone]] = {
    StepState.WAITING: Tone.NEUTRAL,
    StepState.RUNNING: Tone.WAIT,
    StepState.PASSED: Tone.GOOD,
    StepState.FAILED: Tone.BAD,
}
"""Colour and icon of each state."""

STEP_WORDS: Final[dict[StepState, str]] = {
    StepState.WAITING: "not run",
    StepState.RUNNING: "running",
    StepState.PASSED: "passed",
    StepState.FAILED: "failed",
}
"""Word of each state."""

"""What a scenario is: a plan, something that steers the run, and a proof that it came about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from devnet.simulator.plan import Plan
from devnet.simulator.script import Script, nothing_else


@dataclass(frozen=True, slots=True)
class Scenario:
    """A situation that must come about, and must do no harm."""

    name: str
    """As on the command line."""
    purpose: str
    """What it shows, in a line."""
    plan: Callable[[int], Plan]
    """Makes the plan of a seed."""
    script: Script = nothing_else
    """See `Script`."""

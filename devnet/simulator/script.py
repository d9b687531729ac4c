"""What steers a run beside its plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from devnet.simulator.simulation import Simulation

Script: TypeAlias = "Callable[[Simulation], Callable[[], str]]"
"""Steers a run that has not begun; returns what says, at the end, why the situation did not come
about, or nothing if it did. All checkers watch scripted runs as they watch others."""


def nothing_else(_simulation: Simulation) -> Callable[[], str]:
    """Steer nothing: the plan says it all, and what it plans cannot fail to come about."""
    return lambda: ""

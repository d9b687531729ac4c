"""What can be run by name: plans that a seed makes, and scenarios."""

from __future__ import annotations

from collections.abc import Callable

from devnet.simulator.plan import Plan, random_plan
from devnet.simulator.byzantine import STRATEGIES

SCENARIOS: dict[str, tuple[str, Callable[[int], Plan]]] = {}
"""Purpose and plan of each scenario, by name."""


def scenario_names() -> dict[str, str]:
    """Return the names of all scenarios, each with what it shows."""
    return {"random": "whatever the seed makes of it"} | {
        name: purpose for name, (purpose, _) in SCENARIOS.items()
    }


def seed_plan(scenario: str, seed: int) -> Plan:
    """Return the plan of a scenario and a seed."""
    if scenario == "random":
        return random_plan(seed, tuple(STRATEGIES))
    return SCENARIOS[scenario][1](seed)

"""What can be run by name: plans that a seed makes, and scenarios."""

from __future__ import annotations

from devnet.simulator.byzantine import STRATEGIES
from devnet.simulator.plan import Plan, random_plan
from devnet.simulator.scenarios import SCENARIOS
from devnet.simulator.script import Script, nothing_else

RANDOM = "random"
"""Whatever the seed makes of it."""


def scenario_names() -> dict[str, str]:
    """Return the names of all scenarios, each with what it shows."""
    found = {RANDOM: "whatever the seed makes of it"}
    return found | {name: scenario.purpose for name, scenario in SCENARIOS.items()}


def seed_plan(scenario: str, seed: int) -> Plan:
    """Return the plan of a scenario and a seed."""
    if scenario == RANDOM:
        return random_plan(seed, tuple(name for name in STRATEGIES if name not in SCRIPTED))
    return SCENARIOS[scenario].plan(seed)


def script_of(plan: Plan) -> Script:
    """Return what steers a plan's run."""
    return SCENARIOS[plan.scenario].script if plan.scenario in SCENARIOS else nothing_else


SCRIPTED = frozenset({"ghost"})
"""Strategies that make sense in their scenario only."""

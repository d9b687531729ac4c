"""What can be run by name: plans that a seed makes, and scenarios."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from devnet.simulator.byzantine import STRATEGIES
from devnet.simulator.plan import BRIEF, LARGE, SMALL, Plan, Scale, random_plan
from devnet.simulator.scenarios import SCENARIOS
from devnet.simulator.script import Script, nothing_else

SCALES: Mapping[str, Scale] = MappingProxyType(
    {scale.name: scale for scale in (BRIEF, SMALL, LARGE)}
)
"""Plans that a seed makes, by the name of their scale."""

SCRIPTED = frozenset({"ghost"})
"""Strategies that make sense in their scenario only."""


def scenario_names() -> dict[str, str]:
    """Return the names of all scenarios, each with what it shows."""
    found = {
        SMALL.name: "whatever the seed makes of it",
        BRIEF.name: "the same with less of everything, for the tests of each day",
        LARGE.name: "the same with more of everything",
    }
    return found | {name: scenario.purpose for name, scenario in SCENARIOS.items()}


def seed_plan(scenario: str, seed: int) -> Plan:
    """Return the plan of a scenario and a seed."""
    if scenario in SCALES:
        strategies = tuple(name for name in STRATEGIES if name not in SCRIPTED)
        return random_plan(seed, strategies, SCALES[scenario])
    return SCENARIOS[scenario].plan(seed)


def script_of(plan: Plan) -> Script:
    """Return what steers a plan's run."""
    return SCENARIOS[plan.scenario].script if plan.scenario in SCENARIOS else nothing_else

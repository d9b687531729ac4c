"""Situations by name: one for each published fault that is best shown with whole nodes."""

from collections.abc import Mapping
from types import MappingProxyType

from devnet.simulator.scenarios.base import Scenario
from devnet.simulator.scenarios.crashes import CRASHES
from devnet.simulator.scenarios.epochs import EPOCHS
from devnet.simulator.scenarios.lags import LAGS
from devnet.simulator.scenarios.newcomers import NEWCOMERS

__all__ = ["SCENARIOS", "Scenario"]

SCENARIOS: Mapping[str, Scenario] = MappingProxyType(
    {scenario.name: scenario for scenario in (*CRASHES, *EPOCHS, *LAGS, *NEWCOMERS)}
)
"""All scenarios."""

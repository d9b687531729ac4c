"""Deterministic simulation of whole networks: a node's real parts, everything else by a seed."""

from devnet.simulator.catalogue import scenario_names, seed_plan
from devnet.simulator.report import Summary, json_of, replay_command, report_of
from devnet.simulator.runner import run_all, run_one
from devnet.simulator.simulation import Result, Simulation
from devnet.simulator.wide_area import json_of as measurements_json
from devnet.simulator.wide_area import measure_wide_area
from devnet.simulator.wide_area import text_of as measurements_text

__all__ = [
    "Result",
    "Simulation",
    "Summary",
    "json_of",
    "measure_wide_area",
    "measurements_json",
    "measurements_text",
    "replay_command",
    "report_of",
    "run_all",
    "run_one",
    "scenario_names",
    "seed_plan",
]

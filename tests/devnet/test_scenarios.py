"""Scenarios on real processes, as `./dev scenario` runs them.

A short one in every run; all of them in the soak.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devnet.torture.runner import run_scenarios
from devnet.torture.scenario import Network, Scenario, scenario_names
from devnet.torture.step_types import Progress, Standstill
from tests.devnet.running import ROOT

SMOKE_TIMEOUT_S = 400
"""On a busy machine; about 40 s on a quiet one."""

SOAK_SEEDS = (1, 2, 3)


def run_command(*arguments: str, timeout_s: float) -> tuple[int, dict[str, Any], str]:
    """Return exit code, JSON and standard error of `./dev scenario`."""
    done = subprocess.run(
        [sys.executable, "-m", "devnet", "scenario", *arguments, "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return done.returncode, json.loads(done.stdout), done.stderr


@pytest.mark.timeout(SMOKE_TIMEOUT_S)
def test_a_network_survives_a_dead_leader_a_partition_and_a_lost_disk() -> None:
    code, told, log = run_command("smoke", timeout_s=SMOKE_TIMEOUT_S - 20)
    assert code == 0, log
    (outcome,) = told["scenarios"]
    assert outcome["failures"] == []
    assert outcome["final"] >= 60
    assert outcome["blocks"] >= 3
    assert outcome["recovery_s"] is not None


@pytest.mark.timeout(200)
async def test_a_scenario_whose_expectation_is_wrong_fails_and_leaves_the_evidence(
    tmp_path: Path,
) -> None:
    alone = Network(validators=1)
    wrong = Scenario("T", "E", (Progress(3), Standstill(1)), network=alone)
    (failed,) = [each async for each in run_scenarios([("wrong", wrong)], 1, tmp_path, print)]
    assert not failed.passed
    assert "without a quorum" in failed.failures[0]
    history = (tmp_path / "1" / "history.jsonl").read_text()
    events = [json.loads(line) for line in history.splitlines()]
    assert {event["event"] for event in events} == {"sent", "told", "seen"}
    assert (tmp_path / "1" / "logs" / "node-1.log").stat().st_size > 0


def test_an_unknown_scenario_is_a_usage_error() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "devnet", "scenario", "earthquake"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "kill-leader" in done.stdout


@pytest.mark.soak
@pytest.mark.skipif(os.getuid() != 0, reason="network namespaces need root")
def test_partitions_pass_where_packets_are_lost() -> None:
    wanted = ("partition", "partition-asymmetric", "behind-epochs")
    code, told, log = run_command(*wanted, "--wires", "namespaces", timeout_s=3_600)
    assert code == 0, log
    assert len(told["scenarios"]) == len(wanted)


@pytest.mark.soak
@pytest.mark.parametrize("seed", SOAK_SEEDS)
def test_all_scenarios_pass(seed: int) -> None:
    code, told, log = run_command("--all", "--seed", str(seed), timeout_s=5 * 3_600)
    assert code == 0, log
    assert len(told["scenarios"]) == len(scenario_names())

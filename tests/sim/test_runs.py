"""Whole networks under what seeds make of faults; every checker watches every run."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from devnet.simulator import replay_command, run_all, run_one, scenario_names, seed_plan

ROOT = Path(__file__).resolve().parents[2]

SEEDS = 250
"""Seeds of a normal test run."""

SEEDS_SOAK = 1_000
"""Seeds of `./dev test --soak`; `./dev sim --soak` runs more."""

PART = 50
"""Seeds of one test."""

SCALES = ("random-brief", "random", "random-long")


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(first, marks=() if first < SEEDS else pytest.mark.soak)
        for first in range(0, SEEDS_SOAK, PART)
    ],
)
def test_no_checker_objects_whatever_a_seed_lets_happen(first: int) -> None:
    results = list(run_all(partial(seed_plan, "random-brief"), range(first, first + PART)))
    failed = [f"{replay_command(r)}: {r.objection}" for r in results if r.objection]
    assert not failed, "\n".join(failed)
    assert sum(result.height for result in results) > 2 * PART, "hardly anything happened"


@pytest.mark.parametrize("name", [name for name in scenario_names() if name not in SCALES])
def test_a_published_fault_comes_about_and_does_no_harm(name: str) -> None:
    result = run_one(partial(seed_plan, name), 1)
    assert not result.objection, result.objection


@pytest.mark.parametrize(
    ("scale", "seeds"),
    [
        ("random", 6),
        ("random-long", 1),
        pytest.param("random", 100, marks=pytest.mark.soak),
        pytest.param("random-long", 10, marks=pytest.mark.soak),
    ],
)
def test_larger_runs_are_good_too(scale: str, seeds: int) -> None:
    results = list(run_all(partial(seed_plan, scale), range(seeds)))
    failed = [f"{replay_command(r)}: {r.objection}" for r in results if r.objection]
    assert not failed, "\n".join(failed)


def test_two_runs_of_a_seed_are_the_same_run() -> None:
    first, second = (run_one(partial(seed_plan, "random"), 12) for _ in range(2))
    assert first.event_hash == second.event_hash
    assert first.events == second.events > 100


def test_telling_the_story_changes_nothing() -> None:
    silent = run_one(partial(seed_plan, "random"), 12)
    told = run_one(partial(seed_plan, "random"), 12, traced=True)
    assert silent.event_hash == told.event_hash
    assert not silent.story
    assert len(told.story) > 100


def test_two_seeds_are_two_runs() -> None:
    hashes = {run_one(partial(seed_plan, "random"), seed).event_hash for seed in range(5)}
    assert len(hashes) == 5


def test_a_seed_is_the_same_run_in_every_process_whatever_it_hashes_by() -> None:
    """Sets of bytes have another order in each process; nothing may depend on it."""
    program = (
        "from functools import partial\n"
        "from devnet.simulator import run_one, seed_plan\n"
        "for name, seed in (('random', 3), ('random', 7), ('evidence-removes', 1)):\n"
        "    print(run_one(partial(seed_plan, name), seed).event_hash)\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("0", "1", "4242")
    }
    assert len(outputs) == 1


def test_processes_and_one_process_find_the_same() -> None:
    plan_of, seeds = partial(seed_plan, "random"), range(40, 56)
    together = {r.plan.seed: r.event_hash for r in run_all(plan_of, seeds, 2)}
    alone = {r.plan.seed: r.event_hash for r in run_all(plan_of, seeds, 1)}
    assert together == alone

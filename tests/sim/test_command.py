"""`./dev sim` as people and programs use it."""

import json

import pytest
from typer.testing import CliRunner

from devnet.commands.sim import app
from devnet.simulator.checkers.checkers import Checkers
from devnet.simulator.checkers.objection import Objection

RUNNER = CliRunner()


def test_one_seed_says_what_was_planned_and_how_it_went() -> None:
    done = RUNNER.invoke(app, ["--seed", "3"])
    assert done.exit_code == 0
    assert "plan" in done.stdout
    assert "good: height" in done.stdout
    assert "./dev sim --seed 3 --trace" in done.stdout


def test_programs_get_one_object_a_run() -> None:
    done = RUNNER.invoke(app, ["--seed", "3", "--seeds", "4", "--json", "--processes", "1"])
    runs = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [run["seed"] for run in runs] == [3, 4, 5, 6]
    assert all(run["objection"] is None for run in runs)


def test_scenarios_are_listed_and_unknown_ones_refused() -> None:
    assert "crash-after-nullify" in RUNNER.invoke(app, ["--scenario", "list"]).stdout
    assert RUNNER.invoke(app, ["--scenario", "nonesuch"]).exit_code == 2


def test_an_objection_shows_the_story_the_command_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def object_to_all(_self: Checkers) -> None:
        raise Objection("test", "nothing is ever good enough")

    monkeypatch.setattr(Checkers, "at_end", object_to_all)
    done = RUNNER.invoke(app, ["--seed", "3", "--seeds", "2", "--processes", "1"])
    assert done.exit_code == 1
    assert "OBJECTION of test: nothing is ever good enough" in done.stdout
    assert "./dev sim --seed 4 --trace" in done.stdout
    assert "hears from" in done.stdout

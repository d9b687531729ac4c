"""Scenarios as files: every shipped one is sound, and a wrong one is refused by what is wrong."""

from pathlib import Path

import pytest

from devnet.torture.scenario import (
    ScenarioInvalid,
    chain_parameters,
    read_scenario,
    scenario_names,
)
from devnet.torture.step_types import Heal, Kill

HEAD = 'title = "T"\nexpects = "E"\n'


@pytest.mark.parametrize("name", scenario_names())
def test_a_shipped_scenario_is_sound_and_says_what_it_expects(name: str) -> None:
    scenario = read_scenario(name)
    assert scenario.step
    assert len(scenario.expects.split()) >= 8
    assert chain_parameters(scenario.network).epoch_ms <= 30_000


def test_steps_are_read_in_order_with_their_defaults(tmp_path: Path) -> None:
    text = HEAD + '[[step]]\ndo = "kill"\ntarget = "leader"\nname = "it"\n[[step]]\ndo = "heal"\n'
    (tmp_path / "one.toml").write_text(text)
    scenario = read_scenario("one", tmp_path)
    assert scenario.step == (Kill("leader", "it"), Heal())
    assert scenario.network.validators == 4


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "title"),
        (HEAD + "step = [", "TOML|Invalid"),
        (HEAD + '[[step]]\ndo = "explode"\n', "explode"),
        (HEAD + '[[step]]\ndo = "kill"\n', "target"),
        (HEAD + '[[step]]\ndo = "kill"\ntarget = "node-9"\n', "node-9"),
        (HEAD + '[[step]]\ndo = "start"\ntarget = "victim"\n', "victim"),
        (HEAD + '[[step]]\ndo = "part"\ngroups = [["node-1", "node-7"]]\n', "node-7"),
        (HEAD + '[[step]]\ndo = "progress"\ntransactions = 0\n', "transactions"),
        (HEAD + "step = []\n[network]\nvalidators = 0\n", "validators"),
        (HEAD + "step = []\n[network.parameters]\nepoch_ms = 1\n", "epoch_ms"),
        (HEAD + "step = []\n[network.parameters]\nspeed = 1\n", "speed"),
        (HEAD + 'step = []\nweather = "rain"\n', "weather"),
    ],
)
def test_a_wrong_scenario_is_refused_by_what_is_wrong(
    tmp_path: Path, text: str, problem: str
) -> None:
    (tmp_path / "wrong.toml").write_text(text)
    with pytest.raises(ScenarioInvalid, match=problem):
        read_scenario("wrong", tmp_path)


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ScenarioInvalid, match="kill-leader"):
        read_scenario("kill-the-boss")

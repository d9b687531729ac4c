"""The network's benchmark runs on a small load and says what it measured, and where."""

import json

import pytest

from bench.network import main

SMALL = {"accounts": 50, "transfers": 500, "runs": 1, "samples": 4, "kills": 1}


def test_the_report_names_topology_and_every_figure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*(f"--{name}={size}" for name, size in SMALL.items()), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert "4 validator processes" in report["topology"]
    figures = {figure["name"].strip(): figure for figure in report["figures"]}
    for name in (
        "Ed25519 verifications, one core",
        "transfers over HTTP in batches of 500, to final",
        "processor time of a validator, per transfer",
        "one transfer in flight, submission to final",
        "messages between validators, per block",
        "a follower catches up from genesis, transfers",
        "leader killed, to the next final block",
    ):
        assert figures[name]["median"] > 0

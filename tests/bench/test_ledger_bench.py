"""The ledger's benchmark runs on a small load and says what it measured, and where."""

import json

import pytest

from bench.ledger import main

SMALL = {"accounts": 200, "transactions": 20, "blocks": 2, "jobs": 10, "keys": 500}


def test_the_report_names_machine_store_and_every_figure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*(f"--{name}={size}" for name, size in SMALL.items()), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["machine"]["cores"] >= 1
    assert (report["sqlite"]["journal_mode"], report["sqlite"]["synchronous"]) == ("wal", "full")
    figures = {figure["name"].strip(): figure for figure in report["figures"]}
    for name in (
        "Ed25519 verifications, one core",
        "write of 4 KiB and fsync",
        "transfers through all steps",
        "verify",
        "apply and state root",
        "durable commit",
        "per changed key, 500 a block",
    ):
        figure = figures[name]
        assert 0 < figure["low"] <= figure["median"] <= figure["high"]
    assert {action["action"] for action in report["actions"]} >= {"transfer", "post_receipt"}
    assert all(action["measured_us"] > 0 for action in report["actions"])

"""Every benchmark runs on a small load, and says what it measured, how and where."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench import api, index, ledger, network, node
from bench.report import read_history

LIMITS = {
    "limit.ed25519.core",
    "limit.ed25519",
    "limit.fsync",
    "limit.append",
    "limit.block",
    "limit.rows",
}


@pytest.fixture
def measured(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    def run(main: Callable[[list[str]], int], **options: int) -> dict[str, Any]:
        history = tmp_path / "history.jsonl"
        small = [f"--{name}={value}" for name, value in options.items()]
        assert main([*small, "--quick", "--runs=1", "--json", "--history", str(history)]) == 0
        report: dict[str, Any] = json.loads(capsys.readouterr().out)
        (kept,) = read_history(history)
        assert [figure.key for figure in kept.figures] == [
            each["key"] for each in report["figures"]
        ]
        assert report["machine"]["cores"] >= 1
        assert report["quick"]
        assert report["mode"]
        for each in report["figures"]:
            assert 0 <= each["low"] <= each["median"] <= each["high"]
        return report | {"figures": {each["key"]: each for each in report["figures"]}}

    return run


def test_the_ledger(measured) -> None:
    report = measured(ledger.main, accounts=200, transactions=20, blocks=3, jobs=10, keys=500)
    figures = report["figures"]
    assert report["mode"]["durability"].startswith("journal wal, synchronous full")
    assert figures.keys() >= LIMITS | {
        "ledger.steps",
        "ledger.step.verify",
        "ledger.commit",
        "root.500.change",
        "ledger.action.transfer",
        "ledger.action.submit_evidence",
    }
    rate = figures["ledger.rate"]
    assert rate["limit"] == "limit.ed25519"
    assert rate["share"] == pytest.approx(
        rate["median"] / figures["limit.ed25519"]["median"], rel=1e-4
    )


def test_the_index(measured) -> None:
    report = measured(index.main, rows=2_000, accounts=200, transactions=100)
    assert report["figures"].keys() >= LIMITS | {"index.rows", "index.lookup", "index.activity"}
    assert report["workload"]["rows"] == 2_000


def test_the_api(measured, monkeypatch) -> None:
    # The open orders of a run are of several clients.
    monkeypatch.setattr(api, "ORDERS_PER_CLIENT", 8)
    report = measured(api.main, requests=20, connections=2, jobs=4, open=2)
    figures = report["figures"]
    for load in ("hello", "status", "submit", "whole"):
        keys = {f"api.{load}{end}" for end in ("", ".p50", ".p95", ".p99", ".cpu")}
        assert figures.keys() >= keys
    share = figures["api.status"]["median"] / figures["api.hello"]["median"] * 100
    assert figures["api.status.share"]["median"] == pytest.approx(share, rel=1e-4)


def test_a_node(measured) -> None:
    report = measured(node.main, accounts=60, transactions=400, batch=100, connections=2, samples=3)
    figures = report["figures"]
    assert report["mode"]["durability"].startswith("journal wal, synchronous full")
    assert figures.keys() >= LIMITS | {
        "node.rate",
        "node.latency.p50",
        "node.latency.p99",
        "node.memory",
        "node.index.caught_up",
        "node.start.stop",
        "node.start.kill",
    }
    parts = [size["median"] for key, size in figures.items() if key.startswith("node.memory.")]
    assert sum(parts) == pytest.approx(figures["node.memory"]["median"], rel=1e-3)
    assert report["workload"]["accounts"] == 60


@pytest.mark.soak
def test_a_network(measured) -> None:
    """In the soak only: it starts nine nodes, and `test_a_node` loads and reports alike."""
    report = measured(
        network.main, accounts=60, transactions=400, batch=100, connections=2, samples=4, kills=1
    )
    assert "4 validator processes" in report["mode"]["topology"]
    assert report["figures"].keys() >= LIMITS | {
        "network.rate",
        "network.latency.p50",
        "network.latency.p99",
        "network.frames",
        "network.sync.rate",
        "network.failover",
    }

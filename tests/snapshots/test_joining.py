"""A follower that joins by a snapshot of a running node, with the commands that a person types."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.keys import KeyPair, format_address
from ledger.params import Parameters
from tests.network import TestNetwork

ALICE = KeyPair(b"\x61" * 32)
BOB = KeyPair(b"\x62" * 32)
FOLLOWER = 1
EPOCH_MS = 240_000
"""Longer than the test takes: the epoch ends when the test lets its time pass."""
STEP_MS = 60_000
"""Time that passes at once; a transaction stays valid for longer."""


def aitbc(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def network(tmp_path: Path):
    sections = {"snapshots": {"every_epochs": 1, "keep": 50}, "store": {"keep_blocks": 100}}
    parameters = Parameters(epoch_ms=EPOCH_MS, heartbeat_ms=1_000, account_fee=0)
    with TestNetwork(
        tmp_path,
        validators=1,
        followers=1,
        accounts=(ALICE,),
        parameters=parameters,
        sections=sections,
        is_time_ours=True,
    ) as network:
        yield network


def served(network: TestNetwork) -> list[int]:
    heights: list[int] = network.clients[0].get("/v1/chain/snapshots").json()["heights"]
    return heights


def test_a_follower_starts_from_a_snapshot_and_follows(network: TestNetwork, tmp_path: Path):
    network.start(0)
    alice = network.wallet(ALICE)
    assert served(network) == []
    while network.status(0)["epoch"] == 0:
        network.transfer(0, alice, BOB.address)
        network.pass_time(STEP_MS)
    network.wait_until(lambda: bool(served(network)), "no snapshot is served")
    url = str(network.clients[0].base_url)
    genesis, config = str(tmp_path / "genesis.json"), str(network.members[FOLLOWER].config_file)

    verified = aitbc("node", "snapshot", "verify", "--genesis", genesis, "--from", url, "--json")
    assert verified.returncode == 0, verified.stderr
    head = json.loads(verified.stdout)
    assert head["block_id"] == network.block_id(0, head["height"])

    known = f"{head['height']}:{head['block_id']}"
    source = ("--from", f"{url}/v1/chain/snapshots/{head['height']}", "--checkpoint", known)
    taken = aitbc("node", "snapshot", "import", "--config", config, *source)
    assert taken.returncode == 0, taken.stderr
    assert f"starts at block {head['height']}" in taken.stdout
    again = aitbc("node", "snapshot", "import", "--config", config, "--from", url)
    assert again.returncode == 5
    assert "empty folder" in again.stderr

    network.start(FOLLOWER)
    sent = network.transfer(0, alice, BOB.address, 7)
    network.wait_height(FOLLOWER, sent["height"])
    follower = network.clients[FOLLOWER]
    assert network.block_id(FOLLOWER, sent["height"]) == network.block_id(0, sent["height"])
    assert follower.get(f"/v1/chain/transactions/{sent['transaction_id']}").status_code == 200
    assert follower.get("/v1/chain/blocks/1").status_code == 404
    balances = [
        network.clients[at]
        .get(f"/v1/chain/accounts/{format_address(ALICE.address)}")
        .json()["balance"]
        for at in (0, FOLLOWER)
    ]
    assert balances[0] == balances[1]
    for part in ("manifest.bin.draft", "..%2f..%2fchain.db", "state-1.bin", "x"):
        assert follower.get(f"/v1/chain/snapshots/{head['height']}/{part}").status_code == 404

    network.stop_all()
    exported = aitbc("node", "snapshot", "export", "--config", config, "--out", str(tmp_path / "s"))
    assert exported.returncode == 0, exported.stderr
    verified = aitbc(
        "node", "snapshot", "verify", "--genesis", genesis, "--from", str(tmp_path / "s")
    )
    assert verified.returncode == 0, verified.stderr


def test_what_cannot_be_used_is_named(tmp_path: Path, network: TestNetwork):
    genesis = str(tmp_path / "genesis.json")
    nowhere = aitbc("node", "snapshot", "verify", "--genesis", genesis, "--from", "/nowhere")
    assert nowhere.returncode == 1
    assert "/nowhere/manifest.bin cannot be read" in nowhere.stderr
    silent = aitbc(
        "node", "snapshot", "verify", "--genesis", genesis, "--from", "http://127.0.0.1:9"
    )
    assert silent.returncode == 6
    known = ("--from", "/nowhere", "--checkpoint", "12")
    wrong = aitbc("node", "snapshot", "verify", "--genesis", genesis, *known)
    assert wrong.returncode == 1
    assert "HEIGHT:ID" in wrong.stderr

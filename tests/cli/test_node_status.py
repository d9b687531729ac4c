"""`aitbc node status` against real nodes: one that is well, and one whose peer died."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.keys import KeyPair
from ledger.params import Parameters
from tests.network import TestNetwork

ALICE = KeyPair(b"\x63" * 32)


def status(network: TestNetwork, *options: str) -> subprocess.CompletedProcess[str]:
    url = str(network.clients[0].base_url)
    command = [sys.executable, "-m", "cli.main", "node", "status", "--node", url, *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def status_of(network: TestNetwork, code: int) -> str:
    """Return what is shown, on both streams, once the command ends with a code.

    A busy machine can make the chain stand still for a moment at any time.
    """
    shown: subprocess.CompletedProcess[str] | None = None

    def ends_with_it() -> bool:
        nonlocal shown
        shown = status(network)
        return shown.returncode == code

    network.wait_until(ends_with_it, f"status does not end with {code}")
    assert shown is not None
    return shown.stdout + shown.stderr


@pytest.fixture
def network(tmp_path: Path) -> Iterator[TestNetwork]:
    parameters = Parameters(heartbeat_ms=1_000, account_fee=0)
    with TestNetwork(tmp_path, validators=2, accounts=(ALICE,), parameters=parameters) as network:
        network.start_all()
        yield network


def test_status_says_who_is_there_and_what_the_chain_waits_for(network: TestNetwork):
    network.transfer(0, network.wallet(ALICE), b"\x05" * 20)
    shown = status_of(network, 0)
    assert "validator, signs" in shown
    assert "1 validators" in shown
    names = [line.split()[0] for line in shown.splitlines() if line.startswith("validator-")]
    assert names == ["validator-0", "validator-1"]
    told = json.loads(status(network, "--json").stdout)
    assert told["height"] >= 1

    network[1].kill()
    network.wait_until(
        lambda: network.status(0)["consensus"]["stalled_ms"] > 0, "the chain did not stand still"
    )
    shown = status_of(network, 1)
    assert "the chain has stood still for" in shown
    (line,) = [line for line in shown.splitlines() if line.startswith("validator-1")]
    assert "not connected" in line
    assert "waits for" in shown


def test_status_of_a_node_that_is_not_there_names_it():
    command = [sys.executable, "-m", "cli.main", "node", "status", "--node", "http://127.0.0.1:9"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert shown.returncode == 6
    assert "127.0.0.1:9" in shown.stderr

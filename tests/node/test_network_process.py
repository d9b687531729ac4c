"""Real node processes over real sockets: any node takes, any one fails, all agree."""

import signal
import time
from collections.abc import Iterator

import pytest

from ledger.keys import KeyPair
from ledger.params import TIMESTAMP_DRIFT_MS, Parameters
from node.status import WaitsFor
from tests.network import TestNetwork, running
from tests.wallets import chain_time_ms

ALICE, BOB = (KeyPair(bytes([n]) * 32) for n in (41, 42))
FOLLOWER = 4
EPOCH_MS = 240_000
"""Longer than all tests here take: an epoch ends when a test lets its time pass, not in between."""
STEP_MS = 60_000
"""Time that passes at once; a transaction stays valid for longer."""


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestNetwork]:
    yield from running(
        TestNetwork(
            tmp_path_factory.mktemp("network"),
            followers=1,
            accounts=(ALICE, BOB),
            parameters=Parameters(account_fee=0, epoch_ms=EPOCH_MS),
            is_time_ours=True,
        )
    )


def other_than(number: int) -> int:
    return (number + 1) % 4


def leader_of(network: TestNetwork) -> int:
    leader = network.status(0)["consensus"]["leader"]
    keys = [member.key.public_key.hex() for member in network.members[:4] if member.key]
    return keys.index(leader)


def end_epoch(network: TestNetwork) -> int:
    """Let an epoch's time pass, and return the next epoch."""
    epoch: int = network.status(0)["epoch"]
    wallet = network.wallet(ALICE)
    while network.status(0)["epoch"] == epoch:
        # Who opens an epoch a minute later than the others cannot tell that it is older.
        network.wait_until(lambda: len(open_epochs(network)) == 1, "an epoch is not open for all")
        network.pass_time(STEP_MS)
        network.transfer(0, wallet, BOB.address)
    return epoch + 1


def open_epochs(network: TestNetwork) -> set[int]:
    """Return the epochs that validators wait for blocks of."""
    return {network.status(number)["consensus"]["epoch"] for number in range(4)}


def assert_one_chain(network: TestNetwork) -> None:
    """Wait until all nodes are at one height, and compare their chains."""
    height = max(network.height(number) for number in range(5))
    for number in range(5):
        network.wait_height(number, height)
    for at in range(1, height + 1):
        assert len({network.block_id(number, at) for number in range(5)}) == 1


@pytest.mark.parametrize("number", range(5))
def test_a_transfer_given_to_any_node_is_final_on_all(network: TestNetwork, number: int) -> None:
    outcome = network.transfer(number, network.wallet(ALICE), BOB.address)
    for other in range(5):
        network.wait_height(other, outcome["height"])
        path = f"/v1/chain/transactions/{outcome['transaction_id']}"
        found = network.clients[other].get(path).raise_for_status().json()
        assert (found["status"], found["height"]) == ("final", outcome["height"])


def test_the_status_says_who_is_there_and_what_is_awaited(network: TestNetwork) -> None:
    network.wait_until(
        lambda: (
            network.status(0)["peers"] == {"validators": 3, "followers": 1}
            and network.status(0)["consensus"]["stalled_ms"] == 0
        ),
        "node 0 is not connected to everybody",
    )
    consensus = network.status(0)["consensus"]
    assert (consensus["role"], consensus["signs"]) == ("validator", True)
    assert [each["is_self"] for each in consensus["validators"]] == [True, False, False, False]
    # A machine that is busy may have heard nothing for five seconds.
    network.wait_until(
        lambda: (
            {"aitbc_stalled_seconds 0.0", "aitbc_silent_validators 0.0"}
            <= {*network.clients[0].get("/metrics").text.splitlines()}
        ),
        "node 0 does not see everybody awake",
    )
    metrics = network.clients[0].get("/metrics").text
    assert metrics.count("aitbc_waits_for{") == len(WaitsFor)
    followers = network.status(FOLLOWER)
    assert (followers["consensus"]["role"], followers["consensus"]["signs"]) == ("follower", False)
    assert "silent_because" not in followers["consensus"]
    assert followers["sync"]["announced_height"] >= 1


def test_a_frozen_leader_costs_a_moment_and_catches_up_when_it_thaws(network: TestNetwork) -> None:
    frozen = leader_of(network)
    helper = other_than(frozen)
    network[frozen].process.send_signal(signal.SIGSTOP)
    try:
        wallet = network.wallet(ALICE, helper)
        outcomes = [network.transfer(helper, wallet, BOB.address) for _ in range(3)]
    finally:
        network[frozen].process.send_signal(signal.SIGCONT)
    network.wait_height(frozen, outcomes[-1]["height"])


def test_a_validator_that_was_killed_takes_part_again(network: TestNetwork) -> None:
    network[2].kill()
    wallet = network.wallet(ALICE)
    network.transfer(0, wallet, BOB.address)
    network.start(2)
    outcome = network.transfer(2, wallet, BOB.address)
    network.wait_height(2, outcome["height"])
    network.wait_until(lambda: network.status(2)["consensus"]["signs"], "node 2 does not sign")


def test_a_validator_that_lost_everything_catches_up_and_signs_in_the_next_epoch(
    network: TestNetwork,
) -> None:
    end_epoch(network)
    epoch = end_epoch(network)
    network[3].kill()
    network.members[3].lose_data()
    network.start(3)
    network.wait_height(3, network.height(0))
    started_s = time.monotonic()
    consensus = network.status(3)["consensus"]
    assert (consensus["epoch"], consensus["signs"]) == (epoch, False)
    signed = network.wallet(ALICE).transfer(BOB.address, 1, chain_time_ms(network.clients[3]))
    assert network.submit(3, signed)["status"] == "final"

    # The next epoch is later than the process by more than clocks may differ.
    old_s = started_s + TIMESTAMP_DRIFT_MS / 1_000
    network.wait_until(lambda: time.monotonic() > old_s, "time stands still")
    end_epoch(network)
    network.wait_until(
        lambda: network.status(3)["consensus"]["signs"], "node 3 does not sign again"
    )
    assert_one_chain(network)


def test_without_a_quorum_nothing_is_final_and_the_status_says_why(network: TestNetwork) -> None:
    height = network.height(0)
    network[1].kill()
    network[2].kill()
    signed = network.wallet(ALICE).transfer(BOB.address, 1, chain_time_ms(network.clients[0]))
    assert network.submit(0, signed, wait=False)["status"] == "pooled"
    network.wait_until(
        lambda: (
            network.status(0)["consensus"]["waits_for"] == "peers"
            and network.status(0)["consensus"]["stalled_ms"] > 0
        ),
        "node 0 does not say that it lacks peers",
    )
    gone = [each for each in network.status(0)["consensus"]["validators"] if not each["connected"]]
    assert {each["name"] for each in gone} == {"validator-0", "validator-1", "validator-2"}
    assert network.height(0) <= height + 1
    network.start_again((1, 2))
    network.wait_until(
        lambda: network.submit(0, signed)["status"] == "final", "the transfer is not final"
    )
    assert "chain_stalled" in network[0].log_file.read_text()
    assert "chain_goes_on" in network[0].log_file.read_text()
    assert_one_chain(network)

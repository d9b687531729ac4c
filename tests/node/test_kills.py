"""kill -9 under load: nothing that a node reported final is ever lost, changed or done twice."""

from pathlib import Path
from random import Random

import pytest

from ledger.keys import KeyPair
from ledger.params import Parameters
from node.failpoints import VARIABLE, Failpoint
from node.keyfile import Role
from tests.node.history import History, Load, check_history, resend_everything
from tests.processes import RICHES, NodeFolder, start_node

ALICE, BOB = KeyPair(b"\x51" * 32), KeyPair(b"\x52" * 32)
SHORT_EPOCHS = Parameters(epoch_ms=10_000)
"""So that deaths fall into changes of the epoch, too."""

PROGRESS_SECONDS = 60.0
"""Limit for a node to report the next transfers final on a busy machine."""

RANDOM = "random moment"


def lives(seed: int, number: int, visits: int) -> list[str]:
    """Return how each life of a node ends: every named place, and moments in between.

    Args:
        seed: decides everything.
        number: of lives.
        visits: how often a place is passed at most before the node dies there.
    """
    chance = Random(seed)
    places = [*Failpoint, RANDOM, RANDOM]
    ends = [*Failpoint, RANDOM]
    while len(ends) < number:
        ends.append(chance.choice(places))
    return [end if end == RANDOM else f"{end}:{chance.randint(2, visits)}" for end in ends[:number]]


def survive(folder: NodeFolder, ends: list[str], chance: Random) -> None:
    """Let a node die in each of these ways under load, and check it against all that it said."""
    keys = [folder.key(name, Role.ACCOUNT) for name in ("payout", "faucet")]
    coordinator = folder.key("coordinator", Role.COORDINATOR)
    owners = [key.address for key in (ALICE, BOB, coordinator, *keys)]
    supply, history = folder.genesis.supply, History()
    assert supply == 4 * RICHES
    for end in ends:
        environment = {} if end == RANDOM else {VARIABLE: end}
        with start_node(folder, environment) as node:
            with node.client() as client:
                check_history(client, history, owners, supply)
            load = Load(node, (ALICE, BOB), coordinator.address)
            load.start(history)
            if end == RANDOM:
                wanted = len(history.final) + chance.randint(1, 80)
                assert history.wait_for_final(wanted, PROGRESS_SECONDS), node.told("is stuck")
                node.process.kill()
            code = node.process.wait(PROGRESS_SECONDS)
            assert code == -9, node.told(f"ended with {code} instead of at {end}")
            load.join()
    with start_node(folder) as node, node.client() as client:
        check_history(client, history, owners, supply)
        resend_everything(client, history)
        check_history(client, history, owners, supply)
        assert node.stop() == 0
    assert set(history.final) | history.expired == set(history.sent)


def test_nothing_final_is_lost_at_any_named_place(tmp_path: Path) -> None:
    folder = NodeFolder(tmp_path / "n", (ALICE, BOB), SHORT_EPOCHS, sections={"failpoints": True})
    survive(folder, lives(1, len(Failpoint) + 1, 12), Random(1))


@pytest.mark.soak
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("seed", range(4))
def test_nothing_final_is_lost_in_many_deaths(tmp_path: Path, seed: int) -> None:
    folder = NodeFolder(tmp_path / "n", (ALICE, BOB), SHORT_EPOCHS, sections={"failpoints": True})
    survive(folder, lives(seed, 12, 200), Random(seed))

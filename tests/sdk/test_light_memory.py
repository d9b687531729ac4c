"""What a light client remembers: contradictions are seen, and the file survives or is refused."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from aitbc import InvalidValue
from aitbc.light import Contradiction, FaultKind, LightClient, LightStateInvalid
from ledger import actions as acts
from tests.sdk.light_world import World, kinds
from tests.vectors.proof_chain import STRANGER, ProofChain
from tests.vectors.world import CLIENT

NOBODY = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def forks() -> tuple[ProofChain, ProofChain]:
    """Two chains of the same genesis and keys whose blocks differ: all validators lie."""
    one, two = ProofChain(), ProofChain()
    for chain, amount in ((one, 1_000_000), (two, 2_000_000)):
        chain.grow(chain.signed(CLIENT, acts.Transfer(STRANGER, amount)))
    return one, two


def test_two_proved_blocks_of_one_height_are_a_contradiction_for_good(
    world: World, forks: tuple[ProofChain, ProofChain], tmp_path: Path
) -> None:
    one, two = world.serve(*(world.node(tip=1, chain=chain) for chain in forks))
    client = world.light(one.url, max_age_s=1_000, state_file=tmp_path / "light.json")
    client.newest()
    with pytest.raises(Contradiction, match="block 1") as found:
        world.light(two.url, max_age_s=1_000, state_file=tmp_path / "light.json").newest()
    assert found.value.url == two.url
    assert {found.value.known, found.value.told} == {fork.blocks[1].view.block_id for fork in forks}
    both = world.light(one.url, two.url, max_age_s=1_000)
    with pytest.raises(Contradiction):
        both.sightings()


def test_another_end_of_an_epoch_is_a_contradiction(world: World) -> None:
    fork = ProofChain()
    fork.vote_in(4)
    fork.end_epoch()
    fork.grow()
    forger = world.node(tip=len(fork.blocks) - 1, chain=fork)
    forger.keeps_since = False
    honest, forged = world.serve(world.node(), forger)
    client = world.light(honest.url, forged.url)
    client.newest()
    with pytest.raises(Contradiction, match="the last block of epoch 0"):
        client.sightings()


# ---------------------------------------------------------------- the file


def test_the_file_carries_what_was_verified_to_the_next_run(world: World, tmp_path: Path) -> None:
    file = tmp_path / "light.json"
    node = world.node()
    (server,) = world.serve(node)
    first = world.light(server.url, state_file=file)
    first.newest()
    # The lock stays, so that all who wait for it wait for the same one.
    names = {".light.json.lock", "light.json"}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    node.tip -= 1
    again = world.light(server.url, state_file=file)
    assert again.head == first.head
    answer = again.newest()
    assert kinds(answer.faults) == [FaultKind.OLDER]
    assert "since=2" in server.asked[-1].path


def test_nothing_new_writes_nothing(world: World, tmp_path: Path) -> None:
    file = tmp_path / "light.json"
    (server,) = world.serve(world.node())
    client = world.light(server.url, state_file=file)
    client.newest()
    written = file.stat().st_ino
    client.newest()
    assert file.stat().st_ino == written


def test_processes_that_share_a_file_never_roll_it_back(world: World, tmp_path: Path) -> None:
    file = tmp_path / "light.json"
    behind, ahead = world.serve(world.node(tip=world.tip - 2), world.node())
    first = world.light(behind.url, state_file=file)
    second = world.light(ahead.url, state_file=file)
    assert second.newest().proof.block.height == world.tip
    # The first, which was opened before, learns of it before it asks.
    assert kinds(first.newest().faults) == [FaultKind.OLDER]
    third = world.light(behind.url, state_file=file)
    assert third.head is not None
    assert third.head.height == world.tip


def test_those_who_write_at_the_same_time_keep_what_all_of_them_saw(
    world: World, tmp_path: Path
) -> None:
    file, tips = tmp_path / "light.json", range(world.tip - 5, world.tip + 1)
    servers = world.serve(*(world.node(tip=tip) for tip in tips))
    clients = [world.light(server.url, state_file=file) for server in servers]
    ready = threading.Barrier(len(clients))

    def ask(client: LightClient) -> None:
        ready.wait()
        client.newest()

    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(ask, clients))
    kept = json.loads(file.read_text())
    assert kept["head"]["height"] == world.tip
    assert {str(tip) for tip in tips} <= kept["recent"].keys()


def test_a_file_that_was_deleted_is_made_anew_of_what_the_process_knows(
    world: World, tmp_path: Path
) -> None:
    file = tmp_path / "light.json"
    node = world.node(tip=world.tip - 1)
    (server,) = world.serve(node)
    client = world.light(server.url, state_file=file)
    client.newest()
    before = json.loads(file.read_text())
    file.unlink()
    node.tip += 1
    client.newest()
    assert before["recent"].items() <= json.loads(file.read_text())["recent"].items()


def test_what_could_not_be_kept_is_not_believed(world: World, tmp_path: Path) -> None:
    (server,) = world.serve(world.node())
    folder = tmp_path / "later"
    client = world.light(server.url, state_file=folder / "light.json")
    for _ in range(2):
        with pytest.raises(LightStateInvalid, match="cannot be written"):
            client.newest()
        assert client.head is None
    folder.mkdir()
    assert client.newest().is_fresh


def damage(**changes: Any) -> Callable[[dict[str, Any]], str]:
    return lambda document: json.dumps({**document, **changes})


@pytest.mark.parametrize(
    ("damaged", "told"),
    [
        (lambda _: "", "damaged"),
        (lambda _: "[]", "damaged"),
        (lambda document: json.dumps(document)[:-9], "damaged"),
        (damage(format="aitbc-light/2"), "damaged"),
        (damage(validators=None), "damaged"),
        (damage(validators="90"), "damaged"),
        (damage(head={"height": -1}), "damaged"),
        (damage(recent=[]), "damaged"),
        (damage(sets={}), "not the one of its head"),
        (damage(ends={"x": "00"}), "damaged"),
        (damage(genesis_digest="00" * 32), "another chain"),
        (lambda _: " " * 2_000_000, "larger"),
    ],
)
def test_a_damaged_file_is_refused_with_what_to_do(
    world: World, tmp_path: Path, damaged: Callable[[dict[str, Any]], str], told: str
) -> None:
    file = tmp_path / "light.json"
    (server,) = world.serve(world.node())
    world.light(server.url, state_file=file).newest()
    file.write_text(damaged(json.loads(file.read_text())))
    with pytest.raises(LightStateInvalid, match=told):
        world.light(server.url, state_file=file)


def test_a_file_that_cannot_be_used_is_said(world: World, tmp_path: Path) -> None:
    (server,) = world.serve(world.node())
    with pytest.raises(LightStateInvalid, match="cannot be read"):
        world.light(server.url, state_file=tmp_path)
    with pytest.raises(LightStateInvalid, match="cannot be written"):
        world.light(server.url, state_file=tmp_path / "none" / "light.json").newest()


def test_it_needs_a_node_and_an_address_that_is_one(world: World) -> None:
    with pytest.raises(InvalidValue, match="at least one"):
        world.light()
    with pytest.raises(InvalidValue, match="base_url"):
        world.light("ftp://node")
    with pytest.raises(InvalidValue, match="address"):
        world.light(NOBODY).balance("ait1nobody")

"""Loss of power under a whole node: what it answered as final survives every unsynced write lost.

The files of a real node, journal and databases, are logged below it (tests/crash). The folder is
rebuilt as a power loss would leave it right after an answer left the process, and a node is
started on it.
"""

import re
import shutil
from collections.abc import Iterator
from copy import copy, deepcopy
from pathlib import Path
from random import Random

import httpx
import pytest

from ledger.keys import KeyPair, format_address
from tests.crash import disklog
from tests.crash.disk import Chance, Disk, Image, Luck, NothingUnsynced, said
from tests.crash.disklog import Event, Kind
from tests.processes import RICHES, NodeFolder, start_node
from tests.wallets import Wallet, chain_time_ms

ALICE, BOB = KeyPair(b"\x61" * 32), KeyPair(b"\x62" * 32)
TRANSFERS = 30
"""Enough for the soak to choose its moments from."""
FINAL_ANSWER = re.compile(rb'"transaction_id":"tx_([0-9a-f]{64})","status":"final"')


def node_folder(root: Path) -> NodeFolder:
    return NodeFolder(root, (ALICE, BOB), sections={"signatures": {"workers": 0}})


def logged_life(folder: NodeFolder, library: Path, log: Path) -> list[Event]:
    """Let a node make transfers final one after the other, kill it, and return what it did."""
    folder.data.mkdir()
    with start_node(folder, disklog.environment(library, folder.data, log)) as node:
        with node.client() as client:
            wallet = Wallet.on(client, ALICE)
            for _ in range(TRANSFERS):
                signed = wallet.transfer(BOB.address, 1, chain_time_ms(client))
                answer = client.post(
                    "/v1/chain/transactions",
                    params={"wait": "final"},
                    json={"transaction": signed.hex()},
                ).json()
                assert answer["status"] == "final", answer
        node.kill()
    return disklog.read(log)


def crashes(
    folder: NodeFolder, events: list[Event], chance: Random, number: int
) -> Iterator[tuple[Image, set[str]]]:
    """Yield what the disk holds right after answers, and the transfers promised by then."""
    shutil.rmtree(folder.data)
    folder.data.mkdir()
    disk = Disk(folder.data)
    answers = [at for at, e in enumerate(events) if e.kind is Kind.SAID and _finals([e])]
    assert len(answers) == TRANSFERS
    moments = set(chance.sample(answers[:-1], number - 1)) | {answers[-1]}
    promised: set[str] = set()
    for at, event in enumerate(events):
        disk.follow(event)
        promised |= _finals([event])
        if at in moments:
            luck: Chance = chance.choice((NothingUnsynced(), Luck(chance.randrange(2**32))))
            yield deepcopy(disk).after_crash(luck), set(promised)


def _finals(events: list[Event]) -> set[str]:
    return {found.decode() for found in FINAL_ANSWER.findall(said(events))}


def check_survival(folder: NodeFolder, image: Image, promised: set[str], root: Path) -> None:
    """Start a node on what the power loss left; assert that it kept every promise and goes on."""
    shutil.copytree(folder.root, root, ignore=shutil.ignore_patterns("data", "node.log"))
    survivor = copy(folder)
    survivor.root, survivor.config_file = root, root / "node.toml"
    survivor.data.mkdir()
    image.write_to(survivor.data)
    with start_node(survivor) as node, node.client() as client:
        for transaction_id in promised:
            found = client.get(f"/v1/chain/transactions/{transaction_id}").json()
            assert found["status"] == "final", node.told(f"{transaction_id} is {found['status']}")
        assert _balance(client, BOB) - RICHES >= len(promised)
        assert node.stop() == 0


def _balance(client: httpx.Client, owner: KeyPair) -> int:
    account = client.get(f"/v1/chain/accounts/{format_address(owner.address)}").json()
    return int(account["balance_nait"])


@pytest.mark.parametrize("crashes_wanted", [3, pytest.param(29, marks=pytest.mark.soak)])
def test_what_a_node_answered_as_final_survives_a_loss_of_power(
    tmp_path: Path, c_compiler: str, crashes_wanted: int
) -> None:
    folder = node_folder(tmp_path / "n")
    library = disklog.build(c_compiler, tmp_path)
    events = logged_life(folder, library, tmp_path / "log")
    moments = crashes(folder, events, Random(crashes_wanted), crashes_wanted)
    for number, (image, promised) in enumerate(moments):
        assert promised
        check_survival(folder, image, promised, tmp_path / f"after-{number}")

"""`aitbc light`: what it prints and how it ends, with nodes of a chain that the ledger made."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from cli.exits import Exit
from cli.main import main
from genesis import genesis_text
from ledger import actions as acts
from ledger.keys import format_address
from tests.sdk.proving_nodes import ProvingNode
from tests.sdk.scripted_server import Reply, ScriptedServer, serving
from tests.vectors.proof_chain import STRANGER, ProofChain, tell
from tests.vectors.world import CLIENT

OWNER = format_address(CLIENT.address)
ANY_AGE = ("--max-age", "1e12")
"""The chain of the tests was made long ago."""
NOBODY = "http://127.0.0.1:1"


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture(scope="module")
def chain() -> ProofChain:
    chain = ProofChain()
    for amount in (1_000_000, 2_000_000):
        chain.grow(chain.signed(CLIENT, acts.Transfer(STRANGER, amount)))
    return chain


@pytest.fixture
def node(chain: ProofChain) -> ProvingNode:
    return ProvingNode(chain, tip=2)


@pytest.fixture
def server(node: ProvingNode) -> Iterator[ScriptedServer]:
    with serving(node) as server:
        yield server


@pytest.fixture
def light(
    chain: ProofChain,
    server: ScriptedServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Run a command with the genesis and the node."""
    genesis = tmp_path / "genesis.json"
    genesis.write_bytes(genesis_text(chain.genesis))

    def run(*arguments: str | Path) -> Ended:
        named = ("light", "--genesis", genesis, "--timeout", "60", "--node", server.url, *arguments)
        monkeypatch.setattr(sys, "argv", ["aitbc", *map(str, named)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Ended(int(ended.value.code or 0), captured.out, captured.err)

    return run


def test_a_balance_is_told_with_its_height_its_age_and_who_proved_it(
    light: Run, server: ScriptedServer, chain: ProofChain
) -> None:
    done = light(*ANY_AGE, "balance", OWNER)
    assert (done.code, done.err) == (Exit.DONE, "")
    lines = done.out.splitlines()
    assert lines[0] == f"account         {OWNER}"
    assert re.fullmatch(r"balance         999999\.9969\d* AITBC", lines[1])
    assert lines[2].startswith(f"final in        block 2 of {chain.genesis.chain_id}, 2025-10-09 ")
    assert lines[4] == "signed by       member-0, member-1, member-2"
    proved = rf"proved by       {server.url}, which was not trusted; block 2 is from \d+ h ago"
    assert re.fullmatch(proved, lines[6])


def test_what_is_old_is_told_and_does_not_end_with_0(light: Run, server: ScriptedServer) -> None:
    done = light("balance", OWNER)
    assert done.code == Exit.STALE
    assert "balance         999999.99" in done.out
    assert f"{server.url} stalls: its newest final block 2 is " in done.err
    assert "what was proved is old: block 2 is from " in done.err
    shown = json.loads(light("balance", OWNER, "--json").out)
    assert (shown["is_fresh"], shown["block"]["height"]) == (False, 2)


def test_the_status_names_each_node(light: Run, server: ScriptedServer, chain: ProofChain) -> None:
    done = light("--node", NOBODY, *ANY_AGE, "status")
    assert done.code == Exit.DONE
    block_id = chain.blocks[2].view.block_id.hex()
    assert done.out.splitlines()[0] == f"chain      {chain.genesis.chain_id}"
    assert f"verified   block 2 of epoch 0, 2025-10-09 08:53:21 UTC\n           {block_id}" in (
        done.out
    )
    assert f"node       {server.url}  proves block 2, {block_id[:16]}…\n" in done.out
    assert f"node       {NOBODY}  cannot be reached: " in done.out
    told = json.loads(light("--node", NOBODY, *ANY_AGE, "status", "--json").out)
    assert [node["fault"] and node["fault"]["kind"] for node in told["nodes"]] == [
        None,
        "unreachable",
    ]
    assert light("status").code == Exit.STALE


def test_a_followed_block_is_a_line(light: Run, server: ScriptedServer) -> None:
    done = light(*ANY_AGE, "follow", "--count", "1")
    line = rf"block 2  epoch 0  [0-9a-f]{{64}}  2025\S+ \S+ UTC  3 of 4 signed  by {server.url}\n"
    assert re.fullmatch(line, done.out)
    told = json.loads(light(*ANY_AGE, "follow", "--count", "1", "--json").out)
    assert told["block"]["height"] == 2


def test_nodes_that_prove_nothing_are_named(light: Run, node: ProvingNode) -> None:
    node.reply = Reply(200, b"{}")
    done = light("--node", NOBODY, "receipt", "receipt_" + "ab" * 32)
    assert (done.code, done.out) == (Exit.UNREACHABLE, "")
    assert " LIES: its proof fails at the step document: DOCUMENT_MALFORMED: " in done.err
    assert f"{NOBODY} cannot be reached: " in done.err
    assert "no node proves the receipt receipt_abab" in done.err
    assert light("status").code == Exit.UNREACHABLE


def test_a_receipt_of_former_validators_comes_with_a_warning(
    light: Run, node: ProvingNode, server: ScriptedServer
) -> None:
    story = tell()
    node.chain, node.tip = story.chain, len(story.chain.blocks) - 1
    places = {0: story.first_receipt, None: story.second_receipt}
    for epoch, height in places.items():
        receipt_id = f"receipt_{story.chain.id_of(story.chain.blocks[height].body[-1]).hex()}"
        node.receipts = {receipt_id: height}
        done = light(*ANY_AGE, "receipt", receipt_id)
        assert (done.code, f"receipt         {receipt_id}" in done.out) == (Exit.DONE, True)
        warning = "this rests on the keys of the validators of epoch 0, which are not known "
        assert (warning in done.err) == (epoch == 0)
        told = json.loads(light(*ANY_AGE, "receipt", receipt_id, "--json").out)
        assert (told["rests_on_epoch"], told["also_proved_by"]) == (epoch, [])


def test_a_contradiction_ends_it(light: Run, node: ProvingNode, tmp_path: Path) -> None:
    state = ("--state", tmp_path / "light.json", *ANY_AGE)
    assert light(*state, "status").code == Exit.DONE
    fork = ProofChain()
    for _ in range(2):
        fork.grow()
    node.chain = fork
    # Without a command it follows.
    for command in (("balance", OWNER), ("status",), ()):
        done = light(*state, *command)
        assert (done.code, done.out) == (Exit.CONTRADICTED, "")
        assert "two different blocks are proved final as block 2" in done.err


def test_what_cannot_be_used_ends_with_2(light: Run, tmp_path: Path) -> None:
    (tmp_path / "light.json").write_text("{}")
    done = light("--state", tmp_path / "light.json", "status")
    assert (done.code, "damaged" in done.err) == (Exit.MALFORMED, True)
    assert light("balance", "ait1nobody").code == Exit.MALFORMED
    (tmp_path / "genesis.json").write_text("{}")
    done = light("status")
    assert (done.code, "no built genesis" in done.err) == (Exit.MALFORMED, True)

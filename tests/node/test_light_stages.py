"""A light client at real routes whose bundles cannot carry the whole chain of sets."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest

from aitbc.light import LightClient
from aitbc.proofs import read_genesis_bytes
from tests.node.proved_node import ProvedNode
from tests.sdk.scripted_server import Asked, Reply, ScriptedServer, serving
from tests.vectors.proof_chain import ProofChain, Story


@pytest.fixture(scope="module")
def chain() -> ProofChain:
    """A chain whose set changes at the ends of the epochs 0 and 2, and not at those of 1, 3, 4."""
    chain = ProofChain()
    for epoch in range(5):
        if epoch in (0, 2):
            chain.vote_in(4 + epoch // 2)
        chain.end_epoch()
    chain.grow()
    return chain


@pytest.fixture
def node(chain: ProofChain, tmp_path: Path) -> Iterator[ProvedNode]:
    """A node that started with a snapshot: of ends of epochs it has those that changed the set."""
    none = len(chain.blocks)
    with closing(ProvedNode(tmp_path, Story(chain, none, none, none, none))) as node:
        with closing(sqlite3.connect(tmp_path / "chain.db")) as database, database:
            gone = database.execute("delete from epoch_ends where length(next_set) = 0").rowcount
        assert gone == 3
        yield node


def served(node: ProvedNode, *, says_reach: bool) -> AbstractContextManager[ScriptedServer]:
    """Return what serves the node's routes, as a node of before, too, that does not say how far."""

    def script(asked: Asked) -> Reply:
        answer = asyncio.run(node.get(asked.path.removeprefix("/v1/proofs/")))
        body = answer.content
        if not says_reach and answer.status_code != 200:
            told = json.loads(body)
            told.pop("reachable_epoch", None)
            body = json.dumps(told).encode()
        return Reply(answer.status_code, body)

    return serving(script)


@pytest.mark.parametrize(("limit", "value"), [("BOUNDARIES_MAX", 1), ("BOUNDARY_CHARS_MAX", 3_000)])
@pytest.mark.parametrize(
    ("says_reach", "stages"),
    [(True, [2]), (False, [1_024, 512, 256, 128, 64, 32, 16, 8, 4, 2])],
)
def test_a_client_reaches_the_newest_set_over_bundles_that_are_bounded(
    node: ProvedNode,
    chain: ProofChain,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    value: int,
    says_reach: bool,
    stages: list[int],
) -> None:
    monkeypatch.setattr(f"node.proofs.boundaries.{limit}", value)
    genesis, tip = read_genesis_bytes(chain.specification), chain.blocks[-1].header
    with (
        served(node, says_reach=says_reach) as server,
        LightClient(genesis, [server.url], clock=lambda: tip.timestamp_ms / 1_000) as client,
    ):
        block = client.newest().proof.block
    assert (block.height, block.epoch, len(block.validators.members)) == (tip.height, 5, 6)
    expected = ["", *(f"epoch={epoch}" for epoch in stages), "since=2"]
    assert [asked.path.partition("?")[2] for asked in server.asked] == expected

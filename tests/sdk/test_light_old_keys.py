"""Keys of former validators: to a client that knows their successors they prove nothing."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from aitbc.light import Contradiction, LightClient
from consensus import Finalize
from ledger.block import block_id
from ledger.codec import encode
from ledger.keys import format_address
from ledger.proofs import (
    Foundation,
    account_bundle,
    account_part,
    finality_part,
    genesis_part,
    validators_bundle,
)
from tests.sdk.light_world import World
from tests.sdk.proving_nodes import ProvingNode
from tests.sdk.scripted_server import Asked, Reply, ScriptedServer, serving
from tests.vectors.proof_chain import ProofChain
from tests.vectors.world import CLIENT

OWNER = format_address(CLIENT.address)


def forgery(chain: ProofChain, *, height: int, epoch: int, of: int) -> Callable[[Asked], Reply]:
    """Return a node whose newest block the set of block `of` signed, with no boundary before it."""
    tip, model = chain.blocks[-1].header, chain.blocks[of]
    header = msgspec.structs.replace(
        model.header,
        height=height,
        epoch=epoch,
        timestamp_ms=tip.timestamp_ms + 500,
        next_validator_set_hash=bytes(32),
    )
    statement = Finalize(epoch, header.view, header.parent_view, block_id(chain.tags, header))
    size = len(model.members.members)
    signers = range(size - (size - 1) // 3)
    certificate = chain.certify(statement, model.members, signers)
    base = Foundation(
        genesis=genesis_part(chain.genesis.digest, chain.specification),
        since=None,
        boundaries=(),
        finality=finality_part([encode(header)], encode(certificate)),
    )
    account = account_bundle(base, account_part(model.view.state, CLIENT.address))
    validators = validators_bundle(base)

    def node(asked: Asked) -> Reply:
        return Reply(200, json.loads(account if "/account/" in asked.path else validators))

    return node


def informed(world: World, server: ScriptedServer, file: Path) -> LightClient:
    """Return a client that walked over all sets, and keeps what it saw."""
    client = world.light(server.url, state_file=file)
    assert client.balance(OWNER).is_fresh
    return client


@pytest.mark.parametrize(
    ("height", "epoch", "where"),
    [
        (100_000, 50, "epoch 1"),
        (100_000, 2, "epoch 2"),
        (100_000, 1, "epoch 1"),
        (2, 1, "epoch 1"),
        (100_000, 0, "of which no chain has both, block"),
    ],
)
def test_a_chain_that_former_validators_sign_is_not_followed(
    world: World, tmp_path: Path, height: int, epoch: int, where: str
) -> None:
    file = tmp_path / "light.json"
    (honest,) = world.serve(world.node())
    client = informed(world, honest, file)
    kept = file.read_bytes()
    forged = world.stack.enter_context(
        serving(forgery(world.chain, height=height, epoch=epoch, of=1))
    )
    for ask in (LightClient.newest, LightClient.sightings, balance):
        with pytest.raises(Contradiction, match=where) as found:
            ask(world.light(forged.url, honest.url, state_file=file))
        assert found.value.url == forged.url
    assert file.read_bytes() == kept
    assert client.balance(OWNER).proof.block.height == world.tip


def balance(client: LightClient) -> None:
    client.balance(OWNER)


def test_without_memory_former_validators_are_believed_and_the_honest_contradict_them(
    world: World,
) -> None:
    """The limit that docs/light-client.md states: whoever knows nothing can compare nothing."""
    forged = world.stack.enter_context(
        serving(forgery(world.chain, height=100_000, epoch=50, of=1))
    )
    (honest,) = world.serve(world.node())
    client = world.light(forged.url, honest.url)
    assert client.newest().proof.block.height == 100_000
    with pytest.raises(Contradiction):
        client.sightings()


def test_a_block_of_the_newest_set_in_a_later_epoch_is_above_the_newest_block(
    world: World, tmp_path: Path
) -> None:
    file = tmp_path / "light.json"
    (honest,) = world.serve(world.node())
    informed(world, honest, file)
    base = world.chain.base(world.tip, since=2)
    header = msgspec.structs.replace(world.chain.blocks[world.tip].header, height=3, epoch=7)
    members = world.chain.blocks[world.tip].members
    statement = Finalize(7, header.view, header.parent_view, block_id(world.chain.tags, header))
    certificate = world.chain.certify(statement, members, range(len(members.members)))
    finality = finality_part([encode(header)], encode(certificate))
    bundle = json.loads(validators_bundle(replace(base, finality=finality)))
    forged = world.stack.enter_context(serving(lambda _: Reply(200, bundle)))
    with pytest.raises(Contradiction, match="of which no chain has both"):
        world.light(forged.url, state_file=file).newest()


def test_a_walk_from_the_genesis_over_the_known_sets_is_taken(world: World, tmp_path: Path) -> None:
    file = tmp_path / "light.json"
    node: ProvingNode = world.node(tip=world.tip - 1)
    (server,) = world.serve(node)
    informed(world, server, file)
    node.tip, node.keeps_since = world.tip, False
    answer = world.light(server.url, state_file=file).balance(OWNER)
    assert (answer.proof.block.height, answer.is_fresh, answer.faults) == (world.tip, True, ())

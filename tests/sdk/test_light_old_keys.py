"""Keys of former validators: they sign nothing new for a client that knows their successors."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from aitbc.light import Contradiction, FaultKind, LightClient
from consensus import Finalize
from ledger import actions as acts
from ledger.block import block_id
from ledger.codec import encode
from ledger.keys import format_address
from ledger.merkle import merkle_root, transaction_leaf
from ledger.proofs import (
    Foundation,
    account_bundle,
    account_part,
    finality_part,
    genesis_part,
    receipt_bundle,
    validators_bundle,
)
from tests.sdk.light_world import World
from tests.sdk.proving_nodes import ProvingNode
from tests.sdk.scripted_server import Asked, Reply, ScriptedServer, serving
from tests.vectors.proof_chain import ProofChain
from tests.vectors.world import CLIENT, MINER

NOBODY = "http://127.0.0.1:1"
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


# ---------------------------------------------------------------- receipts of former sets


def transplanted(chain: ProofChain, leaf: bytes) -> Foundation:
    """Return what leads to a made-up block of one transaction, signed by the first epoch's set."""
    model = chain.blocks[2]
    assert model.header.epoch == 0
    header = msgspec.structs.replace(
        model.header,
        height=3,
        view=model.header.view + 50,
        transaction_count=1,
        transaction_root=merkle_root([leaf]),
    )
    statement = Finalize(0, header.view, header.parent_view, block_id(chain.tags, header))
    certificate = chain.certify(statement, model.members, range(3))
    return replace(chain.base(2), finality=finality_part([encode(header)], encode(certificate)))


def forged_receipt(chain: ProofChain) -> tuple[str, Callable[[Asked], Reply]]:
    """Return a receipt that was never posted, and a node that proves it.

    The set of the first epoch signed a block of that epoch which holds it.
    """
    honest = next(
        each.transaction.action
        for block in chain.blocks
        for each in block.body
        if isinstance(each.transaction.action, acts.PostReceipt)
    )
    made_up = chain.signed(MINER, msgspec.structs.replace(honest, price=honest.price - 1))
    leaf = transaction_leaf(
        chain.id_of(made_up), made_up.transaction.valid_until_ms, made_up.signature
    )
    document = receipt_bundle(transplanted(chain, leaf), encode(made_up), [leaf], 0)
    return f"receipt_{chain.id_of(made_up).hex()}", lambda _: Reply(200, document)


def test_a_receipt_that_only_former_validators_vouch_for_is_told_with_their_epoch(
    world: World, tmp_path: Path
) -> None:
    file = tmp_path / "light.json"
    (honest,) = world.serve(world.node())
    informed(world, honest, file)
    kept = file.read_bytes()
    receipt_id, forger = forged_receipt(world.chain)
    forged = world.stack.enter_context(serving(forger))
    answer = world.light(forged.url, honest.url, state_file=file).receipt(receipt_id)
    assert (answer.url, answer.rests_on_epoch) == (forged.url, 0)
    assert answer.also_proved_by == ()
    assert [(fault.url, fault.kind) for fault in answer.faults] == [(honest.url, FaultKind.REFUSES)]
    assert file.read_bytes() == kept, "what former keys alone vouch for is not remembered"


def test_who_knows_nothing_learns_first_which_validators_are_in_force(world: World) -> None:
    receipt_id, forger = forged_receipt(world.chain)
    node = world.node()

    def mixed(asked: Asked) -> Reply:
        return forger(asked) if "/receipt/" in asked.path else node(asked)

    server = world.stack.enter_context(serving(mixed))
    assert world.light(server.url).receipt(receipt_id).rests_on_epoch == 0
    # Nor does a client know it to which no node proves the newest block.
    withheld = world.stack.enter_context(serving(forger))
    assert world.light(withheld.url).receipt(receipt_id).rests_on_epoch == 0


def test_an_honest_receipt_of_a_former_set_is_told_with_who_else_proves_it(world: World) -> None:
    old, new = world.receipts
    one, two = world.serve(world.node(), world.node())
    client = world.light(one.url, NOBODY, two.url)
    answer = client.receipt(old)
    assert (answer.rests_on_epoch, answer.also_proved_by) == (0, (two.url,))
    assert [fault.kind for fault in answer.faults] == [FaultKind.UNREACHABLE]
    answer = client.receipt(new)
    assert (answer.rests_on_epoch, answer.also_proved_by, answer.faults) == (None, (), ())


def test_an_old_receipt_whose_headers_lead_to_a_known_block_rests_on_that(
    world: World, tmp_path: Path
) -> None:
    file = tmp_path / "light.json"
    old, at = next(iter(world.receipts.items()))
    node = world.node(tip=at + 1)
    (server,) = world.serve(node)
    world.light(server.url, state_file=file, max_age_s=1_000).newest()
    node.tip = world.tip
    client = world.light(server.url, state_file=file)
    client.newest()
    assert client.receipt(old).rests_on_epoch == 0
    document = receipt_bundle(
        world.chain.base(at, through=1),
        encode(world.chain.blocks[at].body[-1]),
        world.chain.blocks[at].leaves(world.chain.tags),
        len(world.chain.blocks[at].body) - 1,
    )
    led = world.stack.enter_context(serving(lambda _: Reply(200, document)))
    assert world.light(led.url, state_file=file).receipt(old).rests_on_epoch is None


def test_a_receipt_in_two_blocks_is_a_contradiction(world: World) -> None:
    old, at = next(iter(world.receipts.items()))
    receipt = world.chain.blocks[at].body[-1]
    leaf = transaction_leaf(
        world.chain.id_of(receipt), receipt.transaction.valid_until_ms, receipt.signature
    )
    other = transplanted(world.chain, leaf)
    document = receipt_bundle(other, encode(receipt), [leaf], 0)
    (honest,) = world.serve(world.node())
    forged = world.stack.enter_context(serving(lambda asked: Reply(200, document)))
    client = world.light(honest.url, forged.url)
    with pytest.raises(Contradiction, match="each of which holds the receipt"):
        client.receipt(old)

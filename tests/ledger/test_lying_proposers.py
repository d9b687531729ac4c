"""What a validator refuses although the proposer, who could have known, put it into a block.

A proposer builds with the same checks, so an honest one never tries these. Each block here commits
to its body as it should; only what the body holds is wrong.
"""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from ledger.actions import AssignJob, Transfer, UnitType
from ledger.block import Block
from ledger.block_errors import BlockLimitExceeded, BlockTransactionRefused
from ledger.block_steps import weight_of
from ledger.hashing import Purpose
from ledger.keys import KeyPair
from ledger.params import DUE_ITEM_WEIGHT_US, Parameters
from ledger.proposal import build_block
from ledger.transaction import SignedTransaction, transaction_id
from ledger.transition import apply_block
from tests.ledger.claims import transaction_root
from tests.ledger.worlds import AITBC, PEOPLE, World, genesis_of

CLIENT, MINER = PEOPLE.client, PEOPLE.miner
Body = list[SignedTransaction]


def block_with(world: World, body: Body, *, after_ms: int = 1) -> Block:
    """Return the next block with exactly this body, which its header commits to."""
    header = build_block(world.head, [], world.context(after_ms)).block.header
    ids = [world.id_of(signed) for signed in body]
    root = transaction_root(ids, body)
    changed = replace(header, transaction_root=root, transaction_count=len(body))
    return Block(changed, tuple(body))


def signed_anew(world: World, key: KeyPair, signed: SignedTransaction, **changes: Any) -> Body:
    """Return the transaction with other fields, rightly signed whatever they are."""
    tags, unsigned = world.head.tags, replace(signed.transaction, **changes)
    signature = key.sign(tags[Purpose.TX_SIGN] + transaction_id(tags, unsigned))
    return [SignedTransaction(unsigned, signature)]


def a_transfer(world: World) -> SignedTransaction:
    return world.sign(CLIENT, Transfer(MINER.address, 5))


def of_another_version(world: World) -> Body:
    return signed_anew(world, CLIENT, a_transfer(world), version=2)


def of_another_chain(world: World) -> Body:
    return signed_anew(world, CLIENT, a_transfer(world), chain_id="tests-" + "0" * 16)


def of_nothing(world: World) -> Body:
    return [world.sign(CLIENT, Transfer(MINER.address, 0))]


def a_free_job(world: World) -> Body:
    return [world.sign(CLIENT, world.submission(max_price=0))]


def an_assignment_by_units_of_nothing(world: World) -> Body:
    miner = MINER.address
    action = AssignJob(bytes(32), 1, miner, AITBC, UnitType.NONE, 1, world.now_ms)
    return [world.sign(PEOPLE.coordinator, action)]


def expired(world: World) -> Body:
    return signed_anew(world, CLIENT, a_transfer(world), valid_until_ms=world.now_ms)


def beyond_the_horizon(world: World) -> Body:
    limit_ms = world.now_ms + 1 + world.head.parameters.horizon_ms
    return signed_anew(world, CLIENT, a_transfer(world), valid_until_ms=limit_ms + 1)


def twice_in_the_block(world: World) -> Body:
    return [a_transfer(world)] * 2


def in_the_parent(world: World) -> Body:
    signed = a_transfer(world)
    world.block(signed, finalize=False)
    return [signed]


def in_a_final_block(world: World) -> Body:
    signed = a_transfer(world)
    world.block(signed)
    world.block()
    return [signed]


def cheap(world: World) -> Body:
    signed = a_transfer(world)
    return signed_anew(world, CLIENT, signed, fee=signed.transaction.fee - 1)


def with_a_tip_on_free_work(world: World) -> Body:
    world.register()
    job_id = world.submit()
    return [world.sign(PEOPLE.coordinator, world.assignment(job_id), fee=1)]


def beyond_its_means(world: World) -> Body:
    return [world.sign(CLIENT, Transfer(MINER.address, world.balance(CLIENT.address)))]


def signed_by_somebody_else(world: World) -> Body:
    return signed_anew(world, MINER, a_transfer(world))


@pytest.mark.parametrize(
    ("body_of", "code"),
    [
        (of_another_version, "VERSION_UNSUPPORTED"),
        (of_another_chain, "WRONG_CHAIN"),
        (of_nothing, "AMOUNT_ZERO"),
        (a_free_job, "AMOUNT_ZERO"),
        (an_assignment_by_units_of_nothing, "UNIT_PRICE_INVALID"),
        (expired, "TRANSACTION_EXPIRED"),
        (beyond_the_horizon, "VALID_UNTIL_TOO_FAR"),
        (twice_in_the_block, "ALREADY_INCLUDED"),
        (in_the_parent, "ALREADY_INCLUDED"),
        (in_a_final_block, "ALREADY_INCLUDED"),
        (cheap, "FEE_TOO_LOW"),
        (with_a_tip_on_free_work, "FEE_NOT_ALLOWED"),
        (beyond_its_means, "INSUFFICIENT_BALANCE"),
        (signed_by_somebody_else, "SIGNATURE_INVALID"),
    ],
)
def test_t1_t4_t7_t9_a_block_may_not_hold_a_transaction_that_admission_refuses(
    body_of: Callable[[World], Body], code: str
) -> None:
    world = World()
    body = body_of(world)
    with pytest.raises(BlockTransactionRefused) as refused:
        apply_block(world.head, block_with(world, body))
    assert refused.value.reason.code == code
    assert refused.value.index == len(body) - 1


def test_s7_automatic_items_take_their_weight_from_the_body_of_a_block() -> None:
    world = World(genesis_of(Parameters(block_weight_max=10_000)))
    now_ms = world.now_ms
    for _ in range(2):
        world.submit(start_by_ms=now_ms + 1_000, deadline_ms=now_ms + 1_000)
    after_ms = now_ms + 1_001 - world.now_ms
    body = [world.sign(CLIENT, Transfer(MINER.address, 1)) for _ in range(143)]
    weight = weight_of(body[0])
    fitting = (10_000 - 2 * DUE_ITEM_WEIGHT_US) // weight
    assert fitting < 10_000 // weight, "without the items one more would fit"
    built = build_block(world.head, body, world.context(after_ms))
    assert len(built.block.transactions) == fitting
    apply_block(world.head, built.block)
    with pytest.raises(BlockLimitExceeded) as refused:
        apply_block(world.head, block_with(world, body[: fitting + 1], after_ms=after_ms))
    assert refused.value.what == "weight"
    assert refused.value.value == 2 * DUE_ITEM_WEIGHT_US + (fitting + 1) * weight

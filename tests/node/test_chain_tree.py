"""The tree of blocks above the final one: siblings, verdicts, and what finality cuts off."""

import pytest
from msgspec.structs import replace

from consensus import BlockRef, Notarize, Verdict
from ledger.actions import Transfer
from ledger.block import Block, block_id
from ledger.codec import encode
from ledger.errors import CodecError
from ledger.keys import KeyPair
from ledger.params import TIMESTAMP_DRIFT_MS, Parameters
from ledger.steps import at_once
from ledger.transaction import IdentifiedTransaction, Transaction, identify, sign
from ledger.types import Hash
from node.block_tree import ARRIVED_MAX, BlockTree, TreeBlock
from tests.node.lone_node import CHAIN_ID, RICH, START_MS, TAGS, VALIDATOR, genesis

LEADER = VALIDATOR.public_key
OTHER = KeyPair(b"\x0b" * 32)
NOW_MS = START_MS + 10_000
LONG = Parameters(account_fee=0, epoch_ms=2**40)
SHORT = Parameters(account_fee=0, epoch_ms=1)


def never(_signed: IdentifiedTransaction) -> bool:
    return False


def tree(parameters: Parameters = LONG) -> BlockTree:
    return BlockTree(genesis(parameters))


def build(at: BlockTree, parent_id: Hash, view: int, clock_ms: int = NOW_MS) -> TreeBlock:
    block, refused = at_once(at.build(parent_id, view, LEADER, clock_ms, []))
    assert not refused
    return block


def proposal_of(block: Block) -> Notarize:
    header = block.header
    return Notarize(header.epoch, header.view, header.parent_view, block_id(TAGS, header))


def verdict(at: BlockTree, block: Block, clock_ms: int = NOW_MS) -> Verdict:
    """Offer a block and verify it as a proposal on its parent."""
    at.offer(encode(block))
    parent = BlockRef(block.header.parent_view, block.header.parent_id)
    return at_once(at.verify(proposal_of(block), parent, LEADER, clock_ms, never)).verdict


def test_a_block_that_another_built_is_valid_and_gives_the_same_state() -> None:
    mine, theirs = tree(), tree()
    built = build(theirs, theirs.final_view.block_id, 1)
    assert verdict(mine, built.block) is Verdict.VALID
    copy = mine.get(built.view.block_id)
    assert copy is not None
    assert (copy.data, copy.outcomes, copy.delta) == (built.data, built.outcomes, built.delta)


def test_siblings_stand_side_by_side_until_one_is_final() -> None:
    at = tree()
    root = at.final_view.block_id
    first, second = build(at, root, 1), build(at, root, 2)
    child, cousin = build(at, first.view.block_id, 3), build(at, second.view.block_id, 4)
    assert [b.view.header.height for b in at.path_to(cousin.view.block_id)] == [1, 2]
    at.set_head(cousin.view.block_id)
    at.advance(first)
    assert at.view_of(second.view.block_id) is None
    assert at.view_of(cousin.view.block_id) is None
    assert at.head_view is at.final_view, "a head that finality cut off is none"
    assert at.path_to(child.view.block_id) == [child]
    at.advance(child)
    assert at.final_view.header.height == 2
    assert at.final_view.state.root == child.view.header.state_root


def test_finality_comes_block_by_block() -> None:
    at = tree()
    first = build(at, at.final_view.block_id, 1)
    second = build(at, first.view.block_id, 2)
    with pytest.raises(AssertionError):
        at.advance(second)


@pytest.mark.parametrize(
    "change",
    [
        {"state_root": b"\x01" * 32},
        {"proposer": OTHER.public_key},
        {"height": 7},
        {"timestamp_ms": START_MS},
        {"validator_set_hash": b"\x01" * 32},
        {"epoch": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_block_that_breaks_a_rule_is_invalid_for_ever(change: dict[str, object]) -> None:
    mine, theirs = tree(), tree()
    good = build(theirs, theirs.final_view.block_id, 1).block
    broken = Block(replace(good.header, **change), good.transactions)
    assert verdict(mine, broken) is Verdict.INVALID


def test_a_block_of_another_view_than_its_proposal_is_invalid() -> None:
    at, theirs = tree(), tree()
    block = build(theirs, theirs.final_view.block_id, 1).block
    at.offer(encode(block))
    wrong = replace(proposal_of(block), view=2)
    parent = BlockRef(0, at.final_view.block_id)
    assert at_once(at.verify(wrong, parent, LEADER, NOW_MS, never)).verdict is Verdict.INVALID


def test_a_block_on_another_parent_than_consensus_says_is_invalid() -> None:
    at, theirs = tree(), tree()
    root = theirs.final_view.block_id
    first = build(theirs, root, 1)
    second = build(theirs, first.view.block_id, 2)
    sibling = build(at, root, 1, NOW_MS + 5)
    at.offer(first.data)
    at.offer(second.data)
    parent = BlockRef(1, sibling.view.block_id)
    said = at_once(at.verify(proposal_of(second.block), parent, LEADER, NOW_MS, never))
    assert said.verdict is Verdict.INVALID


def test_a_block_from_the_future_is_unknown_until_its_time_and_certified_at_any_time() -> None:
    mine, theirs = tree(), tree()
    block = build(theirs, theirs.final_view.block_id, 1, NOW_MS + TIMESTAMP_DRIFT_MS + 1).block
    assert verdict(mine, block) is Verdict.UNKNOWN
    assert verdict(mine, block, NOW_MS + 1) is Verdict.VALID
    fresh = tree()
    ref = BlockRef(1, fresh.offer(encode(block)))
    assert at_once(fresh.certify(ref, never)).verdict is Verdict.VALID


def test_certifying_executes_ancestors_and_names_the_first_that_is_missing() -> None:
    mine, theirs = tree(), tree()
    blocks = [build(theirs, theirs.final_view.block_id, 1)]
    for view in (2, 3):
        blocks.append(build(theirs, blocks[-1].view.block_id, view))
    wanted = BlockRef(3, blocks[2].view.block_id)
    for block in reversed(blocks):
        said = at_once(mine.certify(wanted, never))
        assert said.verdict is Verdict.UNKNOWN
        assert said.missing == block.view.block_id
        mine.offer(block.data)
    assert at_once(mine.certify(wanted, never)).verdict is Verdict.VALID
    assert len(mine.path_to(wanted.block_id)) == 3


def test_another_body_under_a_header_says_nothing_about_the_block() -> None:
    """Whoever answers a question for a block could otherwise make it invalid, for ever."""
    mine, theirs = tree(), tree()
    transfer = Transaction(1, CHAIN_ID, RICH.public_key, Transfer(RICH.address, 1), 9**6, 0, b"")
    signed = [
        sign(TAGS, replace(transfer, valid_until_ms=NOW_MS + 9_000, salt=bytes(15) + salt), RICH)
        for salt in (b"\x01", b"\x02")
    ]
    root = theirs.final_view.block_id
    built, _ = at_once(theirs.build(root, 1, LEADER, NOW_MS, [identify(TAGS, signed[0])]))
    ref = BlockRef(1, built.view.block_id)
    for body in ((), (signed[1],), (signed[0], signed[1])):
        assert mine.offer(encode(Block(built.block.header, body))) == ref.block_id
        said = at_once(mine.certify(ref, never))
        assert (said.verdict, said.missing) == (Verdict.UNKNOWN, ref.block_id)
    mine.offer(built.data)
    assert at_once(mine.certify(ref, never)).verdict is Verdict.VALID


def test_only_the_last_block_of_an_epoch_is_certified_in_a_later_view() -> None:
    inside, closing = tree(LONG), tree(SHORT)
    usual = build(inside, inside.final_view.block_id, 1)
    assert (
        at_once(inside.certify(BlockRef(4, usual.view.block_id), never)).verdict is Verdict.INVALID
    )
    last = build(closing, closing.final_view.block_id, 1)
    said = at_once(closing.certify(BlockRef(4, last.view.block_id), never))
    assert said.verdict is Verdict.VALID
    assert said.ends_epoch


def test_blocks_that_were_offered_are_bounded_and_bytes_that_are_none_refused() -> None:
    at, theirs = tree(), tree()
    root = theirs.final_view.block_id
    offered = [at.offer(build(theirs, root, 1, NOW_MS + n).data) for n in range(ARRIVED_MAX + 1)]
    assert at_once(at.certify(BlockRef(1, offered[0]), never)).verdict is Verdict.UNKNOWN
    assert at_once(at.certify(BlockRef(1, offered[-1]), never)).verdict is Verdict.VALID
    with pytest.raises(CodecError):
        at.offer(b"\x92\x00\x00")

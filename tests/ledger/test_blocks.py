"""What makes a block invalid, each check by its attack (S2, S5 to S7, S13, E3)."""

from dataclasses import replace as dataclass_replace
from typing import Any

import pytest
from msgspec.structs import replace

from ledger.actions import Transfer
from ledger.block import CODEC as BLOCK_CODEC
from ledger.block import ZERO_HASH, Block, Header
from ledger.block_errors import (
    BlockLimitExceeded,
    BlockTimeNotRising,
    BlockTransactionRefused,
    HeaderFieldInvalid,
    HeaderMismatch,
    ProposerUnknown,
)
from ledger.block_steps import weight_of
from ledger.codec import encode
from ledger.errors import BlockInvalid, BlockTooEarly
from ledger.params import HEADER_VERSION, TIMESTAMP_DRIFT_MS, Parameters
from ledger.proposal import block_time, build_block
from ledger.rejections import InsufficientBalance
from ledger.transaction import IdentifiedTransaction, SignedTransaction
from ledger.transition import apply_block, check_block_context, check_block_sanity, is_quiet
from ledger.types import TIMESTAMP_MS_MAX
from ledger.views import validator_set_hash, validators_of
from tests.ledger.worlds import GENESIS_MS, PEOPLE, World, assert_same_result, genesis_of

CLIENT, MINER = PEOPLE.client, PEOPLE.miner
LEADER = PEOPLE.validators[0].public_key


@pytest.fixture
def world() -> World:
    return World()


def transfers(world: World, count: int = 2) -> list[SignedTransaction]:
    return [world.sign(CLIENT, Transfer(MINER.address, n + 1)) for n in range(count)]


def block_of(world: World, *transactions: SignedTransaction, after_ms: int = 1) -> Block:
    return build_block(world.head, transactions, world.context(after_ms)).block


def with_header(block: Block, **changes: Any) -> Block:
    return Block(replace(block.header, **changes), block.transactions)


WRONG_HEADERS: list[tuple[dict[str, Any], type[BlockInvalid]]] = [
    ({"version": HEADER_VERSION + 1}, HeaderFieldInvalid),
    ({"chain_id": "tests-0000000000000000"}, HeaderMismatch),
    ({"epoch": 1}, HeaderMismatch),
    ({"view": 0}, HeaderFieldInvalid),
    ({"height": 0}, HeaderFieldInvalid),
    ({"height": 2}, HeaderMismatch),
    ({"parent_id": b"\x01" * 32}, HeaderMismatch),
    ({"parent_view": 5, "view": 9}, HeaderMismatch),
    ({"timestamp_ms": GENESIS_MS}, BlockTimeNotRising),
    ({"timestamp_ms": 0}, BlockTimeNotRising),
    ({"proposer": PEOPLE.validators[1].public_key}, ProposerUnknown),
    ({"proposer": ZERO_HASH}, ProposerUnknown),
    ({"transaction_root": b"\x01" * 32}, HeaderMismatch),
    ({"transaction_count": 1}, HeaderMismatch),
    ({"outcome_root": b"\x01" * 32}, HeaderMismatch),
    ({"outcome_count": 1}, HeaderMismatch),
    ({"state_root": b"\x01" * 32}, HeaderMismatch),
    ({"validator_set_hash": b"\x01" * 32}, HeaderMismatch),
    ({"next_validator_set_hash": b"\x01" * 32}, HeaderMismatch),
]


@pytest.mark.parametrize(("changes", "error"), WRONG_HEADERS)
def test_every_field_of_a_header_is_checked(
    world: World, changes: dict[str, Any], error: type[BlockInvalid]
) -> None:
    block = block_of(world, *transfers(world))
    apply_block(world.head, block)
    with pytest.raises(error) as refused:
        apply_block(world.head, with_header(block, **changes))
    if isinstance(refused.value, HeaderMismatch):
        assert refused.value.claimed == changes[refused.value.field]
        assert refused.value.computed == getattr(block.header, refused.value.field)


def test_every_header_field_but_the_view_is_among_the_wrong_headers() -> None:
    assert {field for changes, _ in WRONG_HEADERS for field in changes} == set(
        Header.__struct_fields__
    )


def test_a_body_that_the_header_does_not_commit_to_is_refused(world: World) -> None:
    first, second = transfers(world)
    block = block_of(world, first, second)
    other = world.sign(CLIENT, Transfer(MINER.address, 9))
    for body in ((second, first), (first, first), (first, other)):
        with pytest.raises(HeaderMismatch) as refused:
            apply_block(world.head, Block(block.header, body))
        assert refused.value.field == "transaction_root"


def test_a_forged_signature_makes_the_block_invalid(world: World) -> None:
    signed = world.sign(CLIENT, Transfer(MINER.address, 1))
    forged = SignedTransaction(signed.transaction, bytes(64))
    block = build_block(world.head, [forged], world.context()).block
    with pytest.raises(BlockTransactionRefused) as refused:
        apply_block(world.head, block)
    assert refused.value.reason.code == "SIGNATURE_INVALID"


def test_t3_only_a_cache_hit_for_the_full_signed_bytes_skips_verification(world: World) -> None:
    signed = world.sign(CLIENT, Transfer(MINER.address, 1))
    forged = SignedTransaction(signed.transaction, bytes(64))
    block = build_block(world.head, [forged], world.context()).block
    asked: list[SignedTransaction] = []

    def knows_the_right_one(transaction: IdentifiedTransaction) -> bool:
        asked.append(transaction.content)
        return transaction.data.endswith(signed.signature)

    with pytest.raises(BlockTransactionRefused):
        apply_block(world.head, block, verified=knows_the_right_one)
    assert asked == [forged]


def test_decision_6_a_block_with_a_refused_transaction_is_invalid(world: World) -> None:
    signed = world.sign(CLIENT, Transfer(MINER.address, world.balance(CLIENT.address) - 5_000))
    again = world.sign(CLIENT, Transfer(MINER.address, 10_000))
    apply_block(world.head, build_block(world.head, [signed], world.context()).block)
    # A chain where the client can pay for both gives a block that is right but for its parent.
    rich = genesis_of(balances={CLIENT.address: 2**61, MINER.address: 1})
    block = build_block(rich, [signed, again], world.context()).block
    with pytest.raises(BlockTransactionRefused) as refused:
        apply_block(world.head, with_header(block, parent_id=world.head.block_id))
    assert refused.value.index == 1
    assert isinstance(refused.value.reason, InsufficientBalance)


def test_a_block_on_another_sibling_is_refused(world: World) -> None:
    left = build_block(world.head, [], world.context(1)).result.view
    right = build_block(world.head, [], world.context(2)).result.view
    child = build_block(left, [], dataclass_replace(world.context(5), view=2)).block
    with pytest.raises(HeaderMismatch) as refused:
        apply_block(right, child)
    assert refused.value.field == "parent_id"


def test_s5_a_block_ahead_of_the_clock_waits_and_is_never_invalid(world: World) -> None:
    block = block_of(world, after_ms=10_000)
    time_ms = block.header.timestamp_ms
    with pytest.raises(BlockTooEarly):
        check_block_context(world.head, block, time_ms - TIMESTAMP_DRIFT_MS - 1, LEADER)
    check_block_context(world.head, block, time_ms - TIMESTAMP_DRIFT_MS, LEADER)
    apply_block(world.head, block)


def test_s5_an_honest_time_is_the_clock_but_later_than_the_parent(world: World) -> None:
    assert block_time(world.head, world.now_ms - 5_000) == world.now_ms + 1
    assert block_time(world.head, world.now_ms + 5_000) == world.now_ms + 5_000


def test_s5_the_last_moment_of_time_does_not_break_the_arithmetic() -> None:
    world = World(genesis_of(timestamp_ms=TIMESTAMP_MS_MAX - 1_000))
    world.register(bond=5)
    world.retire()
    world.register(PEOPLE.other_miner)
    job_id = world.submit(start_by_ms=TIMESTAMP_MS_MAX, deadline_ms=TIMESTAMP_MS_MAX)
    world.assign(job_id, miner=PEOPLE.other_miner.address)
    world.post(job_id, PEOPLE.other_miner)
    receipt = world.job(job_id).receipt
    assert receipt is not None
    assert receipt.due_ms == TIMESTAMP_MS_MAX


def test_s5_no_block_is_built_with_a_time_that_none_can_carry() -> None:
    world = World(genesis_of(timestamp_ms=TIMESTAMP_MS_MAX - 1))
    last = build_block(world.head, [], world.context(1)).block
    assert BLOCK_CODEC.decode(encode(last)) == last
    with pytest.raises(AssertionError, match="timestamp"):
        build_block(world.head, [], world.context(2))


def test_the_leader_of_the_view_proposes_and_nobody_else() -> None:
    world = World(genesis_of(validators=4))
    block = block_of(world)
    check_block_context(world.head, block, world.now_ms + 1, LEADER)
    with pytest.raises(HeaderMismatch) as refused:
        check_block_context(world.head, block, world.now_ms + 1, PEOPLE.validators[1].public_key)
    assert refused.value.field == "proposer"


@pytest.mark.parametrize(
    ("limits", "what"),
    [
        ({"block_transactions_max": 3}, "transactions"),
        ({"block_weight_max": 10_000}, "weight"),
        ({"block_bytes_max": 65_536}, "bytes"),
    ],
)
def test_s6_s7_a_block_beyond_the_parents_limits_is_refused_before_its_signatures(
    limits: dict[str, int], what: str
) -> None:
    count = 4 if what == "transactions" else 400
    parameters = Parameters(**limits)
    world, larger = World(genesis_of(parameters)), World()
    unsigned = SignedTransaction(transfers(world, 1)[0].transaction, bytes(64))
    body = tuple(
        SignedTransaction(replace(unsigned.transaction, salt=n.to_bytes(16, "big")), bytes(64))
        for n in range(count)
    )
    built = build_block(larger.head, body, larger.context()).block
    assert len(built.transactions) == count
    block = with_header(
        built,
        parent_id=world.head.block_id,
        validator_set_hash=validator_set_hash(world.head.tags, validators_of(world.head.state)),
    )
    with pytest.raises(BlockLimitExceeded) as refused:
        apply_block(world.head, block)
    assert refused.value.what == what


@pytest.mark.parametrize("spare", [0, 1])
@pytest.mark.parametrize("limit", ["transactions", "weight", "bytes"])
def test_s7_a_proposer_fills_a_block_to_its_limits(world: World, limit: str, spare: int) -> None:
    signed = transfers(world, 1)[0]
    one = {"transactions": 1, "weight": weight_of(signed), "bytes": len(encode(signed))}[limit]
    parameters = Parameters(**{f"block_{limit}_max": 3 * one + min(spare, one - 1)})
    world = World(genesis_of(parameters), checked=False)  # Such small limits are out of bounds.
    built = build_block(world.head, transfers(world, 5), world.context())
    assert len(built.block.transactions) == 3
    assert not built.refused, "those that did not fit are not refused"
    apply_block(world.head, built.block)


def test_a_proposer_leaves_out_what_the_state_refuses_and_says_why(world: World) -> None:
    good, poor = transfers(world, 1)[0], world.sign(CLIENT, Transfer(MINER.address, 2**62))
    built = build_block(world.head, [poor, good], world.context())
    assert built.block.transactions == (good,)
    ((refused_id, reason),) = built.refused
    assert refused_id == world.id_of(poor)
    assert reason.code == "INSUFFICIENT_BALANCE"
    assert_same_result(built.result, apply_block(world.head, built.block))


def test_s2_a_quiet_block_leaves_the_state_root_unchanged(world: World) -> None:
    parent, block = world.head, block_of(world, after_ms=10_000)
    assert is_quiet(parent, block)
    result = apply_block(parent, block)
    assert result.view.state.root == parent.state.root == block.header.state_root
    assert not result.delta
    assert not is_quiet(parent, block_of(world, *transfers(world)))


def test_s2_a_block_with_automatic_work_is_not_quiet(world: World) -> None:
    world.submit()
    due_ms = world.head.next_due_ms
    assert due_ms is not None
    assert is_quiet(world.head, block_of(world, after_ms=due_ms - world.now_ms))
    assert not is_quiet(world.head, block_of(world, after_ms=due_ms + 1 - world.now_ms))


def test_e3_the_last_block_of_an_epoch_names_the_next_set_and_its_child_begins_anew() -> None:
    world = World(genesis_of(Parameters(epoch_ms=30_000)))
    set_hash = world.head.header.validator_set_hash
    world.block(after_ms=29_999)
    assert world.head.header.next_validator_set_hash == ZERO_HASH
    world.block(after_ms=1)
    last = world.head.header
    assert (last.epoch, last.next_validator_set_hash) == (0, set_hash)
    world.block()
    first = world.head.header
    assert (first.epoch, first.view, first.parent_view) == (1, 1, 0)
    world.block(after_ms=last.timestamp_ms + 29_999 - world.now_ms)
    assert not world.head.ends_epoch
    world.block()
    assert world.head.ends_epoch


def test_sanity_needs_nothing_but_the_block(world: World) -> None:
    block = block_of(world, *transfers(world))
    check_block_sanity(block)
    for changes in ({"transaction_count": 3}, {"view": 0}, {"height": 0}, {"version": 0}):
        with pytest.raises(BlockInvalid):
            check_block_sanity(with_header(block, **changes))

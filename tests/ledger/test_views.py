"""Views of a chain: restoring one, and finality that comes early or late."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.actions import Transfer
from ledger.block import ZERO_HASH
from ledger.codec import encode
from ledger.merkle import EMPTY_ROOT
from ledger.params import Parameters
from ledger.proposal import build_block
from ledger.seen import SeenIds
from ledger.transition import BlockResult, apply_block
from ledger.views import ChainView, StateRootMismatch, make_final, restored_view
from tests.ledger.phases import Phase, job_in
from tests.ledger.worlds import BUCKETS, PEOPLE, World, assert_same_result, genesis_of


def restored(world: World, records: dict[bytes, bytes]) -> ChainView:
    seen = [
        (transaction_id, signed.transaction.valid_until_ms)
        for block, result in zip(world.blocks, world.results, strict=True)
        for transaction_id, signed in zip(result.transaction_ids, block.transactions, strict=True)
    ]
    return restored_view(
        tags=world.head.tags,
        header=world.head.header,
        records=records,
        seen=SeenIds(seen),
        epoch_start_ms=world.head.epoch_start_ms,
        buckets=BUCKETS,
    )


def records_of(world: World) -> dict[bytes, bytes]:
    return {key: encode(record) for key, record in world.head.state.items()}


def test_genesis_is_block_0_and_commits_to_its_state() -> None:
    genesis = genesis_of(validators=4)
    header = genesis.header
    assert (header.height, header.view, header.epoch) == (0, 0, 0)
    assert header.parent_id == header.proposer == header.next_validator_set_hash == ZERO_HASH
    assert header.transaction_root == header.outcome_root == EMPTY_ROOT
    assert header.state_root == genesis.state.root
    assert genesis.next_due_ms is None


def test_a_restored_view_goes_on_exactly_as_the_one_that_never_stopped() -> None:
    world = World(genesis_of(Parameters(epoch_ms=10_000)))
    world.register(bond=3)
    for phase in Phase:
        job_in(world, phase)
    copy = restored(world, records_of(world))
    assert copy.block_id == world.head.block_id
    assert copy.next_due_ms == world.head.next_due_ms
    signed = world.sign(PEOPLE.client, Transfer(PEOPLE.miner.address, 1))
    built = build_block(world.head, [signed], world.context(60_000))
    assert_same_result(built.result, apply_block(copy, built.block))
    again = build_block(copy, world.blocks[-1].transactions, world.context())
    assert [reason.code for _, reason in again.refused] == ["ALREADY_INCLUDED"]


def test_damaged_records_are_not_taken_for_the_state() -> None:
    world = World()
    world.register()
    records = records_of(world)
    key = next(iter(records))
    del records[key]
    with pytest.raises(StateRootMismatch) as refused:
        restored(world, records)
    assert refused.value.claimed == world.head.header.state_root


def test_blocks_become_final_one_by_one() -> None:
    world = World()
    results = [world.block(finalize=False) for _ in range(2)]
    with pytest.raises(AssertionError):
        make_final(world.final, results[1].view)


@given(st.lists(st.booleans(), min_size=6, max_size=6))
def test_the_moment_of_finality_changes_no_result(finalized: list[bool]) -> None:
    early, late = World(checked=False), World(checked=False)
    for number, is_final in enumerate(finalized):
        signed = late.sign(PEOPLE.client, Transfer(PEOPLE.miner.address, number + 1))
        first: BlockResult = early.block(signed)
        second = late.block(signed, finalize=is_final)
        assert_same_result(first, second)
        assert early.head.state.get(b"\x03" + PEOPLE.miner.address) == late.head.state.get(
            b"\x03" + PEOPLE.miner.address
        )
    late.finalize()
    assert dict(late.head.state.items()) == dict(early.head.state.items())

"""Automatic work: order, bounds and backlog (S3, S4, J17)."""

import pytest
from msgspec.structs import replace

from ledger.accounts import balance_of
from ledger.block import Block
from ledger.block_errors import HeaderMismatch
from ledger.outcomes import OutcomeKind
from ledger.params import DUE_ITEM_WEIGHT_US, DUE_ITEMS_PER_BLOCK_MAX, Parameters
from ledger.proposal import build_block
from ledger.records import Record, Supply, Table, Unbonding, state_key
from ledger.sweep import due_items_max
from ledger.transition import apply_block
from ledger.views import ChainView, genesis_view
from tests.ledger.worlds import (
    AITBC,
    AWAKE,
    BALANCES,
    BUCKETS,
    GENESIS_MS,
    PEOPLE,
    World,
    genesis_of,
    genesis_records,
)


def world_with_bonds(dues: list[int], parameters: Parameters | None = None) -> World:
    """Return a chain on which bonds return at these times after genesis."""
    template = genesis_of(parameters)
    records: dict[bytes, Record] = genesis_records(parameters or AWAKE)
    for number, due in enumerate(dues):
        key = state_key(Table.UNBONDING, number.to_bytes(32, "big"))
        records[key] = Unbonding(PEOPLE.stranger.address, 1, GENESIS_MS + due)
    records[state_key(Table.SUPPLY)] = Supply(sum(BALANCES.values()) + len(dues), 0)
    view: ChainView = genesis_view(
        template.tags, template.header.chain_id, records, GENESIS_MS, BUCKETS
    )
    return World(view)


def due_of(world: World) -> int:
    due_ms = world.head.next_due_ms
    assert due_ms is not None
    return due_ms


def test_s4_items_are_swept_in_the_order_of_due_time_and_key() -> None:
    world = world_with_bonds([5_000, 3_000, 5_000, 1_000, 3_000])
    (result,) = world.run_to(GENESIS_MS + 5_001)
    swept = [int.from_bytes(outcome.object_id, "big") for outcome in result.outcomes]
    assert swept == [3, 1, 4, 0, 2]


def test_s3_due_times_round_up_so_that_expiries_share_a_block() -> None:
    world = world_with_bonds([1_001, 1_500, 2_000])
    assert world.head.next_due_ms == GENESIS_MS + 2_000
    assert not world.block(after_ms=2_000).outcomes
    assert len(world.block().outcomes) == 3


def test_s4_a_block_sweeps_at_most_256_items_and_the_rest_is_work_for_the_next() -> None:
    world = world_with_bonds([1_000] * 600)
    counts = [len(result.outcomes) for result in world.run_to(GENESIS_MS + 1_001)]
    assert counts == [DUE_ITEMS_PER_BLOCK_MAX, DUE_ITEMS_PER_BLOCK_MAX, 600 - 512]
    assert world.balance(PEOPLE.stranger.address) == 600


def test_s4_automatic_work_takes_at_most_a_quarter_of_the_weight() -> None:
    parameters = Parameters(block_weight_max=10_000)
    assert due_items_max(parameters) == 2_500 // DUE_ITEM_WEIGHT_US < DUE_ITEMS_PER_BLOCK_MAX
    world = world_with_bonds([1_000] * 100, parameters)
    assert len(world.block(after_ms=1_001).outcomes) == due_items_max(parameters)


def test_s4_automatic_work_precedes_the_body() -> None:
    world = World()
    job_id = world.submit()
    due_ms = due_of(world)
    later = world.submission(start_by_ms=due_ms + 5_000, deadline_ms=due_ms + 5_000)
    signed = world.sign(PEOPLE.client, later, valid_for_ms=600_000)
    kinds = [o.kind for o in world.block(signed, after_ms=due_ms + 1 - world.now_ms).outcomes]
    assert kinds == [OutcomeKind.JOB_EXPIRED, OutcomeKind.JOB_LOCKED]
    assert world.head.state.get(state_key(Table.JOB, job_id)) is None


def test_s4_a_block_that_leaves_out_what_is_due_is_invalid() -> None:
    world = World()
    world.submit()
    late_ms = due_of(world) + 1
    header = build_block(world.head, [], world.context()).block.header
    without_sweep = Block(replace(header, timestamp_ms=late_ms), ())
    with pytest.raises(HeaderMismatch) as refused:
        apply_block(world.head, without_sweep)
    assert (refused.value.field, refused.value.computed) == ("outcome_count", 1)


def test_an_expired_escrow_pays_for_a_transaction_of_the_same_block() -> None:
    world = World(genesis_of(balances={PEOPLE.client.address: AITBC + 100_000}))
    world.submit()
    due_ms = due_of(world)
    again = world.submission(start_by_ms=due_ms + 5_000, deadline_ms=due_ms + 5_000)
    signed = world.sign(PEOPLE.client, again, valid_for_ms=600_000)
    early = build_block(world.head, [signed], world.context())
    assert [reason.code for _, reason in early.refused] == ["INSUFFICIENT_BALANCE"]
    world.block(signed, after_ms=due_ms + 1 - world.now_ms)


def test_a_chain_of_blocks_that_are_not_final_does_not_sweep_an_item_twice() -> None:
    world = World()
    world.submit()
    due_ms = due_of(world)
    balance = world.balance(PEOPLE.client.address)
    world.block(after_ms=due_ms + 1 - world.now_ms, finalize=False)
    assert world.head.next_due_ms is None
    for _ in range(3):
        assert not world.block(finalize=False).outcomes
    world.finalize()
    assert balance_of(world.head.state, PEOPLE.client.address) == balance + AITBC


def test_a_due_time_that_an_unfinal_block_moved_is_the_new_one() -> None:
    world = World()
    world.register()
    job_id = world.submit()
    first_due = due_of(world)
    signed = world.sign(PEOPLE.coordinator, world.assignment(job_id))
    world.block(signed, finalize=False)
    job = world.job(job_id)
    moved = due_of(world)
    assert moved > first_due
    assert moved >= job.deadline_ms + job.receipt_grace_ms
    world.finalize()
    assert due_of(world) == moved

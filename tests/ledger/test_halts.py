"""Chain halts do not expire work (J12), each part of the rule by its attack."""

import dataclasses

import pytest
from msgspec.structs import replace

from ledger.actions import FailJob, Reason, ReleaseJob
from ledger.admission import check_applies
from ledger.block import Block
from ledger.block_errors import HeaderMismatch
from ledger.codec import encode
from ledger.due import job_limit_ms
from ledger.gap import GAP_KEY, credited
from ledger.job_rejections import DeadlinePassed, LeaseLive
from ledger.outcomes import OutcomeKind
from ledger.params import DUE_ITEMS_PER_BLOCK_MAX, Parameters
from ledger.proposal import build_block
from ledger.records import Gap, JobState, Record, Supply, Table, Unbonding, state_key
from ledger.transition import apply_block, is_quiet
from ledger.types import Hash, TimestampMs
from ledger.views import genesis_view
from tests.ledger.phases import (
    LEASE_MS,
    Phase,
    dispute_as_client,
    job_in,
    queued_job,
    receipt_id_of,
)
from tests.ledger.worlds import (
    AITBC,
    BALANCES,
    BUCKETS,
    GENESIS_MS,
    PEOPLE,
    World,
    assert_same_result,
    genesis_of,
    genesis_records,
)

HOUR_MS = 3_600_000
PARAMETERS = Parameters()
GRACE_MS = PARAMETERS.gap_grace_ms
ENDED_BY_SWEEP = {
    Phase.Q: OutcomeKind.JOB_EXPIRED,
    Phase.R: OutcomeKind.JOB_EXPIRED,
    Phase.L: OutcomeKind.JOB_EXPIRED,
    Phase.C: OutcomeKind.JOB_SETTLED,
    Phase.A: OutcomeKind.JOB_SETTLED,
    Phase.D: OutcomeKind.JOB_REFUNDED,
    Phase.E: OutcomeKind.JOB_SETTLED,
    Phase.F: OutcomeKind.JOB_REFUNDED,
    Phase.G: OutcomeKind.JOB_SETTLED,
}


@pytest.fixture
def world() -> World:
    """A chain with the parameters of every chain: 30 s of silence are a halt."""
    world = World(genesis_of(PARAMETERS))
    world.register()
    return world


def halt(world: World, silence_ms: int = HOUR_MS) -> Gap:
    """Let the chain stand still; return the record that the next block leaves."""
    world.block(after_ms=silence_ms, halt=True)
    gap = world.head.state.gap
    assert gap is not None
    return gap


def go_to(world: World, time_ms: TimestampMs) -> None:
    """Let time pass on a chain that is awake."""
    world.block(after_ms=time_ms - world.now_ms)


# ---------------------------------------------------------------- the record


@pytest.mark.parametrize(
    ("limit_ms", "counts_until_ms"),
    [(99, 99), (100, 100), (101, 260), (150, 260), (200, 260), (201, 201), (260, 260), (300, 300)],
)
def test_j12_a_limit_counts_until_the_credits_end_if_it_lies_in_the_halt(
    limit_ms: int, counts_until_ms: int
) -> None:
    assert credited(limit_ms, Gap(100, 200, 260)) == counts_until_ms
    assert credited(limit_ms, None) == limit_ms


def test_j12_a_silence_of_30_seconds_is_no_halt_and_a_millisecond_more_is_one(
    world: World,
) -> None:
    world.submit()
    world.block(after_ms=30_000, halt=True)
    assert world.head.state.gap is None
    before_ms = world.now_ms
    gap = halt(world, 30_001)
    assert gap == Gap(before_ms, before_ms + 30_001, before_ms + 30_001 + GRACE_MS)


def test_j12_nothing_is_recorded_while_no_job_is_live(world: World) -> None:
    root = world.head.state.root
    world.block(after_ms=HOUR_MS, halt=True)
    assert world.head.state.gap is None
    assert world.head.state.root == root
    job_id = world.submit()
    world.cancel(job_id)
    world.block(after_ms=HOUR_MS, halt=True)
    assert world.head.state.gap is None


def test_j12_the_first_job_of_a_chain_was_not_there_when_it_stood_still(world: World) -> None:
    late_ms = world.now_ms + 900_000
    action = world.submission(start_by_ms=late_ms, deadline_ms=late_ms)
    world.block(world.sign(PEOPLE.client, action), after_ms=60_000, halt=True)
    assert world.head.state.gap is None


def test_s2_a_block_that_records_or_clears_a_halt_is_not_quiet(world: World) -> None:
    world.submit(start_by_ms=GENESIS_MS + 600_000)

    def is_quiet_after(after_ms: int) -> bool:
        parent = world.head
        world.block(after_ms=after_ms, finalize=False, halt=True)
        quiet = is_quiet(parent, world.blocks[-1])
        assert quiet == (parent.state.root == world.head.state.root)
        return quiet

    assert is_quiet_after(30_000)
    assert not is_quiet_after(31_000), "records it"
    gap = world.head.state.gap
    assert gap is not None
    assert is_quiet_after(1_000)
    cleared_ms = -(-gap.credit_until_ms // 1_000) * 1_000
    assert world.head.next_due_ms == cleared_ms
    while cleared_ms - world.now_ms > 30_000:
        assert is_quiet_after(30_000)
    assert is_quiet_after(cleared_ms - world.now_ms)
    assert GAP_KEY in dict(world.head.state.items())
    assert not is_quiet_after(1), "clears it"
    assert GAP_KEY not in dict(world.head.state.items())
    assert not world.results[-1].outcomes, "it concerns no object that anybody owns"


def test_j12_a_second_halt_keeps_the_credit_of_the_first_alive(world: World) -> None:
    job_id = job_in(world, Phase.R)
    world.submit(start_by_ms=GENESIS_MS + 20 * HOUR_MS, deadline_ms=GENESIS_MS + 20 * HOUR_MS)
    first = halt(world)
    go_to(world, first.credit_until_ms - 1)
    second = halt(world)
    assert (second.from_ms, second.to_ms) == (first.from_ms, world.now_ms)
    assert second.credit_until_ms == world.now_ms + GRACE_MS
    world.post(job_id)
    assert world.job(job_id).state is JobState.RECEIPT_IN


def test_j12_a_halt_after_the_credit_ran_out_revives_nothing(world: World) -> None:
    job_id = job_in(world, Phase.R)
    first = halt(world)
    go_to(world, first.credit_until_ms)
    assert world.head.state.gap == first, "not cleared yet"
    second = halt(world)
    assert second.from_ms == first.credit_until_ms
    assert [outcome.object_id for outcome in world.results[-1].outcomes] == [job_id]


# ---------------------------------------------------------------- jobs, leases, disputes


def test_j12_an_hour_of_halt_expires_no_running_lease(world: World) -> None:
    job_id = job_in(world, Phase.R)
    gap = halt(world)
    assert not world.results[-1].outcomes
    for take_away in (
        ReleaseJob(job_id, 1, Reason.HEARTBEAT_MISSED),
        FailJob(job_id, 1, Reason.HEARTBEAT_MISSED),
    ):
        with pytest.raises(LeaseLive) as refused:
            world.act(PEOPLE.coordinator, take_away)
        assert refused.value.lease_end_ms == gap.credit_until_ms
    go_to(world, gap.credit_until_ms - 1)
    world.post(job_id)
    assert world.now_ms == gap.credit_until_ms
    assert world.job(job_id).state is JobState.RECEIPT_IN


def test_j12_a_lease_is_live_until_the_last_moment_of_its_credit(world: World) -> None:
    job_id = world.submit(deadline_ms=world.now_ms + 2 * HOUR_MS)
    world.assign(job_id, lease_end_ms=world.now_ms + LEASE_MS)
    gap = halt(world)
    go_to(world, gap.credit_until_ms - 1)
    with pytest.raises(LeaseLive):
        world.fail(job_id)
    world.fail(job_id, after_ms=2)


@pytest.mark.parametrize("phase", list(Phase))
def test_j12_in_every_phase_the_limit_moves_for_actions_and_the_sweep(
    world: World, phase: Phase
) -> None:
    job_id = job_in(world, phase)
    limit_ms = job_limit_ms(world.job(job_id))
    gap = halt(world, limit_ms + 1 - world.now_ms)
    assert not world.results[-1].outcomes
    assert world.head.next_due_ms == -(-gap.credit_until_ms // 1_000) * 1_000
    go_to(world, -(-gap.credit_until_ms // 1_000) * 1_000)
    assert job_limit_ms(world.job(job_id)) == limit_ms
    (ending,) = world.block().outcomes
    assert (ending.kind, ending.object_id) == (ENDED_BY_SWEEP[phase], job_id)
    assert world.head.state.gap is None, "in the block that ends what it protected"


def test_j12_a_limit_of_before_the_halt_is_over_and_one_after_it_stays(world: World) -> None:
    early = world.submit(start_by_ms=world.now_ms + 5_500)
    late = world.submit(start_by_ms=world.now_ms + HOUR_MS, deadline_ms=world.now_ms + HOUR_MS)
    late_ms = world.job(late).start_by_ms
    go_to(world, world.job(early).start_by_ms)
    halt(world, late_ms - 1 - world.now_ms)
    assert [outcome.object_id for outcome in world.results[-1].outcomes] == [early]
    go_to(world, late_ms)
    with pytest.raises(DeadlinePassed):
        world.cancel(late)


def test_j12_the_client_can_dispute_in_the_credit_of_a_window_that_fell_into_the_halt(
    world: World,
) -> None:
    job_id = job_in(world, Phase.C, dispute_ms=120_000)
    gap = halt(world)
    world.attest(job_id, receipt_id_of(world, job_id))
    assert world.job(job_id).state is JobState.RECEIPT_IN, "recorded, not settled"
    go_to(world, gap.credit_until_ms - 1)
    dispute_as_client(world, job_id)
    assert world.job(job_id).state is JobState.DISPUTED


def test_j12_the_attestation_settles_at_once_when_the_credit_of_the_window_is_over(
    world: World,
) -> None:
    job_id = job_in(world, Phase.C, dispute_ms=120_000)
    gap = halt(world, 300_000)
    go_to(world, gap.credit_until_ms - 1)
    world.attest(job_id, receipt_id_of(world, job_id))
    assert world.results[-1].outcomes[-1].kind is OutcomeKind.JOB_SETTLED


def test_j4_a_receipt_without_a_window_settles_at_once_even_if_it_ended_the_halt(
    world: World,
) -> None:
    job_id = world.submit(dispute_ms=0)
    world.assign(job_id)
    signed = world.sign(PEOPLE.miner, world.receipt(job_id), valid_for_ms=600_000)
    world.block(signed, after_ms=60_000, halt=True)
    assert world.head.state.gap is not None
    world.attest(job_id, receipt_id_of(world, job_id))
    assert world.results[-1].outcomes[-1].kind is OutcomeKind.JOB_SETTLED


@pytest.mark.parametrize(("after_credit_ms", "owed"), [(0, AITBC // 2), (1, 0)])
def test_j6_cancelling_in_the_credit_of_a_lease_costs_what_it_costs_in_the_lease(
    world: World, after_credit_ms: int, owed: int
) -> None:
    job_id = world.submit(deadline_ms=world.now_ms + 2 * HOUR_MS)
    world.assign(job_id, lease_end_ms=world.now_ms + LEASE_MS)
    gap = halt(world)
    go_to(world, gap.credit_until_ms - 1 + after_credit_ms)
    world.cancel(job_id, compensation_max=owed)
    assert world.results[-1].outcomes[-1].amounts == (owed, AITBC - owed)


def test_j12_a_queued_job_can_be_assigned_in_the_credit_but_not_beyond_its_deadline(
    world: World,
) -> None:
    job_id = world.submit(start_by_ms=world.now_ms + 60_000, deadline_ms=world.now_ms + 400_000)
    deadline_ms = world.job(job_id).deadline_ms
    halt(world, 360_000)
    with pytest.raises(DeadlinePassed):
        world.assign(job_id, after_ms=deadline_ms + 1 - world.now_ms)
    world.assign(job_id, after_ms=deadline_ms - world.now_ms)


# ---------------------------------------------------------------- what is not work


def world_of(records: dict[bytes, Record]) -> World:
    """Return a chain whose state 0 also holds these records, each worth 1 nait."""
    template = genesis_of(PARAMETERS)
    items = genesis_records(PARAMETERS) | records
    items[state_key(Table.SUPPLY)] = Supply(sum(BALANCES.values()) + len(records), 0)
    return World(genesis_view(template.tags, template.header.chain_id, items, GENESIS_MS, BUCKETS))


def number_key(table: Table, number: int) -> bytes:
    return state_key(table, number.to_bytes(32, "big"))


def test_j12_a_bond_returns_in_the_block_that_ends_the_halt() -> None:
    bond = Unbonding(PEOPLE.stranger.address, 1, GENESIS_MS + 40_000)
    world = world_of(
        {
            number_key(Table.UNBONDING, 1): bond,
            number_key(Table.JOB, 2): queued_job(GENESIS_MS + 40_000),
        }
    )
    halt(world, 50_000)
    (returned,) = world.results[-1].outcomes
    assert returned.kind is OutcomeKind.BOND_RETURNED


def test_s4_what_one_halt_moved_ends_by_key_in_as_many_blocks_as_it_needs() -> None:
    count = 2 * DUE_ITEMS_PER_BLOCK_MAX + 30
    jobs: dict[bytes, Record] = {
        number_key(Table.JOB, number): queued_job(GENESIS_MS + 1_000 + 60 * (count - number))
        for number in range(count)
    }
    world = world_of(jobs)
    gap = halt(world)
    assert not world.results[-1].outcomes
    results = world.run_to(gap.credit_until_ms + 1_000)
    assert [len(result.outcomes) for result in results] == [256, 256, 30]
    ended = [outcome.object_id for result in results for outcome in result.outcomes]
    assert ended == [key[1:] for key in sorted(jobs)]
    assert world.head.state.gap is None
    assert state_key(Table.GAP) in results[-1].delta, "the record goes last"


# ---------------------------------------------------------------- blocks


def test_j12_siblings_of_a_halt_do_not_share_its_record(world: World) -> None:
    job_id = job_in(world, Phase.R)
    parent, root = world.head, world.head.state.root
    late = build_block(parent, [], world.context(1_000_000))
    on_time = build_block(parent, [], world.context(30_000))
    for built in (late, on_time, late):
        assert_same_result(built.result, apply_block(parent, built.block))
    assert late.result.view.state.gap is not None
    assert on_time.result.view.state.gap is parent.state.gap is None
    assert parent.state.root == root
    child = dataclasses.replace(world.context(1_000_001), view=late.block.header.view + 1)
    after = build_block(late.result.view, [], child)
    assert not after.result.outcomes
    assert after.result.view.state.get(state_key(Table.JOB, job_id)) is not None


def test_j12_a_proposer_that_hides_the_halt_makes_no_valid_block(world: World) -> None:
    world.submit()
    honest = build_block(world.head, [], world.context(30_000)).block
    hidden = Block(replace(honest.header, timestamp_ms=world.now_ms + 30_001), ())
    with pytest.raises(HeaderMismatch) as refused:
        apply_block(world.head, hidden)
    assert refused.value.field == "state_root"


def test_j12_a_proposer_cannot_invent_a_halt(world: World) -> None:
    world.submit()
    honest = build_block(world.head, [], world.context(30_001)).block
    invented = Block(replace(honest.header, timestamp_ms=world.now_ms + 30_000), ())
    with pytest.raises(HeaderMismatch) as refused:
        apply_block(world.head, invented)
    assert refused.value.field == "state_root"


def test_j12_a_pool_takes_a_receipt_while_the_chain_still_stands(world: World) -> None:
    job_id: Hash = job_in(world, Phase.R)
    signed = world.sign(PEOPLE.miner, world.receipt(job_id), valid_for_ms=600_000)
    unsigned, identifier = signed.transaction, world.id_of(signed)
    check_applies(world.head, unsigned, identifier, len(encode(signed)), world.now_ms + HOUR_MS)
    assert world.head.state.gap is None, "a pool changes no state"

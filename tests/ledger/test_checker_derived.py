"""The checker notices due work left out or done too early, and wrong counts and names (3, 9)."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from ledger.actions import (
    CancelJob,
    Custody,
    RegisterMiner,
    RetireMiner,
    UpdateMiner,
)
from ledger.checker import Checker, InvariantBroken
from ledger.checker.broken import Invariant
from ledger.codec import encode
from ledger.outcomes import Outcome, OutcomeKind
from ledger.records import (
    Miner,
    MinerNameClaim,
    Table,
    state_key,
)
from tests.ledger.claims import (
    Claim,
    assert_action_breaks,
    assert_broken,
    bystander,
    claim_of,
)
from tests.ledger.phases import Phase, job_in
from tests.ledger.worlds import BUCKETS, PEOPLE, World

CLIENT, COORDINATOR, MINER = PEOPLE.client, PEOPLE.coordinator, PEOPLE.miner
MINER_KEY = state_key(Table.MINER, MINER.address)


@pytest.fixture
def world() -> World:
    world = World()
    world.register(name="Lab-7")
    return world


# ---------------------------------------------------------------- due (invariant 3)


def test_a_block_that_leaves_out_what_is_due_breaks_due(world: World) -> None:
    job_id = job_in(world, Phase.Q)
    claim = claim_of(world, after_ms=1_000_000)
    assert claim.outcomes

    def forge(claim: Claim) -> None:
        claim.outcomes.clear()
        claim.delta.clear()

    broken = assert_broken(claim, Invariant.DUE, forge)
    assert broken.expected == [job_id]


def test_a_block_that_ends_a_job_too_early_breaks_due(world: World) -> None:
    job_in(world, Phase.Q)
    claim = claim_of(world, after_ms=1_000_000)
    claim.set_header(timestamp_ms=claim.block.header.timestamp_ms - 900_000)
    assert_broken(claim, Invariant.DUE)


def test_due_items_in_another_order_break_due(world: World) -> None:
    job_in(world, Phase.Q)
    job_in(world, Phase.Q)
    claim = claim_of(world, after_ms=1_000_000)
    assert len(claim.outcomes) == 2
    assert_broken(claim, Invariant.DUE, lambda claim: claim.outcomes.reverse())


@pytest.mark.parametrize(("late_ms", "breaks"), [(0, False), (1, True)])
def test_an_action_between_limit_and_sweep_breaks_due(
    world: World, late_ms: int, breaks: bool
) -> None:
    limit_ms = world.now_ms // 1_000 * 1_000 + 60_500
    job_id = world.submit(start_by_ms=limit_ms)
    signed = world.sign(CLIENT, CancelJob(job_id, 0))
    claim = claim_of(world, signed, after_ms=limit_ms - world.now_ms)
    claim.set_header(timestamp_ms=limit_ms + late_ms)
    if breaks:
        assert_broken(claim, Invariant.DUE)
    else:
        claim.check()


# ---------------------------------------------------------------- derived sets (invariant 9)


def miner_claim(world: World) -> Claim:
    return claim_of(world, world.sign(MINER, UpdateMiner(bytes(32), 5)))


def miscount(claim: Claim) -> None:
    miner = claim.record(MINER_KEY)
    assert isinstance(miner, Miner)
    claim.put(MINER_KEY, replace(miner, in_flight=miner.in_flight + 1))


@pytest.mark.parametrize("phase", [Phase.Q, Phase.R, Phase.C])
def test_a_wrong_count_of_jobs_in_flight_breaks_derived(world: World, phase: Phase) -> None:
    job_in(world, phase)
    assert_broken(miner_claim(world), Invariant.DERIVED, miscount)
    assert_broken(bystander(world), Invariant.DERIVED, miscount)


def test_an_assignment_that_is_not_counted_breaks_derived(world: World) -> None:
    job_id = job_in(world, Phase.Q)
    claim = claim_of(world, world.sign(COORDINATOR, world.assignment(job_id)))
    assert_broken(claim, Invariant.DERIVED, lambda claim: claim.delta.pop(MINER_KEY))


def test_a_name_that_is_taken_twice_breaks_derived(world: World) -> None:
    action = RegisterMiner("Lab-8", bytes(32), 0, 0, Custody.OWN)
    claim = claim_of(world, world.sign(PEOPLE.other_miner, action))

    def forge(claim: Claim) -> None:
        claim.resign(PEOPLE.other_miner, action=replace(action, name="LAB-7"))

    assert_broken(claim, Invariant.DERIVED, forge)


def test_an_update_of_no_miner_breaks_derived(world: World) -> None:
    assert_action_breaks(world, CLIENT, UpdateMiner(bytes(32), 5), Invariant.DERIVED)


@pytest.mark.parametrize("part", ["due", "_in_flight"])
def test_books_that_went_wrong_are_noticed_in_full_mode(world: World, part: str) -> None:
    job_in(world, Phase.R)
    claim = claim_of(world, full=True)
    getattr(claim.checker._books, part).popitem()
    assert_broken(claim, Invariant.DERIVED)


def test_a_miner_that_retires_with_jobs_breaks_derived(world: World) -> None:
    job_in(world, Phase.R)

    def forge(claim: Claim) -> None:
        fee = claim.block.transactions[0].transaction.fee
        cause = claim.resign(MINER, action=RetireMiner())
        claim.give(CLIENT.address, -1)
        claim.give(PEOPLE.other_client.address, fee + 1)
        claim.give(MINER.address, -fee)
        claim.put(MINER_KEY, None)
        claim.put(state_key(Table.MINER_NAME, b"lab-7"), None)
        kind, told = OutcomeKind.MINER_RETIRED, ((MINER.address,), (0,))
        claim.outcomes.append(Outcome(kind, cause, MINER.address, 0, *told))

    assert_broken(bystander(world), Invariant.DERIVED, forge)


@pytest.mark.parametrize(
    "forge",
    [
        lambda items: items.pop(state_key(Table.MINER_NAME, b"lab-7")),
        lambda items: items.__setitem__(
            state_key(Table.MINER_NAME, b"lab-7"), encode(MinerNameClaim(CLIENT.address))
        ),
        lambda items: items.__setitem__(
            state_key(Table.MINER_NAME, b"lab-9"), encode(MinerNameClaim(MINER.address))
        ),
    ],
    ids=["no claim", "another's claim", "a second claim"],
)
def test_names_and_miners_that_disagree_break_derived(
    world: World, forge: Callable[[dict[bytes, bytes]], object]
) -> None:
    view = world.head
    items = {key: encode(record) for key, record in view.state.items()}
    forge(items)
    with pytest.raises(InvariantBroken, match=r"invariant 9 \(derived\)"):
        Checker(view.tags, view.header, items, BUCKETS)

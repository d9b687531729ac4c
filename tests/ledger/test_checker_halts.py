"""The checker sees a false halt, a false dispute and false units (invariants 1 to 5)."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from ledger.actions import CastVote, DisputeReceipt, FailJob, Reason
from ledger.checker.broken import Invariant
from ledger.gap import GAP_KEY
from ledger.motions import IssueUnits, ResolveDispute
from ledger.outcomes import Outcome, OutcomeKind
from ledger.params import Parameters
from ledger.records import Gap, Supply, Table, state_key
from ledger.types import SUPPLY_MAX
from tests.ledger.claims import Claim, assert_action_breaks, assert_broken, bystander, claim_of
from tests.ledger.phases import DISPUTE_BOND, Phase, decide, job_in, receipt_id_of
from tests.ledger.worlds import AITBC, BALANCES, PEOPLE, World, genesis_of

CLIENT, COORDINATOR, MINER = PEOPLE.client, PEOPLE.coordinator, PEOPLE.miner
STRANGER = PEOPLE.stranger.address
AUTHORITY = PEOPLE.validators[0]
SUPPLY_KEY = state_key(Table.SUPPLY)
GENESIS = sum(BALANCES.values())
HALT_MS = 1_000_000


@pytest.fixture
def world() -> World:
    world = World(genesis_of(Parameters()))
    world.register()
    return world


def change_gap(**changes: int) -> Callable[[Claim], None]:
    """Return what claims another record of the halt."""

    def forge(claim: Claim) -> None:
        gap = claim.record(GAP_KEY)
        assert isinstance(gap, Gap)
        claim.put(GAP_KEY, replace(gap, **changes))

    return forge


# ---------------------------------------------------------------- halts


def test_a_true_halt_passes(world: World) -> None:
    world.submit()
    claim_of(world, after_ms=HALT_MS, halt=True).check()


@pytest.mark.parametrize(
    ("forge", "invariant"),
    [
        (lambda claim: claim.put(GAP_KEY, None), Invariant.OUTCOMES),
        (change_gap(credit_until_ms=2**47), Invariant.OUTCOMES),
        (change_gap(from_ms=1), Invariant.OUTCOMES),
        (change_gap(from_ms=2**47), Invariant.DUE),
        (change_gap(credit_until_ms=1), Invariant.DUE),
    ],
    ids=["hidden", "longer credit", "earlier beginning", "beginning after its end", "no credit"],
)
def test_a_record_of_another_halt_is_noticed(
    world: World, forge: Callable[[Claim], None], invariant: Invariant
) -> None:
    world.submit()
    assert_broken(claim_of(world, after_ms=HALT_MS, halt=True), invariant, forge)


def test_a_halt_that_was_none_is_noticed(world: World) -> None:
    world.submit()
    claim = claim_of(world, after_ms=30_000, halt=True)
    ends_ms = claim.block.header.timestamp_ms
    invented = Gap(ends_ms - 30_000, ends_ms, ends_ms + 60_000)
    assert_broken(claim, Invariant.OUTCOMES, lambda c: c.put(GAP_KEY, invented))


def test_a_halt_that_ends_what_it_protects_is_noticed(world: World) -> None:
    job_id = world.submit()

    def expire(claim: Claim) -> None:
        expired = OutcomeKind.JOB_EXPIRED
        claim.outcomes.append(Outcome(expired, b"", job_id, 0, (CLIENT.address,), (AITBC,)))
        claim.put(state_key(Table.JOB, job_id), None)
        claim.give(CLIENT.address, AITBC)

    assert_broken(claim_of(world, after_ms=HALT_MS, halt=True), Invariant.DUE, expire)


def test_a_record_that_outlives_its_credit_is_noticed(world: World) -> None:
    late_ms = world.now_ms + 20_000_000
    world.submit(start_by_ms=late_ms, deadline_ms=late_ms)
    world.block(after_ms=HALT_MS, halt=True)
    gap = world.head.state.gap
    assert gap is not None
    world.block(after_ms=-(-gap.credit_until_ms // 1_000) * 1_000 - world.now_ms)
    assert_broken(claim_of(world), Invariant.OUTCOMES, lambda claim: claim.put(GAP_KEY, gap))


def test_an_attempt_that_is_taken_away_in_its_credit_is_noticed(world: World) -> None:
    job_id = job_in(world, Phase.R)
    world.block(after_ms=HALT_MS, halt=True)
    taken = FailJob(job_id, 1, Reason.HEARTBEAT_MISSED)
    assert_action_breaks(world, COORDINATOR, taken, Invariant.ONE_ENDING)


# ---------------------------------------------------------------- disputes and rulings


@pytest.mark.parametrize("bond", [1, DISPUTE_BOND - 1, DISPUTE_BOND + 1])
def test_a_dispute_with_another_bond_is_noticed(world: World, bond: int) -> None:
    job_id = job_in(world, Phase.C)
    dispute = DisputeReceipt(job_id, receipt_id_of(world, job_id), Reason.NO_SOURCE, bond)
    assert_action_breaks(world, CLIENT, dispute, Invariant.ONE_ENDING)


def test_a_dispute_that_does_not_lock_its_bond_is_noticed(world: World) -> None:
    job_id = job_in(world, Phase.C)
    receipt_id = receipt_id_of(world, job_id)
    dispute = DisputeReceipt(job_id, receipt_id, Reason.NO_SOURCE, DISPUTE_BOND)
    claim = claim_of(world, world.sign(CLIENT, dispute))
    assert_broken(claim, Invariant.SUPPLY, lambda c: c.give(CLIENT.address, DISPUTE_BOND))


@pytest.mark.parametrize("for_miner", [True, False])
def test_a_ruling_that_gives_the_bond_to_the_loser_is_noticed(
    world: World, *, for_miner: bool
) -> None:
    job_id = job_in(world, Phase.G)
    vote = CastVote(None, ResolveDispute(job_id, for_miner), support=True)
    claim = claim_of(world, world.sign(AUTHORITY, vote))

    def swap(claim: Claim) -> None:
        told = claim.outcomes[-1]
        if for_miner:
            miner, coordinator, client = told.amounts
            amounts = (miner - DISPUTE_BOND, coordinator, client + DISPUTE_BOND)
            claim.outcomes[-1] = replace(told, amounts=amounts)
        sign = 1 if for_miner else -1
        claim.give(CLIENT.address, sign * DISPUTE_BOND)
        claim.give(MINER.address, -sign * DISPUTE_BOND)

    assert_broken(claim, Invariant.OUTCOMES, swap)


def test_a_ruling_where_nobody_disputes_is_noticed(world: World) -> None:
    job_id = job_in(world, Phase.C)
    vote = CastVote(None, ResolveDispute(job_id, for_miner=True), support=True)
    assert_action_breaks(world, AUTHORITY, vote, Invariant.SET)


# ---------------------------------------------------------------- new units


def test_units_that_were_not_decided_are_noticed(world: World) -> None:
    def mint(claim: Claim) -> None:
        claim.put(SUPPLY_KEY, Supply(GENESIS, 1))
        claim.give(STRANGER, 1)

    assert_broken(bystander(world), Invariant.OUTCOMES, mint)


def test_more_units_than_were_decided_are_noticed(world: World) -> None:
    vote = CastVote(None, IssueUnits(STRANGER, 5), support=True)
    claim = claim_of(world, world.sign(AUTHORITY, vote))
    assert_broken(claim, Invariant.SUPPLY, lambda c: c.give(STRANGER, 1))


def test_units_that_vanish_are_noticed(world: World) -> None:
    decide(world, IssueUnits(STRANGER, 5))

    def burn(claim: Claim) -> None:
        claim.put(SUPPLY_KEY, Supply(GENESIS, 4))
        claim.give(STRANGER, -1)

    assert_broken(bystander(world), Invariant.SUPPLY, burn)


def test_a_supply_beyond_its_bound_is_noticed(world: World) -> None:
    vote = CastVote(None, IssueUnits(STRANGER, SUPPLY_MAX - GENESIS + 1), support=True)
    assert_action_breaks(world, AUTHORITY, vote, Invariant.SET)

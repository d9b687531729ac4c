"""The checker notices false balances, fees and outcomes (invariants 1 and 5)."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from ledger.actions import AcceptReceipt, Transfer
from ledger.checker import Checker, InvariantBroken
from ledger.checker.broken import Invariant
from ledger.codec import encode
from ledger.outcomes import Outcome, OutcomeKind
from ledger.records import Account, Job, Miner, Table, Unbonding, state_key
from ledger.types import SUPPLY_MAX
from tests.ledger.claims import Claim, assert_broken, claim_of
from tests.ledger.phases import Phase, job_in
from tests.ledger.worlds import AITBC, BUCKETS, PEOPLE, World, genesis_of

CLIENT, OTHER, MINER = PEOPLE.client.address, PEOPLE.other_client.address, PEOPLE.miner.address
PAYOUT = PEOPLE.payout.address


@pytest.fixture
def world() -> World:
    world = World()
    world.register(bond=5 * AITBC)
    return world


def transfer_claim(world: World) -> Claim:
    return claim_of(world, world.sign(PEOPLE.client, Transfer(OTHER, AITBC)))


def settlement_claim(world: World) -> Claim:
    job_id = job_in(world, Phase.C, dispute_ms=0)
    receipt = world.job(job_id).receipt
    assert receipt is not None
    signed = world.sign(PEOPLE.client, AcceptReceipt(job_id, receipt.receipt_id))
    return claim_of(world, signed)


def test_true_claims_pass(world: World) -> None:
    transfer_claim(world).seal().check()
    settlement_claim(world).seal().check()


def test_one_nait_out_of_nowhere_breaks_supply(world: World) -> None:
    broken = assert_broken(
        transfer_claim(world), Invariant.SUPPLY, lambda claim: claim.give(OTHER, 1)
    )
    supply = 5 * 1_000 * AITBC
    assert (broken.expected, broken.found) == (supply, supply + 1)
    assert f"expected {supply}, found {supply + 1}" in str(broken)
    assert "invariant 1 (supply)" in str(broken)


@pytest.mark.parametrize(
    "forge",
    [
        lambda claim: claim.give(PAYOUT, -1),
        lambda claim: bond_miner(claim, +1),
        lambda claim: bond_miner(claim, -1),
        lambda claim: claim.put(state_key(Table.UNBONDING, bytes(32)), Unbonding(MINER, 1, 10**13)),
    ],
    ids=["burnt fee", "larger bond", "smaller bond", "bond from nowhere"],
)
def test_any_pot_that_changes_alone_breaks_supply(
    world: World, forge: Callable[[Claim], None]
) -> None:
    assert_broken(transfer_claim(world), Invariant.SUPPLY, forge)


def test_an_escrow_that_shrinks_breaks_supply(world: World) -> None:
    job_id = job_in(world, Phase.R)

    def shrink(claim: Claim) -> None:
        key = state_key(Table.JOB, job_id)
        job = claim.record(key)
        assert isinstance(job, Job)
        assert job.assignment is not None
        assignment = replace(job.assignment, price_cap=0)
        claim.put(key, replace(job, max_price=job.max_price - 1, assignment=assignment))

    assert_broken(transfer_claim(world), Invariant.SUPPLY, shrink)


def test_an_empty_account_that_stays_breaks_supply_rules(world: World) -> None:
    def leave_zero(claim: Claim) -> None:
        claim.delta[state_key(Table.ACCOUNT, PEOPLE.stranger.address)] = encode(Account(0))

    assert_broken(transfer_claim(world), Invariant.SUPPLY, leave_zero)


def test_an_empty_bond_that_returns_breaks_supply_rules(world: World) -> None:
    def leave_zero(claim: Claim) -> None:
        claim.put(state_key(Table.UNBONDING, bytes(32)), Unbonding(MINER, 0, 10**13))

    assert_broken(transfer_claim(world), Invariant.SUPPLY, leave_zero)


def test_a_supply_that_is_not_the_one_begun_with_is_noticed_in_full_mode(world: World) -> None:
    claim = transfer_claim(world)
    claim.checker._books.supply += 1
    assert_broken(claim, Invariant.SUPPLY)


def test_spending_within_a_block_what_comes_later_breaks_supply(world: World) -> None:
    rich = world.sign(PEOPLE.client, Transfer(PEOPLE.stranger.address, AITBC), creates_account=True)
    spend = world.sign(PEOPLE.stranger, Transfer(OTHER, AITBC // 2))
    claim = claim_of(world, rich, spend)
    assert_broken(claim, Invariant.SUPPLY, lambda claim: claim.set_body(spend, rich))


def test_a_supply_above_its_bound_is_not_begun_with() -> None:
    view = genesis_of(balances={CLIENT: SUPPLY_MAX})
    items = {key: encode(record) for key, record in view.state.items()}
    Checker(view.tags, view.header, items, BUCKETS)
    items[state_key(Table.ACCOUNT, CLIENT)] = encode(Account(SUPPLY_MAX + 1))
    with pytest.raises(InvariantBroken, match=r"invariant 1 .*≤ 2\^62"):
        Checker(view.tags, view.header, items, BUCKETS)


def bond_miner(claim: Claim, amount: int) -> None:
    key = state_key(Table.MINER, MINER)
    miner = claim.record(key)
    assert isinstance(miner, Miner)
    claim.put(key, replace(miner, bond=miner.bond + amount))


def steal(claim: Claim) -> None:
    claim.give(CLIENT, -1)
    claim.give(MINER, 1)


def keep_the_fee(claim: Claim) -> None:
    fee = claim.block.transactions[0].transaction.fee
    claim.give(PAYOUT, -fee)
    claim.give(CLIENT, fee)


def credit_a_bystander(claim: Claim) -> None:
    claim.give(OTHER, -AITBC)
    claim.give(PEOPLE.other_miner.address, AITBC)


def write_what_did_not_change(claim: Claim) -> None:
    key = state_key(Table.ACCOUNT, MINER)
    claim.delta[key] = claim.parent_items[key]


def rename_the_miner(claim: Claim) -> None:
    key = state_key(Table.MINER, MINER)
    miner = claim.record(key)
    assert isinstance(miner, Miner)
    claim.put(key, replace(miner, price_floor=7))


@pytest.mark.parametrize(
    "forge",
    [steal, keep_the_fee, credit_a_bystander, write_what_did_not_change, rename_the_miner],
)
def test_changes_that_no_transaction_made_break_outcomes(
    world: World, forge: Callable[[Claim], None]
) -> None:
    assert_broken(transfer_claim(world), Invariant.OUTCOMES, forge)


def change_outcome(change: Callable[[Outcome], Outcome]) -> Callable[[Claim], None]:
    def forge(claim: Claim) -> None:
        claim.outcomes[-1] = change(claim.outcomes[-1])

    return forge


@pytest.mark.parametrize(
    "forge",
    [
        change_outcome(lambda o: replace(o, code=1)),
        change_outcome(lambda o: replace(o, parties=o.parties[::-1])),
        change_outcome(lambda o: replace(o, amounts=(o.amounts[0] + 1, 0, o.amounts[2] - 1))),
        change_outcome(lambda o: replace(o, cause=bytes(32))),
        lambda claim: claim.outcomes.append(
            Outcome(OutcomeKind.MINER_UPDATED, bytes(32), MINER, 0, (MINER,), (0,))
        ),
    ],
    ids=["code", "parties", "amounts", "cause", "one too many"],
)
def test_outcome_records_that_say_something_else_break_outcomes(
    world: World, forge: Callable[[Claim], None]
) -> None:
    assert_broken(settlement_claim(world), Invariant.OUTCOMES, forge)


def test_a_missing_outcome_record_breaks_outcomes(world: World) -> None:
    claim = claim_of(world, world.sign(PEOPLE.client, world.submission()))
    assert_broken(claim, Invariant.OUTCOMES, lambda claim: claim.outcomes.clear())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("outcome_root", bytes(32)),
        ("outcome_count", 2),
        ("transaction_root", bytes(32)),
        ("transaction_count", 2),
    ],
)
def test_a_header_that_commits_to_something_else_breaks_outcomes(
    world: World, field: str, value: object
) -> None:
    claim = transfer_claim(world)
    claim.set_header(**{field: value})
    assert_broken(claim, Invariant.OUTCOMES)


def test_a_settlement_that_overpays_the_miner_is_noticed_by_both_arithmetics(world: World) -> None:
    """A broken ledger would credit and record the same wrong split."""

    def overpay(claim: Claim) -> None:
        told = claim.outcomes[-1]
        miner, coordinator, client = told.amounts
        claim.outcomes[-1] = replace(told, amounts=(miner + 5, coordinator, client - 5))
        claim.give(MINER, 5)
        claim.give(CLIENT, -5)

    assert_broken(settlement_claim(world), Invariant.OUTCOMES, overpay)


@pytest.mark.parametrize(("fee", "action_fee_free"), [(0, False), (1, True)])
def test_a_wrong_fee_breaks_outcomes(world: World, fee: int, action_fee_free: bool) -> None:
    if action_fee_free:
        job_id = job_in(world, Phase.Q)
        signed = world.sign(PEOPLE.coordinator, world.assignment(job_id))
        payer = PEOPLE.coordinator
    else:
        signed = world.sign(PEOPLE.client, Transfer(OTHER, AITBC))
        payer = PEOPLE.client
    broken = assert_broken(
        claim_of(world, signed), Invariant.OUTCOMES, lambda claim: claim.resign(payer, fee=fee)
    )
    assert "fee of" in broken.what


def test_an_account_is_not_made_for_nothing(world: World) -> None:
    to = PEOPLE.stranger.address
    signed = world.sign(PEOPLE.client, Transfer(to, AITBC), creates_account=True)
    fee = signed.transaction.fee - world.head.parameters.account_fee

    def underpay(claim: Claim) -> None:
        claim.resign(PEOPLE.client, fee=fee)

    assert "fee of" in assert_broken(claim_of(world, signed), Invariant.OUTCOMES, underpay).what

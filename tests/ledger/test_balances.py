"""Transfers, fees and balances, each rule by its attack (T9, S8, decision 6)."""

import pytest

from ledger.actions import Transfer
from ledger.codec import encode
from ledger.fees import least_fee, with_least_fee
from ledger.jobs import Row
from ledger.outcomes import OutcomeKind
from ledger.params import Parameters
from ledger.records import Account, Table, state_key
from ledger.rejections import (
    AmountZero,
    FeeNotAllowed,
    FeeTooLow,
    InsufficientBalance,
)
from ledger.transaction import SIGNATURE_OVERHEAD_BYTES
from tests.ledger.phases import ACTION_OF, Phase, job_in
from tests.ledger.worlds import AITBC, PEOPLE, World, genesis_of

CLIENT, STRANGER, PAYOUT = PEOPLE.client, PEOPLE.stranger.address, PEOPLE.payout.address
SUPPLY = 5 * 1_000 * AITBC

CLIENT_ROWS = (Row.ACCEPT_OFFER, Row.ACCEPT, Row.CANCEL, Row.DISPUTE_BY_CLIENT)


@pytest.fixture
def world() -> World:
    return World()


def supply(world: World) -> int:
    records = (record for _, record in world.head.state.items())
    return sum(record.balance for record in records if isinstance(record, Account))


def test_t9_a_fee_below_base_and_bytes_is_refused_and_the_least_one_is_enough(
    world: World,
) -> None:
    action = Transfer(PEOPLE.miner.address, 5)
    enough = world.sign(CLIENT, action)
    size = len(encode(enough))
    assert enough.transaction.fee == least_fee(Parameters(), size, creates_account=False)
    with pytest.raises(FeeTooLow) as refused:
        world.block(world.sign(CLIENT, action, fee=enough.transaction.fee - 1))
    assert refused.value.required == enough.transaction.fee
    world.block(enough)


def test_t9_creating_an_account_costs_the_account_fee(world: World) -> None:
    without = world.sign(CLIENT, Transfer(STRANGER, 5))
    with pytest.raises(FeeTooLow):
        world.block(without)
    world.transfer(CLIENT, STRANGER, 5)
    world.block(world.sign(CLIENT, Transfer(STRANGER, 5)))
    assert world.balance(STRANGER) == 10


def test_t9_a_settlement_creates_accounts_without_an_account_fee(world: World) -> None:
    fees = world.balance(PAYOUT)
    world.transfer(CLIENT, STRANGER, 10 * AITBC)
    world.register(PEOPLE.stranger)
    world.transfer(PEOPLE.stranger, CLIENT.address, world.balance(STRANGER) - 3_000)
    job_id = world.submit()
    world.assign(job_id, miner=STRANGER)
    receipt_id = world.post(job_id, PEOPLE.stranger)
    world.attest(job_id, receipt_id)
    assert world.balance(STRANGER) > AITBC * 9 // 10
    assert world.balance(PAYOUT) > fees


def test_t9_fees_reach_the_proposer_once_at_the_end_of_the_block(world: World) -> None:
    first, second = (world.sign(CLIENT, Transfer(PEOPLE.miner.address, n)) for n in (1, 2))
    result = world.block(first, second)
    assert world.balance(PAYOUT) == first.transaction.fee + second.transaction.fee
    assert not result.outcomes
    assert supply(world) == SUPPLY


def test_t9_a_block_without_fees_does_not_write_the_proposers_account(world: World) -> None:
    world.register()
    job_id = world.submit()
    world.assign(job_id)
    assert state_key(Table.ACCOUNT, PAYOUT) not in world.results[-1].delta


def test_t9_an_emptied_account_leaves_the_state(world: World) -> None:
    world.transfer(CLIENT, STRANGER, 100_000)
    everything = world.sign(PEOPLE.stranger, Transfer(CLIENT.address, 0))
    amount = 100_000 - world.sign(PEOPLE.stranger, Transfer(CLIENT.address, 99_999)).transaction.fee
    assert everything.transaction.fee <= 100_000 - amount
    world.transfer(PEOPLE.stranger, CLIENT.address, amount)
    assert world.balance(STRANGER) == 0
    assert world.head.state.get(state_key(Table.ACCOUNT, STRANGER)) is None


@pytest.mark.parametrize("row", [row for row in ACTION_OF if row not in CLIENT_ROWS])
def test_j10_bounded_actions_carry_no_fee(world: World, row: Row) -> None:
    world.register()
    job_id = job_in(world, Phase.R)
    key, action_of = ACTION_OF[row]
    with pytest.raises(FeeNotAllowed):
        world.block(world.sign(key, action_of(world, job_id), fee=1))


@pytest.mark.parametrize("row", CLIENT_ROWS)
def test_j10_a_clients_actions_pay_their_own_fee(world: World, row: Row) -> None:
    world.register()
    job_id = job_in(world, Phase.C)
    key, action_of = ACTION_OF[row]
    with pytest.raises(FeeTooLow):
        world.block(world.sign(key, action_of(world, job_id), fee=0))


def test_a_transfer_of_more_than_the_balance_with_its_fee_is_refused(world: World) -> None:
    balance = world.balance(CLIENT.address)
    with pytest.raises(InsufficientBalance) as refused:
        world.transfer(CLIENT, PEOPLE.miner.address, balance)
    assert refused.value.balance == balance
    assert refused.value.needed > balance
    world.transfer(CLIENT, PEOPLE.miner.address, balance - (refused.value.needed - balance))
    assert world.balance(CLIENT.address) == 0


def test_an_escrow_or_a_bond_beyond_the_balance_is_refused_and_leaves_nothing(
    world: World,
) -> None:
    balance = world.balance(CLIENT.address)
    root = world.head.state.root
    with pytest.raises(InsufficientBalance):
        world.submit(max_price=balance)
    with pytest.raises(InsufficientBalance):
        world.register(CLIENT, bond=balance)
    assert world.head.state.root == root


def test_a_transfer_to_oneself_costs_its_fee_only(world: World) -> None:
    balance = world.balance(CLIENT.address)
    signed = world.sign(CLIENT, Transfer(CLIENT.address, balance // 2))
    world.block(signed)
    assert world.balance(CLIENT.address) == balance - signed.transaction.fee


def test_s8_one_account_can_hold_the_whole_supply_and_send_it_to_itself() -> None:
    parameters = Parameters(fee_base=0, fee_per_byte=0, account_fee=0)
    world = World(genesis_of(parameters, balances={CLIENT.address: 2**62}))
    world.block(world.sign(CLIENT, Transfer(CLIENT.address, 2**62)))
    assert world.balance(CLIENT.address) == 2**62


@pytest.mark.parametrize("amount", [2**62 + 1, 2**63 - 1])
def test_s8_the_largest_amounts_are_refused_for_lack_of_balance(world: World, amount: int) -> None:
    with pytest.raises(InsufficientBalance):
        world.transfer(CLIENT, PEOPLE.miner.address, amount)
    with pytest.raises(InsufficientBalance):
        world.submit(max_price=amount)
    with pytest.raises(InsufficientBalance):
        world.block(world.sign(CLIENT, Transfer(PEOPLE.miner.address, 1), fee=amount))


def test_zero_amounts_are_refused(world: World) -> None:
    with pytest.raises(AmountZero):
        world.transfer(CLIENT, PEOPLE.miner.address, 0)
    with pytest.raises(AmountZero):
        world.submit(max_price=0)


@pytest.mark.parametrize("fee_per_byte", [0, 1, 255, 65_536, 10**9])
def test_the_least_fee_pays_for_its_own_bytes(fee_per_byte: int) -> None:
    parameters = Parameters(fee_per_byte=fee_per_byte, fee_base=7)
    signed = World().sign(CLIENT, Transfer(STRANGER, 1))
    for creates_account in (False, True):
        fitted = with_least_fee(parameters, signed.transaction, creates_account=creates_account)
        size = len(encode(fitted)) + SIGNATURE_OVERHEAD_BYTES
        assert fitted.fee == least_fee(parameters, size, creates_account=creates_account)


def test_money_locked_by_an_action_is_named_in_its_outcome(world: World) -> None:
    world.register(bond=AITBC)
    world.submit(max_price=2 * AITBC)
    locked = [(o.kind, o.amounts) for r in world.results for o in r.outcomes]
    assert locked == [
        (OutcomeKind.MINER_REGISTERED, (AITBC,)),
        (OutcomeKind.JOB_LOCKED, (2 * AITBC,)),
    ]
    assert supply(world) == SUPPLY - 3 * AITBC

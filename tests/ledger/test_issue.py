"""New units by ballot, and the bound of the supply (E6, S8), each by its attack."""

import pytest

from ledger.actions import CastVote
from ledger.errors import TransactionRejected
from ledger.issue import check_issue, issue_units, supply_of
from ledger.motions import IssueUnits
from ledger.opening import open_block
from ledger.outcomes import OutcomeKind
from ledger.records import Account, Supply, Table, state_key
from ledger.rejections import AmountZero, SupplyExceeded
from ledger.types import SUPPLY_MAX
from tests.ledger.phases import decide
from tests.ledger.worlds import BALANCES, PEOPLE, World, genesis_of

STRANGER = PEOPLE.stranger.address
GENESIS = sum(BALANCES.values())
ROOM = SUPPLY_MAX - GENESIS


@pytest.fixture
def world() -> World:
    return World()


def test_e6_issued_units_are_balance_and_supply(world: World) -> None:
    ballot_id = decide(world, IssueUnits(STRANGER, 5))
    assert world.balance(STRANGER) == 5
    assert supply_of(world.head.state) == Supply(GENESIS, 5)
    told = world.results[-1].outcomes[-1]
    assert (told.kind, told.cause, told.object_id) == (
        OutcomeKind.UNITS_ISSUED,
        ballot_id,
        ballot_id,
    )
    assert (told.parties, told.amounts) == ((STRANGER,), (5,))
    decide(world, IssueUnits(STRANGER, 7))
    assert world.balance(STRANGER) == 12
    assert supply_of(world.head.state) == Supply(GENESIS, 12)


def test_s8_the_supply_grows_to_its_bound_and_not_beyond(world: World) -> None:
    with pytest.raises(SupplyExceeded) as refused:
        decide(world, IssueUnits(STRANGER, ROOM + 1))
    assert (refused.value.amount, refused.value.room) == (ROOM + 1, ROOM)
    decide(world, IssueUnits(STRANGER, ROOM))
    assert world.balance(STRANGER) == ROOM
    with pytest.raises(SupplyExceeded):
        decide(world, IssueUnits(PEOPLE.client.address, 1))


def test_e6_a_ballot_for_nothing_is_refused_when_it_opens(world: World) -> None:
    with pytest.raises(AmountZero):
        decide(world, IssueUnits(STRANGER, 0))


def test_s8_a_ballot_that_became_too_much_cannot_pass_and_breaks_no_block() -> None:
    world = World(genesis_of(validators=4))
    first = decide(world, IssueUnits(STRANGER, ROOM))
    second = decide(world, IssueUnits(PEOPLE.client.address, 1))
    for ballot_id in (first, second):
        world.act(PEOPLE.validators[1], CastVote(ballot_id, None, support=True))
    world.act(PEOPLE.validators[2], CastVote(first, None, support=True))
    assert world.balance(STRANGER) == ROOM
    vote = world.sign(PEOPLE.validators[2], CastVote(second, None, support=True))
    with pytest.raises(SupplyExceeded):
        world.block(vote)
    world.transfer(PEOPLE.client, PEOPLE.miner.address, 1)
    assert supply_of(world.head.state) == Supply(GENESIS, ROOM)


@pytest.mark.parametrize("amount", [0, ROOM + 1])
def test_a_refused_issue_changes_nothing(world: World, amount: int) -> None:
    env = open_block(world.head, world.now_ms + 1)
    for ask in (
        lambda: check_issue(env.state, amount),
        lambda: issue_units(env, b"", bytes(32), STRANGER, amount),
    ):
        with pytest.raises(TransactionRejected):
            ask()
    assert not env.outcomes
    assert not env.state.changes


def test_the_largest_balance_is_the_whole_supply_and_still_an_amount(world: World) -> None:
    """Every nait there can be, in one account: nothing that is added to it leaves its range."""
    decide(world, IssueUnits(STRANGER, ROOM))
    for address in BALANCES:
        key = next(k for k in vars(PEOPLE).values() if getattr(k, "address", b"") == address)
        signed_fee = world.head.parameters.fee_base + 10_000
        world.transfer(key, STRANGER, world.balance(address) - signed_fee)
    account = world.head.state.get(state_key(Table.ACCOUNT, STRANGER))
    assert isinstance(account, Account)
    assert SUPPLY_MAX - 100_000 < account.balance < SUPPLY_MAX

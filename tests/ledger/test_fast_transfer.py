"""The faster twin of `apply_transaction` does what the reference does, whatever the transfer."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.actions import Transfer
from ledger.block import Block, encode_block
from ledger.codec import encode
from ledger.environment import Environment
from ledger.errors import LedgerError
from ledger.execution import apply_transaction, check_can_pay
from ledger.fast_transfer import apply_identified, check_payable
from ledger.keys import KeyPair
from ledger.merkle import leaf_hash, transaction_leaf, transaction_leaf_hashes
from ledger.opening import open_block
from ledger.params import Parameters
from ledger.proposal import BuiltBlock, build_in_steps
from ledger.records import Account, Supply, Table, state_key
from ledger.steps import UNITS_PER_STEP, Steps, at_once
from ledger.transaction import SignedTransaction, Transaction, identify
from ledger.transition import apply_in_steps
from ledger.types import AMOUNT_MAX, Address
from tests.ledger.worlds import PEOPLE, World, genesis_of

KEYS = [KeyPair(bytes((number,)) * 32) for number in (11, 12, 13)]
ADDRESSES: list[Address] = [*(key.address for key in KEYS), bytes(20)]

near_limits = st.sampled_from([0, 1, 999, 1_000, AMOUNT_MAX - 1, AMOUNT_MAX])
amounts = near_limits | st.integers(0, 10_000) | st.integers(0, AMOUNT_MAX)
balances = st.lists(st.none() | amounts.filter(bool), min_size=4, max_size=4)
steps = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 3), amounts, amounts), min_size=1, max_size=6
)
fees = st.tuples(st.sampled_from([0, 1, 500]), st.sampled_from([0, 1, 10]), st.integers(0, 2_000))


def environment(given_balances: list[int | None], rates: tuple[int, int, int]) -> Environment:
    env = open_block(genesis_of(), 2**41)
    base, per_byte, account = rates
    env.parameters = Parameters(fee_base=base, fee_per_byte=per_byte, account_fee=account)
    for address, balance in zip(ADDRESSES, given_balances, strict=True):
        env.state.put(
            state_key(Table.ACCOUNT, address), None if balance is None else Account(balance)
        )
    return env


def transfer(sender: int, receiver: int, amount: int, fee: int) -> Transaction:
    return Transaction(
        version=1,
        chain_id="chain-0123456789abcdef",
        sender_public_key=KEYS[sender].public_key,
        action=Transfer(ADDRESSES[receiver], amount),
        fee=fee,
        valid_until_ms=1,
        salt=bytes(16),
    )


def refusal(carry_out: Callable[..., object], *arguments: object) -> str:
    try:
        carry_out(*arguments)
    except LedgerError as reason:
        return f"{reason.code} {reason}"
    return ""


@given(balances, fees, steps)
def test_the_twin_writes_refuses_and_charges_as_the_reference(
    given_balances: list[int | None],
    rates: tuple[int, int, int],
    transfers: list[tuple[int, int, int, int]],
) -> None:
    quick, reference = (environment(given_balances, rates) for _ in range(2))
    for sender, receiver, amount, fee in transfers:
        unsigned = transfer(sender, receiver, amount, fee)
        signed = identify(quick.tags, SignedTransaction(unsigned, bytes(64)))
        size = len(signed.data)
        for spent in (0, amount):  # Whatever else of the sender's is pooled.
            said = refusal(check_payable, quick.state, quick.parameters, signed, spent)
            paying = (reference.state, quick.parameters, unsigned, size, spent)
            assert said == refusal(check_can_pay, *paying)
        said = refusal(apply_identified, quick, signed)
        wanted = refusal(apply_transaction, reference, unsigned, signed.transaction_id, size)
        assert said == wanted
        assert quick.state.changes == reference.state.changes
        assert list(quick.state.changes) == list(reference.state.changes)
        assert quick.fees == reference.fees


@given(st.binary(min_size=32, max_size=32), st.integers(0, 2**48 - 1), st.binary(min_size=64))
def test_leaves_are_hashed_together_to_the_same(
    identity: bytes, expiry: int, signature: bytes
) -> None:
    expected = leaf_hash(transaction_leaf(identity, expiry, signature))
    leaf = (identity, expiry, signature)
    assert transaction_leaf_hashes([leaf, leaf]) == [expected, expected]


def large_world() -> tuple[World, list[SignedTransaction]]:
    world = World(genesis_of(Parameters(account_fee=0), balances={PEOPLE.client.address: 2**40}))
    return world, [
        world.sign(PEOPLE.client, Transfer(number.to_bytes(20, "big"), 1)) for number in range(700)
    ]


def noting(steps: Steps[BuiltBlock], units: list[int]) -> Steps[BuiltBlock]:
    """Pass steps on, and note their units."""
    try:
        while True:
            units.append(next(steps))
            yield units[-1]
    except StopIteration as done:
        result: BuiltBlock = done.value
        return result


def test_building_and_applying_take_bounded_steps_and_agree() -> None:
    world, transfers = large_world()
    body = tuple(identify(world.head.tags, each) for each in transfers)
    units: list[int] = []
    built = at_once(noting(build_in_steps(world.head, body, world.context()), units))
    assert built.block.header.transaction_count == len(transfers)
    assert max(units) <= UNITS_PER_STEP
    assert sum(units) >= len(transfers)
    units = list(apply_in_steps(world.head, built.block, body, verified=lambda _: True))
    assert max(units) <= UNITS_PER_STEP
    assert sum(units) >= 2 * len(transfers), "once for the root, once to carry them out"
    again = at_once(apply_in_steps(world.head, built.block, body, verified=lambda _: True))
    assert again.delta == built.result.delta


def test_a_block_is_encoded_from_the_bytes_of_its_transactions() -> None:
    world, transfers = large_world()
    for count in (0, 1, 15, 16, 300, len(transfers)):
        some = transfers[:count]
        header = world.head.header
        expected = encode(Block(header, tuple(some)))
        assert encode_block(header, [encode(each) for each in some]) == expected


@pytest.mark.parametrize("broken", [0, 1], ids=["sender", "receiver"])
def test_nothing_is_paid_with_or_to_a_record_that_is_no_account(broken: int) -> None:
    env = environment([10_000, 10_000, None, None], (0, 0, 0))
    env.state.put(state_key(Table.ACCOUNT, ADDRESSES[broken]), Supply(1, 0))
    unsigned = transfer(0, 1, 100, 0)
    signed = identify(env.tags, SignedTransaction(unsigned, bytes(64)))
    with pytest.raises(AssertionError):
        apply_identified(env, signed)
    with pytest.raises(AssertionError):
        apply_transaction(env, unsigned, signed.transaction_id, len(signed.data))

"""The arithmetic table of ledger-rules.md, against an arithmetic of fractions."""

from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import AmountOutOfRange
from ledger.settlement import (
    Split,
    cancelled,
    check_amount,
    compensation,
    price_of_units,
    refunded,
    settled,
)
from ledger.types import AMOUNT_MAX

amounts = st.integers(0, 2**62)
basis_points = st.integers(0, 10_000)


@st.composite
def prices(draw: st.DrawFn) -> tuple[int, int]:
    """A locked maximum, and a price within it."""
    locked = draw(amounts)
    return locked, draw(st.integers(0, locked))


def parts(split: Split) -> tuple[int, int, int]:
    return split.miner, split.coordinator, split.client


@given(prices(), basis_points, st.booleans(), st.integers(0, 2**61))
def test_a_lost_dispute_gives_the_bond_to_the_miner_and_changes_nothing_else(
    terms: tuple[int, int], share_bp: int, attested: bool, bond: int
) -> None:
    locked, price = terms
    kept = settled(locked, price, share_bp, attested=attested, bond=bond)
    lost = settled(locked, price, share_bp, attested=attested, bond=bond, bond_lost=True)
    miner, coordinator, client = parts(kept)
    assert parts(lost) == (miner + bond, coordinator, client - bond)


@given(prices(), basis_points, st.booleans(), st.integers(0, 2**61))
def test_a_settled_job_pays_the_rows_of_the_table(
    terms: tuple[int, int], share_bp: int, attested: bool, bond: int
) -> None:
    locked, price = terms
    share = floor(Fraction(price * share_bp, 10_000))
    split = settled(locked, price, share_bp, attested=attested, bond=bond)
    if attested:
        assert parts(split) == (price - share, share, locked - price + bond)
    else:
        assert parts(split) == (price - share, 0, locked - price + share + bond)
    assert sum(parts(split)) == locked + bond


@given(amounts, basis_points)
def test_compensation_rounds_up_and_ends_with_the_lease(cap: int, cancel_bp: int) -> None:
    owed = compensation(cap, cancel_bp, lease_over=False)
    assert owed == ceil(Fraction(cap * cancel_bp, 10_000))
    assert owed <= cap
    assert compensation(cap, cancel_bp, lease_over=True) == 0
    assert parts(cancelled(cap, owed)) == (owed, 0, cap - owed)


@given(st.integers(0, AMOUNT_MAX), st.integers(0, AMOUNT_MAX), amounts)
def test_a_price_by_unit_rounds_up_and_stops_at_the_cap(
    units_micro: int, unit_price: int, cap: int
) -> None:
    exact = ceil(Fraction(units_micro * unit_price, 1_000_000))
    assert price_of_units(units_micro, unit_price, cap) == min(cap, exact)


@given(amounts, st.integers(0, 2**61))
def test_a_refund_is_the_escrow_and_the_bond(locked: int, bond: int) -> None:
    assert parts(refunded(locked, bond)) == (0, 0, locked + bond)


@pytest.mark.parametrize("value", [-1, AMOUNT_MAX + 1])
def test_s8_an_amount_out_of_range_is_a_typed_error(value: int) -> None:
    with pytest.raises(AmountOutOfRange) as refused:
        check_amount("balance", value)
    assert refused.value.value == value


def test_s8_a_price_above_what_is_locked_is_an_error_and_not_a_negative_refund() -> None:
    with pytest.raises(AmountOutOfRange):
        settled(10, 11, 500, attested=True)

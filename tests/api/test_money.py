"""Money on the wire (P5)."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.http.bodies import parse_json
from coordinator.http.money import (
    MoneyInvalid,
    format_number,
    format_text,
    format_units,
    parse_amount,
    parse_amount_text,
)
from ledger.types import AMOUNT_MAX

AMOUNTS = st.integers(0, AMOUNT_MAX)


@given(AMOUNTS)
def test_every_amount_survives_the_way_out_as_text_and_back(nait):
    text = format_text(nait)
    assert parse_amount_text(text) == nait
    whole, _, decimals = text.partition(".")
    assert whole.isdecimal()
    assert 2 <= len(decimals) <= 9
    assert len(decimals) == 2 or not decimals.endswith("0")


@given(AMOUNTS)
def test_every_amount_survives_the_way_out_as_a_number_and_back(nait):
    raw = bytes(format_number(nait))
    assert b"e" not in raw.lower()
    assert b"." in raw
    assert parse_amount(parse_json(raw)) == nait
    assert Decimal(raw.decode()) == Decimal(nait) / 10**9
    assert isinstance(json.loads(raw), float)


@given(AMOUNTS)
def test_units_are_exact_millionths(micro):
    assert Decimal(bytes(format_units(micro)).decode()) == Decimal(micro) / 10**6


@pytest.mark.parametrize(
    ("nait", "text", "number"),
    [
        (100_000_000, "0.10", b"0.1"),
        (1_000_000, "0.001", b"0.001"),
        (1_500_500_000_000, "1500.50", b"1500.5"),
        (100_000_000_000, "100.00", b"100.0"),
        (1, "0.000000001", b"0.000000001"),
        (0, "0.00", b"0.0"),
    ],
)
def test_amounts_look_as_the_documents_print_them(nait, text, number):
    assert format_text(nait) == text
    assert bytes(format_number(nait)) == number


@pytest.mark.parametrize(
    ("literal", "nait"),
    [
        ("100.0", 100 * 10**9),
        ("1e2", 100 * 10**9),
        ("1E+2", 100 * 10**9),
        ("100", 100 * 10**9),
        ("0.000000001", 1),
        ("1e-9", 1),
        ("10e-10", 1),
        ("0.1000000000000", 10**8),
        ("0.30000000000", 3 * 10**8),
        ("0", 0),
        ("0e5", 0),
        ("-0.0", 0),
        ('"0.10"', 10**8),
        ("9223372036.854775807", AMOUNT_MAX),
    ],
)
def test_numbers_are_read_exactly_never_through_a_float(literal, nait):
    assert parse_amount(parse_json(literal.encode())) == nait


@pytest.mark.parametrize(
    "literal",
    [
        "1e-10",
        "0.0000000001",
        "-1",
        "-0.5",
        "1e10",
        "1e999999999",
        "1e-999999999",
        "9223372036.854775808",
        "true",
        "null",
        "[]",
        "{}",
    ],
)
def test_numbers_that_are_no_amount_are_refused(literal):
    with pytest.raises(MoneyInvalid):
        parse_amount(parse_json(literal.encode()))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "+1",
        "-1",
        "1.",
        ".5",
        "01",
        "1_0",
        "1e2",
        "NaN",
        "Infinity",
        "0x10",
        "١",
        "１",
        "1,5",
        "1.0000000000",
        "1\n",
        "9" * 21,
        "9223372036.854775808",
    ],
)
def test_strings_that_are_no_plain_ascii_decimal_are_refused(text):
    with pytest.raises(MoneyInvalid):
        parse_amount_text(text)


@given(st.text(max_size=24))
def test_any_text_is_an_amount_or_refused_with_the_rule(text):
    try:
        nait = parse_amount_text(text)
    except MoneyInvalid:
        return
    assert Decimal(text) * 10**9 == nait


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=0, max_value=10**8))
def test_a_number_is_an_amount_exactly_when_nine_decimals_hold_it(number):
    scaled = number * 10**9
    if scaled == scaled.to_integral_value():
        assert parse_amount(number) == int(scaled)
    else:
        with pytest.raises(MoneyInvalid):
            parse_amount(number)

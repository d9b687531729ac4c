"""Money on the wire (P5): exact decimals of AITBC outside, integer nait inside.

Input is judged by its literal, in ASCII, because parsers of decimals accept far more than a
number (`NaN`, `1_0`, digits of other scripts). Numbers of JSON arrive as `Decimal` or `int`,
never through a float. Output has no exponent, whatever the amount.
"""

import re
from decimal import Decimal

import msgspec

from ledger.params import NAIT_PER_AITBC
from ledger.types import AMOUNT_MAX, Amount

DECIMALS_MAX = 9
"""Decimals of one AITBC."""

_TEXT = re.compile(r"(0|[1-9][0-9]*)(?:\.([0-9]{1,9}))?", re.ASCII)

_TEXT_CHARACTERS_MAX = 20
"""Digits of the largest amount, the point included."""

_MICROS_DECIMALS = 6


class MoneyInvalid(ValueError):
    """Not an amount of money; the message says what one looks like."""


def parse_amount(value: object) -> Amount:
    """Return the nait of an amount from a JSON body: a decimal string or a number.

    Args:
        value: a `str`, or a number whose literal was kept exact (`int` or `Decimal`).

    Raises:
        MoneyInvalid: not a plain non-negative decimal with at most nine decimals, or too large.
    """
    if isinstance(value, str):
        return parse_amount_text(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise MoneyInvalid("must be a number or a decimal string such as 0.10")
    return _nait_of_number(Decimal(value))


def parse_amount_text(text: str) -> Amount:
    """Return the nait of a decimal string such as ``0.10``.

    Raises:
        MoneyInvalid: see `parse_amount`.
    """
    match = _TEXT.fullmatch(text) if len(text) <= _TEXT_CHARACTERS_MAX else None
    if match is None:
        raise MoneyInvalid(
            f"must be digits with at most {DECIMALS_MAX} decimals, such as 0.10, without sign "
            "or exponent"
        )
    whole, fraction = match.groups(default="")
    return _checked(int(whole) * NAIT_PER_AITBC + int(fraction.ljust(DECIMALS_MAX, "0")))


def _nait_of_number(number: Decimal) -> Amount:
    # Exponents are bounded before anything is multiplied out: 1e999999999 is a short literal.
    if not number.is_finite() or (number.is_signed() and number):
        raise MoneyInvalid("must not be negative")
    if not number:
        return 0
    if number.adjusted() >= _TEXT_CHARACTERS_MAX:
        raise MoneyInvalid(f"must be at most {format_text(AMOUNT_MAX)}")
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)  # finite
    value = int("".join(map(str, digits)))
    shift = exponent + DECIMALS_MAX
    if shift >= 0:
        return _checked(value * 10**shift)
    whole, rest = divmod(value, 10**-shift) if -shift <= len(digits) else (0, 1)
    if rest:
        raise MoneyInvalid(f"must have at most {DECIMALS_MAX} decimals")
    return _checked(whole)


def _checked(nait: int) -> Amount:
    if nait > AMOUNT_MAX:
        raise MoneyInvalid(f"must be at most {format_text(AMOUNT_MAX)}")
    return nait


def format_text(nait: Amount) -> str:
    """Return an amount as a string of at least two decimals: ``0.10``, ``0.001``, ``1500.50``."""
    return _decimal(nait, DECIMALS_MAX, decimals_min=2)


def format_number(nait: Amount) -> msgspec.Raw:
    """Return an amount as a JSON number of at least one decimal, such as ``100.0``.

    It is raw JSON because encoders of decimals write small amounts with an exponent.
    """
    return msgspec.Raw(_decimal(nait, DECIMALS_MAX, decimals_min=1).encode())


def format_units(micro: int) -> msgspec.Raw:
    """Return millionths of a unit as a JSON number of units, exact."""
    return msgspec.Raw(_decimal(micro, _MICROS_DECIMALS, decimals_min=0).encode())


def _decimal(scaled: int, decimals: int, *, decimals_min: int) -> str:
    assert scaled >= 0
    whole, fraction = divmod(scaled, 10**decimals)
    digits = f"{fraction:0{decimals}d}".rstrip("0").ljust(decimals_min, "0")
    return f"{whole}.{digits}" if digits else str(whole)

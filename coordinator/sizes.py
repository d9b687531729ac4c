"""Sizes of memory as people write them (S6), in whole MiB.

Vendors' "24GB" of GPU memory are 24 × 1024 MiB; a bare number counts GiB; "4Gi" is Kubernetes'
spelling of 4096 MiB.
"""

import math
import re
from decimal import Decimal

MIB_MAX = 2**30
"""A PiB; nobody has more, and it fits every integer column."""

_SIZE = re.compile(
    r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?(?:([mgt])(?:i?b?))?", re.ASCII | re.IGNORECASE
)

_MIB_OF_UNIT = {"m": 1, "g": 1024, "t": 1024 * 1024}


class SizeInvalid(ValueError):
    """Not a size; the message says what one looks like."""


def parse_mib(value: object) -> int:
    """Return the MiB of a size such as ``8`` (GiB), ``"24GB"`` or ``"4Gi"``, rounded up.

    Args:
        value: a string, or a number of GiB whose literal was kept exact (`int` or `Decimal`).

    Raises:
        SizeInvalid: neither, negative, or above `MIB_MAX`.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise SizeInvalid("must be a number of GiB, or a size such as 24GB or 4Gi")
    match = _SIZE.fullmatch(_text_of(value))
    if match is None:
        raise SizeInvalid("must be a number of GiB, or a size such as 24GB or 4Gi")
    number, unit = match.groups(default="g")
    mib = math.ceil(Decimal(number) * _MIB_OF_UNIT[unit.lower()])
    if mib > MIB_MAX:
        raise SizeInvalid(f"must be at most {MIB_MAX} MiB")
    return mib


def _text_of(value: str | int | Decimal) -> str:
    # A short literal with a large exponent would be a very long text.
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < 20:
        return format(value, "f")
    return str(value)

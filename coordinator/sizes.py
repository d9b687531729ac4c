"""Sizes of machines as people write them (S6): memory, processors, GPUs.

Memory is in whole MiB: vendors' "24GB" of GPU memory are 24 × 1024 MiB; a bare number counts GiB;
"4Gi" is Kubernetes' spelling of 4096 MiB. Processors are in thousandths of a core, which
Kubernetes spells "1000m".
"""

import math
import re
from decimal import Decimal

MIB_MAX = 2**30
"""A PiB; nobody has more, and it fits every integer column."""

_SIZE = re.compile(
    r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?(?:([mgt])(?:i?b?))?", re.ASCII | re.IGNORECASE
)

_CORES = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)|([0-9]{1,9})m", re.ASCII)

_GPUS = re.compile(r"[0-9]{1,4}", re.ASCII)

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


def parse_millicores(value: object) -> int:
    """Return the thousandths of a core of ``"1000m"``, ``"2"``, ``2`` or ``0.5``.

    Args:
        value: a string, or a number of cores whose literal was kept exact (`int` or `Decimal`).

    Raises:
        SizeInvalid: neither, negative, or with more than three decimals.
    """
    match = None
    if not isinstance(value, bool) and isinstance(value, str | int | Decimal):
        match = _CORES.fullmatch(_text_of(value))
    if match is None:
        raise SizeInvalid("must be a number of cores, or thousandths of one such as 1000m")
    cores, millicores = match.groups()
    return int(millicores) if cores is None else int(Decimal(cores) * 1_000)


def parse_gpus(value: object) -> int:
    """Return a number of GPUs such as ``"1"`` or ``1``.

    Raises:
        SizeInvalid: no whole number, negative, or above 9999.
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise SizeInvalid("must be a number of GPUs")
    if _GPUS.fullmatch(str(value)) is None:
        raise SizeInvalid("must be a number of GPUs")
    return int(value)


def _text_of(value: str | int | Decimal) -> str:
    # A short literal with a large exponent would be a very long text.
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < 20:
        return format(value, "f")
    return str(value)

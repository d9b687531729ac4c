"""Amounts as people write them: AITBC with up to nine decimals. Inside they are nait."""

import re
from decimal import Decimal
from typing import Final

from cli.exits import CommandFailed

NAIT_DECIMALS: Final = 9
_AMOUNT: Final = re.compile(r"(0|[1-9][0-9]{0,9})(\.[0-9]{1,9})?", re.ASCII)


def parse_aitbc(text: str, option: str) -> int:
    """Return an amount in nait.

    Args:
        text: decimal text of AITBC.
        option: where it was given, for the error.

    Raises:
        CommandFailed: it is none.
    """
    if _AMOUNT.fullmatch(text) is None:
        raise CommandFailed(
            f"{option} {text}: must be AITBC as a decimal with at most {NAIT_DECIMALS} decimals, "
            "such as 1.5"
        )
    return int(Decimal(text).scaleb(NAIT_DECIMALS))


def format_aitbc(nait: int) -> str:
    """Return an amount as a decimal text of AITBC, without an exponent."""
    whole, rest = divmod(nait, 10**NAIT_DECIMALS)
    decimals = f"{rest:0{NAIT_DECIMALS}d}".rstrip("0")
    return f"{whole}.{decimals}" if decimals else str(whole)

"""Column types that mean the same in every engine, and prefixes of ids.

SQLite tables are STRICT: a column refuses values of another type, as PostgreSQL's do.
"""

from typing import Final

from sqlalchemy import BigInteger, Dialect, Integer, LargeBinary
from sqlalchemy.types import TypeDecorator

BigInt: Final = BigInteger().with_variant(Integer(), "sqlite")
"""A signed 64-bit integer. SQLite calls it INTEGER, and lets it be the row id."""

_WIDE_BYTES: Final = 16
_WIDE_HALF: Final = 2 ** (8 * _WIDE_BYTES - 1)


class WideInt(TypeDecorator[int]):
    """An integer that may be a sum over the whole chain: bytes that sort as the numbers do.

    Each balance fits 64 bits, and so does what exists at any time (S8). What was locked, paid or
    earned altogether does not: the same units move again and again.
    """

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: int | None, _dialect: Dialect) -> bytes | None:
        """Return what is stored; SQLAlchemy calls this for statements that it makes."""
        return None if value is None else wide_bytes(value)

    def process_result_value(self, value: bytes | None, _dialect: Dialect) -> int | None:
        """Return the number that is stored."""
        return None if value is None else wide_number(value)


def wide_bytes(number: int) -> bytes:
    """Return how a `WideInt` is stored."""
    return (number + _WIDE_HALF).to_bytes(_WIDE_BYTES, "big")


def wide_number(stored: bytes) -> int:
    """Return the number that `wide_bytes` made these of."""
    return int.from_bytes(stored, "big") - _WIDE_HALF


_PREFIX_BYTES: Final = 8
_HALF: Final = 2**63

ID_PREFIX_MIN: Final = -_HALF
"""`id_prefix` of ids that begin with zeros."""

ENTRY_BITS: Final = 17
"""Bits of a position that say which entry of its block it is of."""

ENTRIES_MAX: Final = 2**ENTRY_BITS
"""More than a block can hold of any kind of entry: most of all are outcomes of miners that retire
with all their offers, 76,440 where a block may weigh as much as parameters allow."""

_HEIGHTS_MAX: Final = 2**45
"""More blocks than there will be; a position still fits a signed 64-bit integer."""


def id_prefix(object_id: bytes) -> int:
    """Return the first 8 bytes of an id as a signed integer that sorts as the bytes do.

    Indexes hold prefixes because they are small; they are never unique, and a query compares full
    ids besides (S12).
    """
    return int.from_bytes(object_id[:_PREFIX_BYTES].ljust(_PREFIX_BYTES, b"\x00"), "big") - _HALF


def prefix_range(hex_digits: str) -> tuple[int, int]:
    """Return the least and the greatest `id_prefix` of ids that start with 1 to 16 hex digits."""
    missing = 16 - len(hex_digits)
    return int(hex_digits + "0" * missing, 16) - _HALF, int(hex_digits + "f" * missing, 16) - _HALF


def pack_position(height: int, entry: int) -> int:
    """Return one integer that sorts by height and then by entry."""
    assert 0 <= entry < ENTRIES_MAX
    return height << ENTRY_BITS | entry


def unpack_position(position: int) -> tuple[int, int]:
    """Return (height, entry)."""
    return position >> ENTRY_BITS, position & (ENTRIES_MAX - 1)


def height_in_range(height: int) -> bool:
    """Return whether a height from outside can be that of a block."""
    return 0 <= height < _HEIGHTS_MAX


def pack_bound(height: int, entry: int) -> int:
    """Return the position of a page's bound from outside; bounds beyond the chain are its ends."""
    if height < 0 or entry < 0:
        return pack_position(max(height, 0), 0)
    if height >= _HEIGHTS_MAX:
        return pack_position(_HEIGHTS_MAX, 0)
    return pack_position(height, min(entry, ENTRIES_MAX - 1))

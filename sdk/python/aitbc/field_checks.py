"""What a field of a transaction may hold: checks that name the field that is at fault."""

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias, Union

from aitbc.errors import InvalidValue

FieldValue: TypeAlias = Union[bytes, int, str, bool, "list[FieldValue]", None]
"""What a field of a transaction holds; an array is a motion or a signed statement."""

AMOUNT_MAX: Final = 2**63 - 1
TIMESTAMP_MS_MAX: Final = 2**48 - 1

Check: TypeAlias = Callable[[str, object], FieldValue]
"""Takes a field's name and value, and returns the value if it is allowed."""


def bytes_of(size: int) -> Callable[[str, object], bytes]:
    """Return the check of a field that holds exactly `size` bytes."""

    def check(field: str, value: object) -> bytes:
        if not isinstance(value, bytes) or len(value) != size:
            raise InvalidValue(field, f"must be {size} bytes")
        return value

    return check


def integer_to(high: int, low: int = 0) -> Callable[[str, object], int]:
    """Return the check of an integer field from `low` to `high`."""

    def check(field: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidValue(field, "must be an integer")
        if not low <= value <= high:
            raise InvalidValue(field, f"must be between {low} and {high}")
        return value

    return check


def text_like(pattern: str, length_max: int) -> Callable[[str, object], str]:
    """Return the check of a text field that matches `pattern` as a whole."""
    compiled = re.compile(pattern, re.ASCII)

    def check(field: str, value: object) -> str:
        if not isinstance(value, str):
            raise InvalidValue(field, "must be text")
        if len(value) > length_max or compiled.fullmatch(value) is None:
            raise InvalidValue(field, f"must match {pattern}, at most {length_max} characters")
        return value

    return check


def any_text(field: str, value: object) -> str:
    """Check a field that holds some text; whoever shows it minds what is in it."""
    if not isinstance(value, str):
        raise InvalidValue(field, "must be text")
    return value


def flag(field: str, value: object) -> bool:
    """Check a field that is true or false."""
    if not isinstance(value, bool):
        raise InvalidValue(field, "must be true or false")
    return value


def optional(check: Check) -> Check:
    """Return the check of a field that may also hold nothing."""

    def checked(field: str, value: object) -> FieldValue:
        return None if value is None else check(field, value)

    return checked


def array_like(shapes: Mapping[int, Mapping[str, Check]]) -> Check:
    """Return the check of an array that begins with a number, which says what follows it.

    Args:
        shapes: by number, the fields that follow, in wire order.
    """

    def check(field: str, value: object) -> FieldValue:
        if not isinstance(value, list) or not value:
            raise InvalidValue(field, "must be an array that begins with a number")
        number = value[0]
        if isinstance(number, bool) or not isinstance(number, int) or number not in shapes:
            raise InvalidValue(field, "has a number that is not known")
        return [number, *fixed_array(shapes[number])(field, value[1:])]

    return check


def fixed_array(fields: Mapping[str, Check]) -> Callable[[str, object], list[FieldValue]]:
    """Return the check of an array of these fields, in wire order."""

    def check(field: str, value: object) -> list[FieldValue]:
        if not isinstance(value, list) or len(value) != len(fields):
            raise InvalidValue(field, f"must be an array of {len(fields)} fields")
        named = zip(fields.items(), value, strict=True)
        return [one(f"{field}.{name}", part) for (name, one), part in named]

    return check


ADDRESS: Final = bytes_of(20)
HASH: Final = bytes_of(32)
SIGNATURE: Final = bytes_of(64)
AMOUNT: Final = integer_to(AMOUNT_MAX)
TIME: Final = integer_to(TIMESTAMP_MS_MAX)

"""Checks of hostile input fields; each failure names the field."""

from collections.abc import Mapping
from typing import Any

from miner.work import BadInput


def integer(source: Mapping[str, Any], field: str, default: int, low: int, high: int) -> int:
    """Return an integer field within bounds, the default when it is absent.

    Raises:
        BadInput: not an integer, or out of bounds.
    """
    value = source.get(field, default)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadInput(field, "must be an integer")
    if not low <= value <= high:
        raise BadInput(field, f"must be between {low} and {high}")
    return value


def number(source: Mapping[str, Any], field: str, default: float, low: float, high: float) -> float:
    """Return a number field within bounds, the default when it is absent.

    Raises:
        BadInput: not a number, or out of bounds.
    """
    value = source.get(field, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadInput(field, "must be a number")
    if not low <= value <= high:
        raise BadInput(field, f"must be between {low} and {high}")
    return float(value)


def text(source: Mapping[str, Any], field: str, length_max: int) -> str:
    """Return a required text field.

    Raises:
        BadInput: absent, not text, empty, or too long.
    """
    value = source.get(field)
    if not isinstance(value, str) or not value:
        raise BadInput(field, "must be a text that is not empty")
    if len(value) > length_max:
        raise BadInput(field, f"has {len(value)} characters; the most is {length_max}")
    return value


def choice(source: Mapping[str, Any], field: str, default: str, choices: Mapping[str, str]) -> str:
    """Return the value that a closed table has for a field.

    Raises:
        BadInput: not one of the table's keys.
    """
    value = source.get(field, default)
    if not isinstance(value, str) or value.lower() not in choices:
        raise BadInput(field, f"must be one of {', '.join(sorted(choices))}")
    return choices[value.lower()]

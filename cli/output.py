"""How commands show what a node answered: JSON for programs, lines and tables for people."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any


def show_json(value: object) -> None:
    """Print one JSON value on one line."""
    print(json.dumps(value))


def show(answer: Mapping[str, Any], *, as_json: bool, hidden: Sequence[str] = ()) -> None:
    """Print an object: a line for each member that has a value.

    Args:
        answer: the object.
        as_json: whether a program reads it.
        hidden: members that people do not need.
    """
    if as_json:
        show_json(answer)
        return
    for name, value in answer.items():
        if value is not None and name not in hidden:
            print(f"{name.replace('_', ' '):<20} {_text(value)}")


def show_table(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool, none: str
) -> None:
    """Print a list: a line for each object.

    Args:
        rows: the objects.
        columns: members that people need, in order.
        as_json: whether a program reads it; then all members of all objects, in one array.
        none: what people are told where there are no rows.
    """
    if as_json:
        show_json(list(rows))
        return
    if not rows:
        print(none)
        return
    cells = [[_text(row.get(name)) for name in columns] for row in rows]
    heads = [name.replace("_", " ") for name in columns]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    for line in (heads, *cells):
        parts = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(parts).rstrip())


def _text(value: object) -> str:
    """Return a member as people read it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        # Amounts may be small; nobody reads 3.5e-06 as one.
        return format(Decimal(str(value)), "f")
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return str(value)

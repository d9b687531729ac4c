"""Conditions that queries of the index share: pages by key, ids by prefix."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from sqlalchemy import Column, ColumnElement, Connection, Row, Select

from ledger.store.columns import (
    ENTRIES_MAX,
    height_in_range,
    id_prefix,
    pack_bound,
    pack_position,
    prefix_range,
)
from ledger.types import Height

PAGE_MAX: Final = 1_000
"""Most rows that a query returns, whatever `limit` says."""

FIND_DIGITS_MIN: Final = 6
"""Fewer hex digits than this would match too much to be a search for an id."""

Before = tuple[int, int] | None
"""Position of the previous page's last row; None for the first page."""

# Drivers return untyped values. The tables are STRICT, so a column's values have its type.
AnyRow = Row[*tuple[Any, ...]]
AnySelect = Select[*tuple[Any, ...]]
AnyColumn = Column[Any]

ModelT = TypeVar("ModelT")


def page_size(limit: int) -> int:
    """Return a number of rows between 0 and `PAGE_MAX`."""
    return max(0, min(limit, PAGE_MAX))


def paged(query: AnySelect, key: AnyColumn, before: Before, limit: int) -> AnySelect:
    """Return the part of a query that lies below a position, newest first."""
    if before is not None:
        query = query.where(key < pack_bound(*before))
    return query.order_by(key.desc()).limit(page_size(limit))


def of_block(query: AnySelect, key: AnyColumn, height: Height | None) -> AnySelect:
    """Restrict a query to one block's positions, if a height is given."""
    if height is None:
        return query
    first = pack_position(height, 0) if height_in_range(height) else -ENTRIES_MAX
    return query.where(key.between(first, first + ENTRIES_MAX - 1))


def has_id(prefix: AnyColumn, full: AnyColumn, object_id: bytes) -> ColumnElement[bool]:
    """Return the condition that a row has an id: found by prefix, compared in full (S12)."""
    return (prefix == id_prefix(object_id)) & (full == object_id)


def id_starts(prefix: AnyColumn, full: AnyColumn, digits: str) -> ColumnElement[bool]:
    """Return the condition that a row's id of 32 bytes starts with lower-case hex digits."""
    least, greatest = (bytes.fromhex(digits.ljust(64, pad)) for pad in "0f")
    return prefix.between(*prefix_range(digits[:16])) & full.between(least, greatest)


def fetch(
    connection: Connection, query: AnySelect, model: Callable[[AnyRow], ModelT]
) -> list[ModelT]:
    """Return the rows of a query as read models."""
    return [model(row) for row in connection.execute(query)]

"""Writing and finding many rows with few statements.

A thread that writes beside a busy main thread pays for each return to the interpreter: one
statement of 4,000 rows costs about its work, 4,000 statements cost seconds. For SQLite a statement
names each value; statements come in sizes of powers of two, so that the driver's cache of compiled
statements holds them all. PostgreSQL is given one array a column, and one statement fits any
number of rows.

Statements are text for the driver, made once: an index that follows block by block would spend more
on having SQLAlchemy make them than the engine on doing what they say.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Final, NamedTuple, cast

from sqlalchemy import Column, Connection, Table

from ledger.store.backend import POSTGRESQL
from ledger.store.columns import WideInt, wide_bytes, wide_number

Value = bytes | str | int | None
Row = tuple[Value, ...]

_VARIABLES_MAX: Final = 32_766
"""SQLite's default limit of parameters of a statement; PostgreSQL's is twice that."""

_ARRAY_MAX: Final = 16_384
"""Rows of one statement with arrays; bounds the memory that it takes on both sides."""


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows whose values are in the order of the table's columns."""
    _write(connection, table, rows, "")


def upsert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows, or replace those that have their primary key; no key stands twice in `rows`."""
    _write(connection, table, rows, _replacing(table))


def add_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Add the values of rows to those that have their primary key; no key stands twice in `rows`.

    All columns outside the key are numbers of 64 bits. A row whose key is new is inserted.
    """
    _write(connection, table, rows, _adding(table))


def find_rows(
    connection: Connection, column: Column[bytes] | Column[int], values: Sequence[Value]
) -> list[Row]:
    """Return the rows of a table whose column has one of the values, in any order."""
    table = column.table
    assert isinstance(table, Table)
    shape = _shape_of(table)
    where = f"SELECT {', '.join(shape.names)} FROM {table.name} WHERE {column.name}"  # noqa: S608 - names of our tables
    found: list[Row] = []
    for part in chunked(values):
        if connection.dialect.name == POSTGRESQL:
            array = column.type.compile(connection.dialect)
            result = connection.exec_driver_sql(f"{where} = ANY(%s::{array}[])", (list(part),))
        else:
            # The last one again and again, up to a power of two: see above.
            marks = 1 << (len(part) - 1).bit_length()
            values_marked = (*part, *[part[-1]] * (marks - len(part)))
            result = connection.exec_driver_sql(f"{where} IN ({_marks(marks)})", values_marked)
        found += cast("Sequence[Row]", result.all())
    return [_with_numbers(row, shape.wide) for row in found] if shape.wide else found


def delete_rows(connection: Connection, column: Column[bytes], values: Sequence[bytes]) -> None:
    """Delete the rows whose column has one of the values."""
    where = f"DELETE FROM {column.table} WHERE {column.name}"  # noqa: S608 - names of our tables
    for part in chunked(values):
        if connection.dialect.name == POSTGRESQL:
            connection.exec_driver_sql(f"{where} = ANY(%s)", (list(part),))
        else:
            marks = ", ".join("?" * len(part))
            connection.exec_driver_sql(f"{where} IN ({marks})", tuple(part))


def chunked(values: Sequence[Value]) -> Iterator[Sequence[Value]]:
    """Yield parts that are small enough to be the parameters of one statement."""
    for start in range(0, len(values), _VARIABLES_MAX // 2):
        yield values[start : start + _VARIABLES_MAX // 2]


class _Shape(NamedTuple):
    """What statements ask of a table again and again."""

    names: tuple[str, ...]
    """Its columns, in order."""
    wide: tuple[int, ...]
    """Places of those that are a `WideInt`."""
    keys: str
    """Those of the primary key, as text."""
    others: tuple[str, ...]
    """All others."""


@lru_cache(maxsize=256)
def _shape_of(table: Table) -> _Shape:
    return _Shape(
        names=tuple(column.name for column in table.columns),
        wide=tuple(at for at, each in enumerate(table.columns) if isinstance(each.type, WideInt)),
        keys=", ".join(column.name for column in table.primary_key),
        others=tuple(column.name for column in table.columns if not column.primary_key),
    )


def _replacing(table: Table) -> str:
    """Return what makes an insertion replace rows."""
    shape = _shape_of(table)
    changes = ", ".join(f"{name} = excluded.{name}" for name in shape.others)
    return f" ON CONFLICT ({shape.keys}) DO UPDATE SET {changes}"


def _adding(table: Table) -> str:
    """Return what makes an insertion add to rows."""
    shape = _shape_of(table)
    sums = ", ".join(f"{name} = {table.name}.{name} + excluded.{name}" for name in shape.others)
    return f" ON CONFLICT ({shape.keys}) DO UPDATE SET {sums}"


def _write(connection: Connection, table: Table, rows: Sequence[Row], suffix: str) -> None:
    if not rows:
        return
    names, wide, _, _ = _shape_of(table)
    if wide:
        rows = [_with_wide(row, wide) for row in rows]
    if connection.dialect.name == POSTGRESQL:
        types = tuple(column.type.compile(connection.dialect) for column in table.columns)
        statement = _statement_of_arrays(table.name, names, types, suffix)
        for start in range(0, len(rows), _ARRAY_MAX):
            columns = zip(*rows[start : start + _ARRAY_MAX], strict=True)
            connection.exec_driver_sql(statement, tuple(map(list, columns)))
        return
    start = 0
    while start < len(rows):
        size = min(_floor_power(len(rows) - start), _floor_power(_VARIABLES_MAX // len(names)))
        statement = _statement_of_values(table.name, names, size, suffix)
        part = rows[start : start + size]
        connection.exec_driver_sql(statement, tuple(chain.from_iterable(part)))
        start += size


def _with_wide(row: Row, places: Sequence[int]) -> Row:
    """Return a row as it is stored, of one that has integers at some places."""
    stored = list(row)
    for at in places:
        value = stored[at]
        assert isinstance(value, int)
        stored[at] = wide_bytes(value)
    return tuple(stored)


def _with_numbers(row: Row, places: Sequence[int]) -> Row:
    """Return a row with integers at some places, of one as it is stored."""
    read = list(row)
    for at in places:
        value = read[at]
        assert isinstance(value, bytes)
        read[at] = wide_number(value)
    return tuple(read)


@lru_cache(maxsize=16)
def _marks(count: int) -> str:
    return ", ".join(["?"] * count)


@lru_cache(maxsize=256)
def _statement_of_values(table: str, columns: tuple[str, ...], rows: int, suffix: str) -> str:
    row = f"({', '.join(['?'] * len(columns))})"
    names = ", ".join(columns)
    return f"INSERT INTO {table} ({names}) VALUES {', '.join([row] * rows)}{suffix}"  # noqa: S608 - names of our tables


def _statement_of_arrays(
    table: str, columns: tuple[str, ...], types: tuple[str, ...], suffix: str
) -> str:
    names = ", ".join(columns)
    arrays = ", ".join(f"%s::{each}[]" for each in types)
    return f"INSERT INTO {table} ({names}) SELECT * FROM unnest({arrays}){suffix}"  # noqa: S608 - names of our tables


def _floor_power(number: int) -> int:
    """Return the largest power of two that is not above a positive number."""
    return 1 << (number.bit_length() - 1)

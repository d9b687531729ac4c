"""Writing many rows with few statements.

A thread that writes beside a busy main thread pays for each return to the interpreter: one
statement of 4,000 rows costs about its work, 4,000 statements cost seconds. Statements come in
sizes of powers of two, so that the driver's cache of compiled statements holds them all.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Final

from sqlalchemy import Connection, Table

Value = bytes | str | int | None
Row = tuple[Value, ...]

_VARIABLES_MAX: Final = 32_766
"""SQLite's default limit of parameters of a statement; PostgreSQL's is twice that."""


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows whose values are in the order of the table's columns."""
    _write(connection, table, rows, "")


def upsert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows, or replace those that have their primary key."""
    keys = ", ".join(column.name for column in table.primary_key)
    others = [column.name for column in table.columns if not column.primary_key]
    changes = ", ".join(f"{name} = excluded.{name}" for name in others)
    _write(connection, table, rows, f" ON CONFLICT ({keys}) DO UPDATE SET {changes}")


def chunked(values: Sequence[Value]) -> Iterator[Sequence[Value]]:
    """Yield parts that are small enough to be the parameters of one statement."""
    for start in range(0, len(values), _VARIABLES_MAX // 2):
        yield values[start : start + _VARIABLES_MAX // 2]


def _write(connection: Connection, table: Table, rows: Sequence[Row], suffix: str) -> None:
    width = len(table.columns)
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    start = 0
    while start < len(rows):
        size = min(_floor_power(len(rows) - start), _floor_power(_VARIABLES_MAX // width))
        columns = tuple(column.name for column in table.columns)
        statement = _statement(table.name, columns, size, suffix, mark)
        part = rows[start : start + size]
        connection.exec_driver_sql(statement, tuple(chain.from_iterable(part)))
        start += size


@lru_cache(maxsize=256)
def _statement(table: str, columns: tuple[str, ...], rows: int, suffix: str, mark: str) -> str:
    row = f"({', '.join([mark] * len(columns))})"
    names = ", ".join(columns)
    return f"INSERT INTO {table} ({names}) VALUES {', '.join([row] * rows)}{suffix}"  # noqa: S608 - names of our tables


def _floor_power(number: int) -> int:
    """Return the largest power of two that is not above a positive number."""
    return 1 << (number.bit_length() - 1)

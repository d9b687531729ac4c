"""Statements about any number of rows: run for so many of them at a time as a statement takes."""

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Final, TypeVar, TypeVarTuple

from sqlalchemy import Connection, Row
from sqlalchemy.sql.selectable import TypedReturnsRows

ValueT = TypeVar("ValueT", bytes, str)
ColumnTs = TypeVarTuple("ColumnTs")

VALUES_MAX: Final = 10_000
"""Values of one statement: SQLite takes 32,766 parameters by default, PostgreSQL 65,535."""


def in_parts(values: Collection[ValueT]) -> Iterator[Sequence[ValueT]]:
    """Yield the values, as many at a time as one statement takes; none of no values."""
    left = iter(values)
    while part := list(islice(left, VALUES_MAX)):
        yield part


def rows_of(
    connection: Connection,
    statement: TypedReturnsRows[*ColumnTs],
    name: str,
    values: Collection[ValueT],
) -> list[Row[*ColumnTs]]:
    """Return the rows of a statement for all values of its expanding parameter, called `name`.

    The statement's order is that of the rows of one part only: what is put in order has to belong
    to one value.
    """
    return [
        row
        for part in in_parts(values)
        for row in connection.execute(statement, {name: part}).all()
    ]

"""Which index a statement is not to use.

SQLite counts no rows: of two columns that have an index it takes the one of which fewer values are
asked for, even if it finds half of the table by it.
"""

from typing import Any

from sqlalchemy import ColumnElement, func, literal_column


def unindexed(column: ColumnElement[str]) -> ColumnElement[Any]:
    """Return what equals a column and is found by none of its indexes.

    For a condition that says little of rows that another condition finds, such as the state of
    those with an id.

    Args:
        column: holds texts, and is never NULL.
    """
    return func.coalesce(column, literal_column("''"))

"""Prepared statements about any number of values, such as the jobs of a block.

SQLAlchemy writes the text of such a statement anew for each run, with a parameter for each value:
most of what the run costs. Here a text is made for each power of two; the last value fills the
places that are left, which changes nothing in a set.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import BindParameter, ClauseElement, Connection, bindparam

from coordinator.database.prepared import Found, Prepared, Value

ValueT = TypeVar("ValueT", bytes, str)

VALUES_MAX: Final = 256
"""Values of one statement; of more there are several statements, one after the other."""

_NAMES: Final = [f"listed_{number}" for number in range(VALUES_MAX)]


class Listed:
    """A statement with a list of values; made once, as `Prepared`, and used as that is.

    The statement's order is that of the rows of one part only: what is put in order has to belong
    to one value.
    """

    def __init__(self, make: Callable[[Sequence[BindParameter[Any]]], ClauseElement]) -> None:
        """Prepare a statement.

        Args:
            make: returns the statement whose `in_` is given these parameters.
        """
        self._make = make
        self._of_size: dict[int, Prepared] = {}

    def all(
        self, connection: Connection, listed: Collection[ValueT], **values: Value
    ) -> list[Found]:
        """Return the rows for all listed values; none of no values."""
        rows: list[Found] = []
        for statement, given in self._parts(listed):
            rows += statement.all(connection, **given, **values)
        return rows

    def run(self, connection: Connection, listed: Collection[ValueT], **values: Value) -> int:
        """Run it for all listed values; return how many rows it changed."""
        return sum(
            statement.run(connection, **given, **values) for statement, given in self._parts(listed)
        )

    def _parts(self, listed: Collection[ValueT]) -> Iterator[tuple[Prepared, dict[str, ValueT]]]:
        left = iter(listed)
        while part := list(islice(left, VALUES_MAX)):
            size = 1 << (len(part) - 1).bit_length()
            part += part[-1:] * (size - len(part))
            yield self._for(size), dict(zip(_NAMES, part, strict=False))

    def _for(self, size: int) -> Prepared:
        statement = self._of_size.get(size)
        if statement is None:
            statement = Prepared(self._make([bindparam(name) for name in _NAMES[:size]]))
            self._of_size[size] = statement
        return statement

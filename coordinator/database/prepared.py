"""Statements that run many times a second: compiled once, then handed to the driver as they are.

To find the text of a statement, to wrap its parameters and its result costs SQLAlchemy several
times what the database needs to run it. What a statement says is the same here as there.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final, TypeAlias, TypeVar, cast

from sqlalchemy import ClauseElement, ColumnElement, Connection, Row, Select, UpdateBase, literal
from sqlalchemy.engine import Dialect, result_tuple
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.sql.compiler import SQLCompiler

Value: TypeAlias = int | str | bytes | bool | None
"""What a parameter may be: the driver takes it as it is."""

Found: TypeAlias = Row[tuple[object, ...]]
"""A row, its values named as the statement's columns are."""

_SEVERAL: Final = 2
"""Names for which `itemgetter` returns a tuple."""

ValueT = TypeVar("ValueT", str, int)

_MakeRow: TypeAlias = Callable[[Iterable[object]], Found]
_Convert: TypeAlias = Callable[[object], object]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A statement for one kind of database."""

    text: str
    """What the driver is given."""
    in_order: Callable[[Mapping[str, Value]], Sequence[Value]] | None
    """Returns the parameters by their place; None where the driver takes them by name."""
    constants: Mapping[str, Value]
    """Values that the statement itself names."""

    def parameters(self, values: Mapping[str, Value]) -> Mapping[str, Value] | Sequence[Value]:
        """Return the parameters as the driver takes them."""
        named = {**self.constants, **values} if self.constants else values
        return named if self.in_order is None else self.in_order(named)


class Prepared:
    """A statement; made once, when its module is imported, and safe to use from several threads.

    Its parameters are given by name, each with a value that the driver takes: enumerations by
    their value. It has no expanding parameters, such as those of `in_` with a list; where the
    statement itself names the values, `one_of` stands for it, and for any number of values there
    is `coordinator.database.listed`.
    """

    def __init__(self, statement: ClauseElement, columns: Sequence[str] | None = None) -> None:
        """Prepare a statement.

        Args:
            statement: with `bindparam`s for what differs from run to run. An insert is `inline()`:
                nothing of it comes back, and defaults are the database's.
            columns: what an insert or update is given, by name; the others get their defaults.
        """
        self._statement = statement
        self._columns: Final = None if columns is None else list(columns)
        self._compiled: dict[str, _Compiled] = {}
        self._made: dict[str, tuple[_MakeRow, tuple[tuple[int, _Convert], ...]]] = {}

    def run(self, connection: Connection, **values: Value) -> int:
        """Run it; return how many rows it changed."""
        return self._execute(connection, values).rowcount

    def all(self, connection: Connection, **values: Value) -> list[Found]:
        """Return all rows."""
        cursor = self._execute(connection, values)
        make, converts = self._rows_of(connection.dialect, cursor)
        fetched = cast("Sequence[Sequence[object]]", cursor.fetchall())
        return [make(_converted(row, converts) if converts else row) for row in fetched]

    def run_all(self, connection: Connection, rows: Sequence[Mapping[str, Value]]) -> None:
        """Run it once for each of some sets of parameters, which all have the same names."""
        if not rows:
            return
        compiled = self._compiled_for(connection)
        cursor = connection.connection.cursor()
        given = [compiled.parameters(row) for row in rows]
        cursor.executemany(compiled.text, cast("Sequence[Sequence[Value]]", given))

    def one_or_none(self, connection: Connection, **values: Value) -> Found | None:
        """Return the row, None if there is none; there is at most one."""
        found = self.all(connection, **values)
        assert len(found) <= 1, "the statement finds at most one row"
        return found[0] if found else None

    def one(self, connection: Connection, **values: Value) -> Found:
        """Return the row; there is exactly one."""
        (found,) = self.all(connection, **values)
        return found

    def _execute(self, connection: Connection, values: Mapping[str, Value]) -> DBAPICursor:
        compiled = self._compiled_for(connection)
        cursor = connection.connection.cursor()
        cursor.execute(compiled.text, compiled.parameters(values))
        return cursor

    def _compiled_for(self, connection: Connection) -> _Compiled:
        if not connection.in_transaction():
            # What follows belongs to one transaction, as with statements that are run otherwise.
            connection.begin()
        compiled = self._compiled.get(connection.dialect.name)
        return self._compile(connection.dialect) if compiled is None else compiled

    def _compile(self, dialect: Dialect) -> _Compiled:
        compiler = self._statement.compile(dialect=dialect, column_keys=self._columns)
        assert isinstance(compiler, SQLCompiler)
        assert not compiler.post_compile_params, "each run would have a text of its own"
        in_order = _in_order(compiler.positiontup or ()) if compiler.positional else None
        constants = {name: value for name, value in compiler.params.items() if value is not None}
        compiled = _Compiled(str(compiler), in_order, constants)
        self._compiled[dialect.name] = compiled
        return compiled

    def _rows_of(
        self, dialect: Dialect, cursor: DBAPICursor
    ) -> tuple[_MakeRow, tuple[tuple[int, _Convert], ...]]:
        """Return what makes a row of a fetched one, and what converts some of its values."""
        made = self._made.get(dialect.name)
        if made is None:
            assert isinstance(self._statement, Select | UpdateBase), "nothing else has rows"
            columns = list(self._statement.exported_columns)
            names = [column.key or column.name for column in columns]
            assert len(set(names)) == len(names), "columns of one name have labels"
            converts = [
                (place, column.type.dialect_impl(dialect).result_processor(dialect, told[1]))
                for place, (column, told) in enumerate(
                    zip(columns, cursor.description, strict=True)
                )
            ]
            needed = tuple((place, convert) for place, convert in converts if convert is not None)
            made = (result_tuple(names), needed)
            self._made[dialect.name] = made
        return made


def one_of(column: ColumnElement[ValueT], values: Iterable[ValueT]) -> ColumnElement[bool]:
    """Return the condition that a column has one of some values, for a statement to prepare."""
    return column.in_([literal(value) for value in values])


def _in_order(names: Sequence[str]) -> Callable[[Mapping[str, Value]], Sequence[Value]]:
    """Return what puts values in the order of these names."""
    if len(names) < _SEVERAL:
        return lambda values: [values[name] for name in names]
    return itemgetter(*names)


def _converted(row: Sequence[object], converts: Sequence[tuple[int, _Convert]]) -> Sequence[object]:
    """Return a fetched row with the values that the columns' types make of the driver's."""
    values = list(row)
    for place, convert in converts:
        values[place] = convert(values[place])
    return values

"""How often tables were written to, for those who remember what they read of them."""

from collections import Counter
from typing import Final

from sqlalchemy import Connection

_KEY: Final = "coordinator.versions"


class TableVersions:
    """Versions of tables: the writing thread notes what it touches, others ask."""

    def __init__(self) -> None:
        """Begin with tables that nobody has touched."""
        self._touched: set[str] = set()
        self._counts: Counter[str] = Counter()

    def of(self, table: str) -> int | None:
        """Return a number that stays the same for as long as the table does, see `touch`.

        It is None from the moment at which a write touches the table until that is durable, or
        undone. What was read after this was asked for is what a read would find, if it is the same
        later.
        """
        return None if table in self._touched else self._counts[table]

    def watch(self, connection: Connection) -> None:
        """Let `touch` know where to note what is written with this connection."""
        connection.info[_KEY] = self

    def touched(self, table: str) -> None:
        """Note that the write under way changes a table."""
        self._touched.add(table)

    def settle(self) -> None:
        """Note that all that was touched is durable, or as it was before."""
        self._counts.update(self._touched)
        self._touched.clear()


def touch(connection: Connection, table: str) -> None:
    """Note, before writing to a table, that what is remembered of it is no longer right.

    For tables of which something is remembered by `Database.version_of`.
    """
    versions = connection.info.get(_KEY)
    if versions is not None:
        assert isinstance(versions, TableVersions)
        versions.touched(table)

"""What a kind of database has to be for `engine.Database`, and what all kinds have in common."""

from typing import Final, Protocol

from sqlalchemy import Connection, Engine

from ledger.store.errors import StoreError

SQLITE: Final = "sqlite"
"""Name of an engine, as `Connection.dialect.name` has it."""

POSTGRESQL: Final = "postgresql"
"""Name of an engine, as `Connection.dialect.name` has it."""

BUSY_TIMEOUT_S: Final = 10.0
"""How long a statement waits for another process's lock, and a reader for a free connection."""

READERS_MAX: Final = 8
"""Reading connections kept."""


class Backend(Protocol):
    """One kind of database: its connections and its errors."""

    name: str
    """What messages call the database; tells no secrets."""
    writer: Engine
    """Of one connection, in transactions that hold the write lock."""
    reader: Engine
    """Of several connections, each transaction on one unchanging state."""
    driver_errors: tuple[type[Exception], ...]
    """What the driver raises besides SQLAlchemy."""

    def exists(self) -> bool:
        """Return whether somebody has made the database; tables are another matter."""

    def claim(self) -> None:
        """Become the one process that writes, until `Database.close`."""

    def renew(self, connection: Connection) -> None:
        """Let a reading connection that is in a transaction see what was written since."""

    def truncate_log(self) -> bool:
        """Leave nothing of deleted rows in the log of changes; return whether that was possible."""

    def copy_log(self) -> None:
        """Copy what the log of changes holds into the tables' own pages, where that is our work."""

    def give_space_back(self) -> None:
        """Return what deleted rows left to the file system, as far as that is bounded work."""

    def failure(self, error: Exception) -> StoreError:
        """Return what an exception of the driver means; the text says what to do."""

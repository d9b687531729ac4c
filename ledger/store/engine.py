"""Engines: how this program talks to its databases.

A database has one writing connection and a pool of reading ones, so that a page that somebody
reads never stands in the way of a block (in WAL mode neither waits for the other). Transactions are
explicit: a writer takes the write lock when it begins, and cannot fail halfway for want of it.

SQLite is what runs today. The tables and statements keep to what PostgreSQL can do as well.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from ledger.store.errors import StoreFailed, StoreMissing, StoreUnreadable, StoreUrlInvalid

BUSY_TIMEOUT_S: Final = 10.0
"""How long a writer waits for another process's write lock, and a reader for a free connection."""

READERS_MAX: Final = 8
"""Reading connections kept; each holds a page cache."""

CACHE_KIB: Final = 32_768
"""Page cache of a connection; the upper levels of an index of 10^7 rows fit."""

FREED_PAGES_MAX: Final = 4_096
"""Pages, of 4 KiB, that one transaction gives back; bounds how long the writer is held."""

SQLITE_VERSION_MIN: Final = (3, 37, 0)
"""First version with STRICT tables."""

_UNREADABLE: Final = ("file is not a database", "malformed", "unsupported file format")


class Database:
    """One database: a writing and a reading engine over the same URL."""

    def __init__(self, url: str, *, durable: bool = True, create: bool = True) -> None:
        """Prepare the engines; connections are opened when needed.

        Args:
            url: SQLAlchemy URL, ``sqlite:///`` and a path.
            durable: whether a commit survives power loss when it returns. Without it the newest
                commits may be lost together, but what is left is consistent.
            create: whether to make the file if there is none.

        Raises:
            StoreUrlInvalid: no URL of a supported database, or its folder does not exist.
            StoreMissing: there is no file, and `create` is not set.
        """
        parsed = _check_url(url)
        self.name = str(parsed.database)
        """The file, for messages."""
        if not create and not Path(self.name).exists():
            raise StoreMissing(f"{self.name} does not exist; start the node that writes it first")
        self._writer = _engine(parsed, 1, "BEGIN IMMEDIATE", _writer_settings(durable=durable))
        self._reader = _engine(parsed, READERS_MAX, "BEGIN", _READER_SETTINGS)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection in a write transaction; commit at the end, roll back on an exception.

        Raises:
            StoreFailed: the database failed (disk full, I/O error). Nothing of this transaction
                may be reported as stored; stop, and recover by opening the store anew.
            StoreUnreadable: the file is no database, or a damaged one.
        """
        with self._translated(), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one unchanging state of the database.

        Raises:
            StoreFailed, StoreUnreadable: as `writing`.
        """
        with self._translated(), self._reader.connect() as connection:
            yield connection

    def give_space_back(self) -> None:
        """Return pages that deleted rows left to the file system, a bounded number of them.

        For the writing thread, outside of a transaction. The file gets shorter when the log has
        been copied into it.

        Raises:
            StoreFailed: as `writing`.
        """
        with self._translated():
            pooled = self._writer.raw_connection()
            try:
                raw = pooled.driver_connection
                assert isinstance(raw, sqlite3.Connection)
                # A script runs the statement to its end; `execute` frees a single page.
                raw.executescript(f"PRAGMA incremental_vacuum({FREED_PAGES_MAX})")
            finally:
                pooled.close()

    def close(self) -> None:
        """Close all connections; call it when no transaction is open."""
        self._reader.dispose()
        self._writer.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn the driver's exceptions into errors of the store that name the file."""
        try:
            yield
        except (DBAPIError, sqlite3.Error) as error:
            reason = str(error.orig if isinstance(error, DBAPIError) else error)
            if any(text in reason for text in _UNREADABLE):
                raise StoreUnreadable(
                    f"{self.name} cannot be read ({reason}); "
                    "restore it from a copy, or move it away and let the node build it again"
                ) from error
            raise StoreFailed(f"{self.name}: {reason}") from error
        except PoolExhausted as error:
            raise StoreFailed(f"{self.name}: all connections are in use") from error


def _check_url(url: str) -> URL:
    """Return the parsed URL of a database that this version can use."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreUrlInvalid(
            f"{url!r} is no database URL; write sqlite:////path/to/file"
        ) from None
    if parsed.get_backend_name() != "sqlite":
        raise StoreUrlInvalid(
            f"{parsed.get_backend_name()} is not supported by this version; write sqlite:////path"
        )
    if sqlite3.sqlite_version_info < SQLITE_VERSION_MIN:
        raise StoreUrlInvalid(
            f"SQLite {sqlite3.sqlite_version} is too old; 3.37 or later is needed"
        )
    path = parsed.database
    if not path or path == ":memory:" or path.startswith("file:"):
        raise StoreUrlInvalid("a store needs a file of its own; write sqlite:////path/to/file")
    if not Path(path).parent.is_dir():
        raise StoreUrlInvalid(f"the folder {Path(path).parent} does not exist; make it first")
    return parsed


def _engine(url: URL, connections: int, begin: str, settings: tuple[str, ...]) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=BUSY_TIMEOUT_S,
        # The pool hands a connection to one thread at a time, which is all that SQLite asks for.
        connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
        # The driver's own idea of when transactions begin is switched off; `start` begins them.
        connection.isolation_level = None
        for setting in settings:
            connection.execute(f"PRAGMA {setting}")

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


_SETTINGS: Final = (
    "foreign_keys = ON",
    # A hostile database file must not run functions of its choice.
    "trusted_schema = OFF",
    "temp_store = MEMORY",
    f"cache_size = -{CACHE_KIB}",
)

_READER_SETTINGS: Final = (*_SETTINGS, "query_only = ON")


def _writer_settings(*, durable: bool) -> tuple[str, ...]:
    return (
        *_SETTINGS,
        # Takes effect when the file is made: pruned pages can go back to the file system.
        "auto_vacuum = INCREMENTAL",
        "journal_mode = WAL",
        # FULL syncs the log at each commit; NORMAL when the log is copied into the file.
        f"synchronous = {'FULL' if durable else 'NORMAL'}",
        # Some systems overwrite deleted rows with zeros by default. Nothing here is secret.
        "secure_delete = OFF",
    )

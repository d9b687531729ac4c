"""SQLite: a file of one's own, in WAL mode, in which neither readers nor the writer wait."""

import sqlite3
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from ledger.store.backend import BUSY_TIMEOUT_S, READERS_MAX
from ledger.store.errors import StoreError, StoreFailed, StoreUnreadable, StoreUrlInvalid

CACHE_KIB: Final = 32_768
"""Page cache of each connection; the upper levels of an index of 10^7 rows fit."""

FREED_PAGES_MAX: Final = 4_096
"""Pages, of 4 KiB, that one transaction gives back; bounds how long the writer is held."""

VERSION_MIN: Final = (3, 37, 0)
"""First version with STRICT tables."""

STATEMENTS_KEPT: Final = 512
"""Statements that a connection keeps as SQLite has parsed them; a coordinator's writer runs over a
hundred, again and again, and the driver keeps 128 by itself."""

LOG_PAGES: Final = 1_000
"""Pages in the log at which a commit copies it into the file; SQLite's own default."""

LOG_PAGES_LONG: Final = 8_192
"""The same where commits are not synced, which halves the writing of an index, or where the owner
copies the log between commits: 32 MiB."""

_UNREADABLE: Final = ("file is not a database", "malformed", "unsupported file format")


class SqliteBackend:
    """A database in a file."""

    driver_errors: tuple[type[Exception], ...] = (sqlite3.Error,)
    """See `Backend`."""

    def __init__(
        self, url: URL, *, durable: bool, forgets: bool = False, copies_log: bool = False
    ) -> None:
        """Prepare the engines; see `engine.Database`.

        Raises:
            StoreUrlInvalid: no file of its own, or its folder does not exist.
        """
        self.name = str(_path_of(url))
        log_pages = LOG_PAGES if durable and not copies_log else LOG_PAGES_LONG
        settings = _writer_settings(log_pages, durable=durable, forgets=forgets)
        self.writer = _engine(url, 1, "BEGIN IMMEDIATE", settings)
        self.reader = _engine(url, READERS_MAX, "BEGIN", _READER_SETTINGS)

    def exists(self) -> bool:
        """Return whether there is a file."""
        return Path(self.name).exists()

    def claim(self) -> None:
        """Do nothing: each transaction takes the file's lock."""

    def renew(self, connection: Connection) -> None:
        """End the transaction and begin another; it holds no state before its first statement."""
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        raw.execute("ROLLBACK")
        raw.execute("BEGIN")

    def truncate_log(self) -> bool:
        """Copy the log into the file and empty it, unless somebody reads an older state."""
        pooled = self.writer.raw_connection()
        try:
            raw = pooled.driver_connection
            assert isinstance(raw, sqlite3.Connection)
            # Whoever reads is not waited for: the writer's next transaction must not wait either.
            raw.execute("PRAGMA busy_timeout = 0")
            (is_busy, _, _) = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            raw.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1_000)}")
        finally:
            pooled.close()
        return not is_busy

    def copy_log(self) -> None:
        """Copy the log into the file as far as nobody reads an older state; nobody is waited for.

        What is in the log is durable, and stays there until the file is synced.
        """
        pooled = self.writer.raw_connection()
        try:
            raw = pooled.driver_connection
            assert isinstance(raw, sqlite3.Connection)
            raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        finally:
            pooled.close()

    def give_space_back(self) -> None:
        """Cut free pages off; the file gets shorter when the log has been copied into it."""
        pooled = self.writer.raw_connection()
        try:
            raw = pooled.driver_connection
            assert isinstance(raw, sqlite3.Connection)
            # A script runs the statement to its end; `execute` frees a single page.
            raw.executescript(f"PRAGMA incremental_vacuum({FREED_PAGES_MAX})")
        finally:
            pooled.close()

    def failure(self, error: Exception) -> StoreError:
        """Return `StoreUnreadable` for a file that is no database, `StoreFailed` for the rest."""
        reason = str(error.orig if isinstance(error, DBAPIError) else error)
        if any(text in reason for text in _UNREADABLE):
            return StoreUnreadable(
                f"{self.name} cannot be read ({reason}); "
                "restore it from a copy, or move it away and let the node build it again"
            )
        return StoreFailed(f"{self.name}: {reason}")


def _path_of(url: URL) -> Path:
    """Return the file that a URL names."""
    if sqlite3.sqlite_version_info < VERSION_MIN:
        raise StoreUrlInvalid(
            f"SQLite {sqlite3.sqlite_version} is too old; 3.37 or later is needed"
        )
    path = url.database
    if not path or path == ":memory:" or path.startswith("file:"):
        raise StoreUrlInvalid("a store needs a file of its own; write sqlite:////path/to/file")
    if not Path(path).parent.is_dir():
        raise StoreUrlInvalid(f"the folder {Path(path).parent} does not exist; make it first")
    return Path(path)


def _engine(url: URL, connections: int, begin: str, settings: tuple[str, ...]) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=BUSY_TIMEOUT_S,
        # The pool hands a connection to one thread at a time, which is all that SQLite asks for.
        connect_args={
            "timeout": BUSY_TIMEOUT_S,
            "check_same_thread": False,
            "cached_statements": STATEMENTS_KEPT,
        },
        # Errors are logged; what was being written is nobody's business there.
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
        # The driver's own idea of when transactions begin is switched off; `start` begins them.
        connection.isolation_level = None
        for setting in settings:
            connection.execute(f"PRAGMA {setting}")

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        # By the driver: SQLAlchemy would take longer for it than small transactions take.
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        raw.execute(begin)

    return engine


_SETTINGS: Final = (
    "foreign_keys = ON",
    # A hostile database file must not run functions of its choice.
    "trusted_schema = OFF",
    "temp_store = MEMORY",
    f"cache_size = -{CACHE_KIB}",
)

_READER_SETTINGS: Final = (*_SETTINGS, "query_only = ON")


def _writer_settings(log_pages: int, *, durable: bool, forgets: bool) -> tuple[str, ...]:
    return (
        *_SETTINGS,
        # Takes effect when the file is made: pruned pages can go back to the file system.
        "auto_vacuum = INCREMENTAL",
        "journal_mode = WAL",
        # FULL syncs the log at each commit; NORMAL when the log is copied into the file.
        f"synchronous = {'FULL' if durable else 'NORMAL'}",
        # A page that many rows change is copied into the file once for all of them.
        f"wal_autocheckpoint = {log_pages}",
        # Some systems overwrite deleted rows with zeros by default. Most of what is deleted is no
        # secret, and that costs writing.
        f"secure_delete = {'ON' if forgets else 'OFF'}",
    )

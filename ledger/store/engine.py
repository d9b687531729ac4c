"""Engines: how this program talks to its databases.

A database has one writing connection and a pool of reading ones, so that a page that somebody
reads never stands in the way of a block. Transactions are explicit. A writer cannot fail halfway
for want of a lock: it takes it when it begins, or holds it as long as it lives.

What differs between SQLite and PostgreSQL is in `sqlite_engine` and `postgresql_engine`, behind
`Backend`; tables and statements are the same.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from ledger.store.backend import POSTGRESQL, SQLITE, Backend
from ledger.store.errors import StoreFailed, StoreMissing, StoreUrlInvalid
from ledger.store.sqlite_engine import SqliteBackend


class Database:
    """One database: a writing and a reading engine over the same URL."""

    def __init__(
        self,
        url: str,
        *,
        durable: bool = True,
        create: bool = True,
        forgets: bool = False,
        copies_log: bool = False,
    ) -> None:
        """Prepare the engines; connections are opened when needed.

        Args:
            url: ``sqlite:////path/to/file`` or ``postgresql://user@host/database?schema=name``;
                see `postgresql_url` for what else may stand in it.
            durable: whether a commit survives power loss when it returns. Without it the newest
                commits may be lost together, but what is left is consistent.
            create: whether to make the file or schema if there is none.
            forgets: whether deleted rows are overwritten in the file; see `truncate_log`.
            copies_log: whether the owner calls `copy_log` now and then; otherwise one commit of
                many does that work besides its own.

        Raises:
            StoreUrlInvalid: no URL of a supported database, or its folder does not exist.
            StoreDriverMissing: its driver is not installed.
            StoreMissing: there is nothing there, and `create` is not set.
        """
        self._backend = _backend(url, durable=durable, forgets=forgets, copies_log=copies_log)
        self.name = self._backend.name
        """The file or the server's database, for messages."""
        if not create:
            with self._translated():
                is_there = self._backend.exists()
            if not is_there:
                self.close()
                raise StoreMissing(f"{self.name} does not exist; start the node that writes it")

    def claim(self) -> None:
        """Become the one process that writes this database; the lock ends with `close`.

        `writing` does it too, when it is first used. On SQLite there is nothing to do: whoever
        writes takes the file's lock for each transaction, and a node locks its folder.

        Raises:
            StoreLocked: another process writes it.
            StoreUnsafe: the server would lose what it confirmed.
            StoreFailed: it cannot be reached.
        """
        with self._translated():
            self._backend.claim()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection in a write transaction; commit at the end, roll back on an exception.

        Raises:
            StoreFailed: the database failed (disk full, I/O error, connection lost). Whether this
                transaction is stored is not known; report nothing of it, stop, and recover by
                opening the store anew.
            StoreUnreadable: the file is no database, or a damaged one.
        """
        with self._translated(), self._backend.writer.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one unchanging state of the database.

        Raises:
            StoreFailed, StoreUnreadable: as `writing`.
        """
        with self._translated(), self._backend.reader.connect() as connection:
            yield connection

    def renew(self, connection: Connection) -> None:
        """Let a connection from `reading` see the newest state from now on.

        Between many small reads: to take a connection, and to begin and end a transaction by
        SQLAlchemy, costs more than they do.
        """
        if connection.in_transaction():
            self._backend.renew(connection)

    def truncate_log(self) -> bool:
        """Leave nothing of deleted rows in the log of changes; return whether that was possible.

        For the writing thread, outside of a transaction. It is not possible while somebody reads
        an older state; try again after a while. A server keeps its log as it is set up to.

        Raises:
            StoreFailed: as `writing`.
        """
        with self._translated():
            return self._backend.truncate_log()

    def copy_log(self) -> None:
        """Copy the log of changes into the file; takes milliseconds for each megabyte.

        For the writing thread, outside of a transaction.

        Raises:
            StoreFailed: as `writing`.
        """
        with self._translated():
            self._backend.copy_log()

    def give_space_back(self) -> None:
        """Return pages that deleted rows left to the file system, a bounded number of them.

        For the writing thread, outside of a transaction.

        Raises:
            StoreFailed: as `writing`.
        """
        with self._translated():
            self._backend.give_space_back()

    def close(self) -> None:
        """Close all connections; call it when no transaction is open."""
        self._backend.reader.dispose()
        self._backend.writer.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn the driver's exceptions into errors of the store that name the database."""
        try:
            yield
        except PoolExhausted as error:
            raise StoreFailed(f"{self.name}: all connections are in use") from error
        except (DBAPIError, PendingRollbackError) as error:
            raise self._backend.failure(error) from error
        except self._backend.driver_errors as error:
            raise self._backend.failure(error) from error


def _backend(url: str, *, durable: bool, forgets: bool, copies_log: bool) -> Backend:
    """Return what serves a URL."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        # The text is not repeated: what is no URL may still hold a password.
        raise StoreUrlInvalid(
            "this is no database URL; write sqlite:////path/to/file or postgresql://user@host/name"
        ) from None
    kind = parsed.get_backend_name()
    if kind == SQLITE:
        return SqliteBackend(parsed, durable=durable, forgets=forgets, copies_log=copies_log)
    if kind == POSTGRESQL:
        # Its driver is an extra that most nodes do not have.
        from ledger.store.postgresql_engine import PostgresqlBackend  # noqa: PLC0415

        return PostgresqlBackend(parsed, durable=durable)
    raise StoreUrlInvalid(
        f"{kind} is not supported; write sqlite:////path/to/file or postgresql://user@host/name"
    )

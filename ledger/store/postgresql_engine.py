"""PostgreSQL: a schema of a server's database, with one process that writes it.

The right to write is an advisory lock of the writing connection itself. Whoever commits therefore
holds the lock: when the connection ends, for whatever reason, the server rolls back what it had
not committed and frees the lock, and this process opens no second one. It stops, and learns what
is stored by opening the store anew.
"""

import hashlib
import os
import socket
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from ledger.store.backend import BUSY_TIMEOUT_S, READERS_MAX
from ledger.store.errors import (
    StoreDriverMissing,
    StoreError,
    StoreFailed,
    StoreLocked,
    StoreUnsafe,
)
from ledger.store.postgresql_url import Target, read_target

try:
    import psycopg
    import psycopg.errors
    from psycopg.abc import Buffer
    from psycopg.types.string import StrDumperUnknown
    from sqlalchemy import URL
except ImportError:  # pragma: no cover - depends on the installation; tested in a process
    raise StoreDriverMissing(
        "PostgreSQL needs a driver that is not installed: "
        "pip install --require-hashes -r requirements/postgresql.txt in a checkout"
    ) from None

VERSION_MIN: Final = 140_000
"""First version, as the server counts them, with all settings below."""

LOCK_WAIT_S: Final = 3.0
"""How long a process waits for its predecessor's lock: the server may still be ending its work."""

_NOT_FLUSHED: Final = ("off", "local", "remote_write")
"""Values of `synchronous_commit` that confirm a commit before all that is configured is flushed."""

_CONNECT: Final = {
    "connect_timeout": 10,
    # A server that vanished is noticed within half a minute, also in the middle of a commit.
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""What libpq is told besides the URL, which comes first."""

_SESSION: Final = {
    "lock_timeout": f"{BUSY_TIMEOUT_S:.0f}s",
    "idle_session_timeout": "0",
    # A client that vanished loses its lock within a minute.
    "tcp_keepalives_idle": "20s",
    "tcp_keepalives_interval": "10s",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "40s",
    "client_connection_check_interval": "10s",
}
"""Settings of every session; those that are meant for a server's other users do not apply."""

_WRITER_SESSION: Final = {"statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}


class PostgresqlBackend:
    """A schema of a database on a server."""

    driver_errors: tuple[type[Exception], ...] = (psycopg.Error,)
    """See `Backend`."""

    def __init__(self, url: URL, *, durable: bool) -> None:
        """Prepare the engines.

        Raises:
            StoreUrlInvalid: the URL cannot be used.
        """
        self._target = read_target(url)
        self._is_durable = durable
        self._was_connected = False
        self.name = self._target.name
        self.writer = self._engine(1, _SESSION | _WRITER_SESSION)
        event.listen(self.writer, "do_connect", self._once)
        event.listen(self.writer, "connect", self._prepare_writer)
        self.reader = self._engine(READERS_MAX, _SESSION, pings=True)
        event.listen(self.reader, "connect", _prepare_reader)

    def exists(self) -> bool:
        """Return whether the schema is there."""
        with self.reader.connect() as connection:
            found = connection.exec_driver_sql("SELECT current_schema()").scalar_one()
            return found is not None

    def claim(self) -> None:
        """Open the writing connection, which takes the lock.

        Raises:
            StoreLocked: another process has it.
            StoreUnsafe: the server is not set to keep what it confirms.
        """
        self.writer.raw_connection().close()

    def renew(self, connection: Connection) -> None:
        """End the transaction; the driver begins another with the next statement."""
        connection.connection.rollback()

    def truncate_log(self) -> bool:
        """Leave it to the server, which removes old versions of rows (autovacuum) and old logs."""
        return True

    def copy_log(self) -> None:
        """Leave it to the server (checkpointer)."""

    def give_space_back(self) -> None:
        """Leave it to the server, which reuses the space of deleted rows (autovacuum)."""

    def failure(self, error: Exception) -> StoreError:
        """Return `StoreFailed` with what the server or libpq said."""
        reason = _reason(error)
        is_invalid = isinstance(error, DBAPIError) and error.connection_invalidated
        # The second: somebody passed the first failure over, and went on in the transaction.
        if is_invalid or isinstance(error, PendingRollbackError):
            return StoreFailed(
                f"{self.name}: connection lost ({reason}); whether the last transaction is stored "
                "is found out when the node starts again"
            )
        is_connecting = isinstance(error, DBAPIError) and error.statement is None
        if is_connecting or isinstance(error, psycopg.OperationalError):
            return StoreFailed(
                f"{self.name} cannot be reached ({reason}); start the server, or correct the URL, "
                "the password file or the rights of the user"
            )
        return StoreFailed(f"{self.name}: {reason}")

    def _engine(self, connections: int, session: dict[str, str], *, pings: bool = False) -> Engine:
        settings = session | {"search_path": self._target.schema}
        engine = create_engine(
            self._target.url,
            poolclass=QueuePool,
            pool_size=connections,
            max_overflow=0,
            pool_timeout=BUSY_TIMEOUT_S,
            hide_parameters=True,
            use_native_hstore=False,
            connect_args={
                "application_name": f"aitbc {self._target.schema} {_process_name()}",
                "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
            },
            # A connection that the server ended since is replaced before it is handed out.
            pool_pre_ping=pings,
        )
        event.listen(engine, "do_connect", self._complete)
        event.listen(engine, "connect", _take_any_text)
        return engine

    def _complete(
        self, _dialect: Dialect, _entry: object, _args: object, parameters: dict[str, Any]
    ) -> None:
        """Add what a connection needs and no URL holds; read anew, so a password may change."""
        for name, value in _CONNECT.items():
            parameters.setdefault(name, value)
        password = self._target.password()
        if password is not None:
            parameters["password"] = password

    def _once(self, *_: object) -> None:
        """Let the writer connect a single time: a second connection would not have the lock."""
        if self._was_connected:
            raise StoreFailed(
                f"{self.name}: the connection that held the write lock is lost; another process "
                "may be writing by now, so this one has to start again"
            )

    def _prepare_writer(
        self, connection: "psycopg.Connection[Any]", _entry: ConnectionPoolEntry
    ) -> None:
        """Check the server, take the lock, make the schema."""
        try:
            connection.autocommit = True
            _require_safe_server(connection, self.name, is_durable=self._is_durable)
            self._take_lock(connection)
            _make_schema(connection, self._target.schema)
            connection.autocommit = False
        except BaseException:
            connection.close()
            raise
        self._was_connected = True

    def _take_lock(self, connection: "psycopg.Connection[Any]") -> None:
        key = _lock_key(self._target)
        connection.execute(f"SET lock_timeout = '{LOCK_WAIT_S * 1_000:.0f}ms'")
        try:
            connection.execute("SELECT pg_advisory_lock(%s)", [key])
        except psycopg.errors.LockNotAvailable:
            raise StoreLocked(
                f"{self.name} is written by another process ({_holder(connection, key)}): two "
                "nodes cannot share a database. Stop the other one, or name another database"
            ) from None
        connection.execute(f"SET lock_timeout = '{_SESSION['lock_timeout']}'")


class _Text(StrDumperUnknown):
    """Writes texts without the one character that PostgreSQL has no place for.

    Texts come from outside. What asks for one with it finds nothing, which is right.
    """

    def dump(self, obj: str) -> Buffer | None:
        """Return the text's bytes."""
        return super().dump(obj.replace("\x00", "\N{REPLACEMENT CHARACTER}"))


def _take_any_text(connection: "psycopg.Connection[Any]", _entry: ConnectionPoolEntry) -> None:
    connection.adapters.register_dumper(str, _Text)


def _prepare_reader(connection: "psycopg.Connection[Any]", _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True


def _require_safe_server(
    connection: "psycopg.Connection[Any]", name: str, *, is_durable: bool
) -> None:
    """Refuse a server that this program cannot rely on, and have commits confirmed as they must."""
    version = connection.info.server_version
    if version < VERSION_MIN:
        raise StoreUnsafe(f"{name}: version {version // 10_000} is too old; 14 is needed")
    if _setting(connection, "server_encoding") != "UTF8":
        raise StoreUnsafe(f"{name} is not encoded in UTF8; make it with ENCODING 'UTF8'")
    for setting in ("fsync", "full_page_writes"):
        if _setting(connection, setting) != "on":
            raise StoreUnsafe(
                f"{name}: the server runs with {setting} = off, so a power cut can destroy what is "
                f"final. Set {setting} = on in postgresql.conf and reload it"
            )
    if not is_durable:
        connection.execute("SET synchronous_commit = off")
    elif _setting(connection, "synchronous_commit") in _NOT_FLUSHED:
        connection.execute("SET synchronous_commit = on")


def _setting(connection: "psycopg.Connection[Any]", name: str) -> str:
    row = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row is not None
    return str(row[0])


def _make_schema(connection: "psycopg.Connection[Any]", schema: str) -> None:
    """Make the schema if it is missing; who may not make schemas has it made beforehand."""
    if connection.execute("SELECT to_regnamespace(%s)", [schema]).fetchone() == (None,):
        connection.execute(
            psycopg.sql.SQL("CREATE SCHEMA {}").format(psycopg.sql.Identifier(schema))
        )


def _lock_key(target: Target) -> int:
    """Return the number of the lock; the server keeps locks apart by database already."""
    digest = hashlib.sha256(b"aitbc writes schema " + target.schema.encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _holder(connection: "psycopg.Connection[Any]", key: int) -> str:
    """Say who holds the lock, as far as this user may see it."""
    unsigned = key % 2**64
    row = connection.execute(
        "SELECT pid, application_name FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE locktype = 'advisory' AND granted AND objsubid = 1"
        " AND classid = %s AND objid = %s AND pg_locks.database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())",
        [unsigned >> 32, unsigned & 0xFFFF_FFFF],
    ).fetchone()
    return "unknown" if row is None else f"server process {row[0]}, {row[1]!r}"


def _process_name() -> str:
    """Return what the server's administrator finds this process by."""
    return f"{socket.gethostname()[:24]} {os.getpid()}"


def _reason(error: Exception) -> str:
    """Return the first line of what was said; details may quote rows."""
    said = error.orig if isinstance(error, DBAPIError) else error
    lines = str(said).strip().splitlines()
    return lines[0] if lines else type(said).__name__

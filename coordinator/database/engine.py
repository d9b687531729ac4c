"""The coordinator's database: one writer, several readers, never on the event loop.

Writes are functions of a connection. One thread runs them, many in one SQL transaction when many
wait, each in a savepoint of its own: one failing does not undo its neighbours, and all of them are
durable before any caller gets its answer (synchronous=FULL).
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

from sqlalchemy import Connection, Engine, Pool, create_engine, event

from coordinator.database.errors import DatabaseClosed
from coordinator.database.schema import upgrade_schema

T = TypeVar("T")

WRITES_PER_COMMIT_MAX: Final = 256
"""Functions that share one commit; bounds how long the first of them waits."""

READERS: Final = 2
"""Threads for reads; WAL lets them read while the writer writes."""

_Write = tuple[Callable[[Connection], object], "Future[object]"]


class Database:
    """An open, migrated database. Close it when done."""

    def __init__(self, url: str) -> None:
        """Open the database at an SQLAlchemy URL and bring its schema up to date.

        Raises:
            DatabaseTooNew: a newer version of this program wrote it; nothing was changed.
        """
        self._write_engine = _engine(url, "BEGIN IMMEDIATE")
        self._read_engine = _engine(url, "BEGIN")
        upgrade_schema(self._write_engine)
        self._is_closed = False
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="coordinator-read")
        self._writer = threading.Thread(
            target=self._write_loop, name="coordinator-write", daemon=True
        )
        self._writer.start()

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction; return its value once that is durable.

        An exception of `work` undoes what it did and comes out here. The work is done even if the
        caller is cancelled meanwhile.

        Raises:
            DatabaseClosed: `close` was called.
        """
        if self._is_closed:
            raise DatabaseClosed
        future: Future[T] = Future()
        self._queue.put((work, future))  # type: ignore[arg-type]
        return await asyncio.shield(asyncio.wrap_future(future))

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one consistent snapshot; it must not write."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def close(self) -> None:
        """Finish the writes that wait, end the threads, close the connections."""
        self._is_closed = True
        self._queue.put(None)
        self._writer.join()
        self._refuse_the_late()
        self._readers.shutdown()
        self._write_engine.dispose()
        self._read_engine.dispose()

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self._read_engine.begin() as connection:
            return work(connection)

    def _write_loop(self) -> None:
        while (first := self._queue.get()) is not None:
            batch = [first]
            ends = False
            while len(batch) < WRITES_PER_COMMIT_MAX:
                try:
                    following = self._queue.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    ends = True
                    break
                batch.append(following)
            self._commit(batch)
            if ends:
                return

    def _refuse_the_late(self) -> None:
        """Answer writes that came between the last one and the end of the thread."""
        with contextlib.suppress(queue.Empty):
            while True:
                late = self._queue.get_nowait()
                if late is not None:
                    late[1].set_exception(DatabaseClosed())

    def _commit(self, batch: list[_Write]) -> None:
        answers: list[Callable[[], None]] = []
        try:
            with self._write_engine.begin() as connection:
                answers.extend(_run(connection, work, future) for work, future in batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, every caller has to learn it
            for _, future in batch:
                future.set_exception(error)
            return
        for answer in answers:
            answer()


def _run(
    connection: Connection, work: Callable[[Connection], object], future: "Future[object]"
) -> Callable[[], None]:
    """Do one write in a savepoint; return what answers its caller after the commit."""
    try:
        with connection.begin_nested():
            value = work(connection)
    except Exception as error:  # noqa: BLE001 - handed to the caller
        failure = error
        return lambda: future.set_exception(failure)
    return lambda: future.set_result(value)


def _engine(url: str, begin: str) -> Engine:
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        _configure_sqlite(engine, engine.pool, begin)
    return engine


def _configure_sqlite(engine: Engine, pool: Pool, begin: str) -> None:
    """Take transaction control from the driver, which would begin too late and never IMMEDIATE."""

    def on_connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None
        with contextlib.closing(connection.cursor()) as cursor:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
            cursor.execute("PRAGMA busy_timeout=10000")

    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(pool, "connect", on_connect)
    event.listen(engine, "begin", on_begin)

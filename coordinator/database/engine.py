"""The coordinator's database: one writer, several readers, never on the event loop.

Writes are functions of a connection. One thread runs them, many in one SQL transaction when many
wait, each in a savepoint of its own: one failing does not undo its neighbours, and all of them are
durable before any caller gets its answer.

When a commit fails, nobody knows what of it is stored. From then on nothing is written any more,
and the node stops: it learns what is there when it starts again.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final, TypeVar

from sqlalchemy import Connection

from coordinator.database.answers import Asked, Desk
from coordinator.database.errors import DatabaseClosed
from coordinator.database.readers import Readers
from coordinator.database.schema import upgrade_schema
from coordinator.database.versions import TableVersions
from ledger.store import Database as Connections
from ledger.store import StoreFailed

T = TypeVar("T")

WRITES_PER_COMMIT_MAX: Final = 256
"""Functions that share one commit; bounds how long the first of them waits."""

READERS: Final = 2
"""Threads for reads; they read while the writer writes."""


@dataclass(frozen=True, slots=True)
class _Write:
    """A write that somebody waits for."""

    work: Callable[[Connection], object]
    """What writes."""
    forgets: bool
    """Whether what it deletes has to leave the log, too."""
    asked: Asked
    """Who waits."""


class Database:
    """An open, migrated database. Close it when done."""

    def __init__(self, url: str) -> None:
        """Open the database at a URL and bring its schema up to date.

        Raises:
            DatabaseTooNew: a newer version of this program wrote it; nothing was changed.
            StoreUnusable: a subclass that says what to do.
        """
        # Owners may have their prompts and results deleted: not even the file shall know them.
        self._connections = Connections(url, forgets=True)
        try:
            upgrade_schema(self._connections)
        except BaseException:
            self._connections.close()
            raise
        self._is_closed = False
        self._begun = self._ended = 0
        self._versions = TableVersions()
        self._is_log_secret = False
        self._failure: Future[None] = Future()
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._desk = Desk()
        self._readers = Readers(self._connections, READERS)
        self._writer = threading.Thread(
            target=self._write_loop, name="coordinator-write", daemon=True
        )
        self._writer.start()

    async def write(self, work: Callable[[Connection], T], *, forgets: bool = False) -> T:
        """Run `work` in a transaction; return its value once that is durable.

        With `forgets`, what it deleted is gone from the database's log too when this returns, or
        with one of the next writes if somebody reads an older state just then.

        An exception of `work` undoes what it did and comes out here. The work is done even if the
        caller is cancelled meanwhile.

        Raises:
            DatabaseClosed: `close` was called.
            StoreFailed: the database failed, now or before; see `until_failure`.
        """
        if self._is_closed:
            raise DatabaseClosed
        asked = self._desk.ask()
        self._queue.put(_Write(work, forgets, asked))
        value: T = await asked.future  # type: ignore[assignment]
        return value

    @property
    def version(self) -> int | None:
        """A number that stays the same for as long as the tables do; None while one is written to.

        What was read after it was asked for is what a read would find, if it is the same later.
        """
        begun = self._begun
        return begun if begun == self._ended else None

    def version_of(self, table: str) -> int | None:
        """Return what `version` does for one table, of those whose writes `touch` them."""
        return self._versions.of(table)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one consistent snapshot; it must not write. See `Readers.read`."""
        return await self._readers.read(work)

    def look(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one consistent snapshot, on this thread, which waits; it must not write.

        For what has to be known before anything runs.

        Raises:
            StoreFailed: the database failed.
        """
        with self._connections.reading() as connection:
            return work(connection)

    async def until_failure(self) -> None:
        """Wait until the database fails for good; the process has to end then.

        Raises:
            StoreFailed: why. It never returns otherwise.
        """
        await asyncio.shield(asyncio.wrap_future(self._failure))

    def close(self) -> None:
        """Finish the writes that wait, end the threads, close the connections."""
        self._is_closed = True
        self._queue.put(None)
        self._writer.join()
        self._refuse_the_late()
        self._readers.close()
        self._connections.close()

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
                    late.asked.refuse(DatabaseClosed())

    def _commit(self, batch: list[_Write]) -> None:
        answers: list[Callable[[], None]] = []
        self._begun += 1
        try:
            if self._failure.done():
                self._failure.result()
            with self._connections.writing() as connection:
                self._versions.watch(connection)
                answers.extend(_run(connection, write) for write in batch)
            self._is_log_secret |= any(write.forgets for write in batch)
            if self._is_log_secret:
                self._is_log_secret = not self._connections.truncate_log()
        except Exception as error:  # noqa: BLE001 - whatever it is, every caller has to learn it
            for write in batch:
                write.asked.refuse(error)
            if isinstance(error, StoreFailed) and not self._failure.done():
                self._failure.set_exception(error)
            return
        # Before anybody learns of the write; one that failed leaves the tables in doubt until
        # another succeeds.
        self._ended = self._begun
        self._versions.settle()
        for answer in answers:
            answer()


def _run(connection: Connection, write: _Write) -> Callable[[], None]:
    """Do one write in a savepoint; return what answers its caller after the commit."""
    # By the driver itself: the library's object for a savepoint costs more than most writes.
    driver = connection.connection.cursor()
    driver.execute("SAVEPOINT one")
    try:
        value = write.work(connection)
    except Exception as error:  # noqa: BLE001 - handed to the caller
        failure = error
        driver.execute("ROLLBACK TO SAVEPOINT one")
        return lambda: write.asked.refuse(failure)
    finally:
        driver.execute("RELEASE SAVEPOINT one")
    return lambda: write.asked.answer(value)

"""Threads that read, each by a transaction of its own, off the event loop.

A pool of the standard library makes three objects and wakes the loop through two of them for each
call: more work than most of the reads themselves.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from coordinator.database.errors import DatabaseClosed
from ledger.store import Database as Connections

T = TypeVar("T")


class _Read:
    """A read that somebody waits for."""

    def __init__(self, work: Callable[[Connection], object]) -> None:
        self.work = work
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[object] = self.loop.create_future()

    def answer(self, value: object) -> None:
        """Tell the waiting loop what was read, unless it has ended meanwhile."""
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._settle, value, None)

    def refuse(self, error: BaseException) -> None:
        """Tell the waiting loop why nothing was read, unless it has ended meanwhile."""
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._settle, None, error)

    def _settle(self, value: object, error: BaseException | None) -> None:
        if self.future.done():
            return
        if error is None:
            self.future.set_result(value)
        else:
            self.future.set_exception(error)


class Readers:
    """Runs reads in the order in which they come."""

    def __init__(self, connections: Connections, count: int) -> None:
        """Start `count` threads; `close` ends them."""
        self._connections = connections
        self._waiting: queue.SimpleQueue[_Read | None] = queue.SimpleQueue()
        self._is_closed = False
        self._threads = [
            threading.Thread(target=self._serve, name=f"coordinator-read-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one consistent snapshot, not older than this call; it must not write.

        Raises:
            DatabaseClosed: `close` was called.
            StoreFailed: the database failed.
        """
        if self._is_closed:
            raise DatabaseClosed
        read = _Read(work)
        self._waiting.put(read)
        value: T = await read.future  # type: ignore[assignment]
        return value

    def close(self) -> None:
        """Finish the reads that wait, and end the threads."""
        self._is_closed = True
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()
        self._refuse_the_late()

    def _refuse_the_late(self) -> None:
        """Answer reads that came between the last one and the end of the threads."""
        with contextlib.suppress(queue.Empty):
            while True:
                late = self._waiting.get_nowait()
                if late is not None:
                    late.refuse(DatabaseClosed())

    def _serve(self) -> None:
        read = self._waiting.get()
        while read is not None:
            try:
                with self._connections.reading() as connection:
                    while read is not None:
                        read.answer(read.work(connection))
                        # The next one sees what was written since. Its connection is the same:
                        # to take one out of the pool costs as much as a small read.
                        connection.rollback()
                        read = self._next_of_many()
            except BaseException as error:  # noqa: BLE001 - handed to the caller
                if read is not None:
                    read.refuse(error)
            read = self._waiting.get()

    def _next_of_many(self) -> _Read | None:
        """Return the read that waits already, None if there is none, or if this is the end."""
        try:
            read = self._waiting.get_nowait()
        except queue.Empty:
            return None
        if read is None:
            self._waiting.put(None)
        return read

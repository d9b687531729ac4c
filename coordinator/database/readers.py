"""Threads that read, each by a transaction of its own, off the event loop.

Reads that wait when a thread takes one may share its transaction: its state is newer than all of
them. To end a transaction and to begin another costs as much as a small read.
"""

import contextlib
import itertools
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from sqlalchemy import Connection

from coordinator.database.answers import Asked, Desk
from coordinator.database.errors import DatabaseClosed
from ledger.store import Database as Connections

T = TypeVar("T")

KEPT_S: Final = 1.0
"""How long a thread without work keeps its connection; a server may end one that is idle."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A read that somebody waits for."""

    number: int
    """How many were asked for until then, with it."""
    work: Callable[[Connection], object]
    """What reads."""
    asked: Asked
    """Who waits."""


class Readers:
    """Runs reads in the order in which they come."""

    def __init__(self, connections: Connections, count: int) -> None:
        """Start `count` threads; `close` ends them."""
        self._connections = connections
        self._waiting: queue.SimpleQueue[_Read | None] = queue.SimpleQueue()
        self._desk = Desk()
        self._numbers = itertools.count(1)
        self._newest = 0
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
        asked = self._desk.ask()
        self._newest = number = next(self._numbers)
        self._waiting.put(_Read(number, work, asked))
        value: T = await asked.future  # type: ignore[assignment]
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
                    late.asked.refuse(DatabaseClosed())

    def _serve(self) -> None:
        read = self._waiting.get()
        while read is not None:
            running: _Read | None = read
            try:
                with self._connections.reading() as connection:
                    while read is not None:
                        # The state is that of the first statement, so these all may see it.
                        newest = max(read.number, self._newest)
                        while read is not None and read.number <= newest:
                            running = read
                            read.asked.answer(read.work(connection))
                            running, read = None, self._next_at_once()
                        # The next one sees what was written since. Its connection is the same:
                        # to take one out of the pool costs as much, too.
                        self._connections.renew(connection)
                        read = read or self._next_of_many()
            except BaseException as error:  # noqa: BLE001 - handed to the caller
                if running is not None:
                    running.asked.refuse(error)
                    read = None
            read = read or self._waiting.get()

    def _next_at_once(self) -> _Read | None:
        """Return the read that waits, None if there is none, or if this is the end."""
        try:
            return self._unless_end(self._waiting.get_nowait())
        except queue.Empty:
            return None

    def _next_of_many(self) -> _Read | None:
        """Return the read that comes soon, None if there is none, or if this is the end."""
        try:
            return self._unless_end(self._waiting.get(timeout=KEPT_S))
        except queue.Empty:
            return None

    def _unless_end(self, read: _Read | None) -> _Read | None:
        if read is None:
            self._waiting.put(None)
        return read

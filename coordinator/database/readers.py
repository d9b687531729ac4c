"""Threads that read, each by a transaction of its own, off the event loop."""

import contextlib
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
        self._waiting.put(_Read(work, asked))
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
            try:
                with self._connections.reading() as connection:
                    while read is not None:
                        read.asked.answer(read.work(connection))
                        # The next one sees what was written since. Its connection is the same:
                        # to take one out of the pool costs as much as a small read.
                        self._connections.renew(connection)
                        read = self._next_of_many()
            except BaseException as error:  # noqa: BLE001 - handed to the caller
                if read is not None:
                    read.asked.refuse(error)
            read = self._waiting.get()

    def _next_of_many(self) -> _Read | None:
        """Return the read that comes soon, None if there is none, or if this is the end."""
        try:
            read = self._waiting.get(timeout=KEPT_S)
        except queue.Empty:
            return None
        if read is None:
            self._waiting.put(None)
        return read

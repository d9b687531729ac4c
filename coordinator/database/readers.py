"""Threads that read, each by a transaction of its own, off the event loop.

A pool of the standard library makes three objects and wakes the loop through two of them for each
call: more work than most of the reads themselves.
"""

import asyncio
import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Final, TypeVar

from sqlalchemy import Connection

from coordinator.database.errors import DatabaseClosed
from ledger.store import Database as Connections

T = TypeVar("T")

KEPT_S: Final = 1.0
"""How long a thread without work keeps its connection; a server may end one that is idle."""


class _Answers:
    """Answers on their way to an event loop, which is woken once for all that wait then."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._settled: deque[tuple[asyncio.Future[object], object, BaseException | None]] = deque()
        self._is_called = False

    def put(
        self, future: "asyncio.Future[object]", value: object, error: BaseException | None
    ) -> None:
        """Hand over an answer; for the reading threads."""
        self._settled.append((future, value, error))
        if self._is_called:
            # The loop has not begun to look, and will find this one, too.
            return
        self._is_called = True
        # A loop that has ended has nobody who waits.
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._give)

    def _give(self) -> None:
        # First this: whoever finds it set has its answer among those that are looked at now.
        self._is_called = False
        while self._settled:
            future, value, error = self._settled.popleft()
            if future.done():
                continue
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)


class _Read:
    """A read that somebody waits for."""

    def __init__(self, work: Callable[[Connection], object], answers: _Answers) -> None:
        self.work = work
        self.future: asyncio.Future[object] = answers.loop.create_future()
        self._answers = answers

    def answer(self, value: object) -> None:
        """Tell what was read."""
        self._answers.put(self.future, value, None)

    def refuse(self, error: BaseException) -> None:
        """Tell why nothing was read."""
        self._answers.put(self.future, None, error)


class Readers:
    """Runs reads in the order in which they come."""

    def __init__(self, connections: Connections, count: int) -> None:
        """Start `count` threads; `close` ends them."""
        self._connections = connections
        self._waiting: queue.SimpleQueue[_Read | None] = queue.SimpleQueue()
        self._answers: _Answers | None = None
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
        loop = asyncio.get_running_loop()
        if self._answers is None or self._answers.loop is not loop:
            self._answers = _Answers(loop)
        read = _Read(work, self._answers)
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
                        self._connections.renew(connection)
                        read = self._next_of_many()
            except BaseException as error:  # noqa: BLE001 - handed to the caller
                if read is not None:
                    read.refuse(error)
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

"""Whose turn it is: the explorer's own threads, shared among addresses, and places for downloads.

Pages cost milliseconds of a processor, and anybody may ask for them. So they are made in two
threads of their own, which leaves those of the rest of the node alone, and one address has at most
two pieces of work there, running or next in line: its other requests wait in a line of their own,
and everybody else's pass them.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

THREADS: Final = 2
"""Threads in which pages are made."""

AT_ONCE_MAX: Final = 2
"""Pieces of work of one address that these threads have at once, those included that wait."""

IN_LINE_MAX: Final = 64
"""Requests of one address that are not answered yet; further ones are refused."""

DOWNLOADS_MAX: Final = 4
"""Downloads at once."""

DOWNLOADS_EACH_MAX: Final = 2
"""Of these, from one address."""

DOWNLOAD_S_MAX: Final = 120.0
"""How long a download keeps its place; one that is not done by then is broken off."""

RETRY_S: Final = 5
"""When who was refused may ask again."""

ResultT = TypeVar("ResultT")


class Refused(Exception):
    """There is no room for a request now."""

    def __init__(self, status: int, why: str) -> None:
        """Say how it is answered.

        Args:
            status: 429 if this address asks for too much, 503 if all together do.
            why: the same for a person.
        """
        super().__init__(why)
        self.status = status


class DownloadTooSlow(Exception):
    """A download was not done within `DOWNLOAD_S_MAX`; the connection ends without its end."""


@dataclass(slots=True)
class _Line:
    """The requests of one address."""

    turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE_MAX))
    length: int = 0


class Turns:
    """The threads of the explorer. Used on one event loop."""

    def __init__(self) -> None:
        """Start no thread yet."""
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="explorer")
        self._lines: dict[str, _Line] = {}

    async def run(self, remote: str, work: Callable[[], ResultT]) -> ResultT:
        """Do a piece of work in a thread, when it is this address's turn.

        Args:
            remote: who asked; see `coordinator.http.remote_of`.
            work: called in a thread; should take milliseconds.

        Raises:
            Refused: too many requests of this address wait.
        """
        line = self._lines.setdefault(remote, _Line())
        if line.length >= IN_LINE_MAX:
            raise Refused(429, "Too many requests of this address wait for an answer.")
        line.length += 1
        try:
            async with line.turn:
                return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            line.length -= 1
            if not line.length:
                del self._lines[remote]


class Place:
    """The place of one download, until it is done or took too long."""

    def __init__(self, remote: str, leave: Callable[[], None]) -> None:
        """Keep a place.

        Args:
            remote: who downloads.
            leave: called once, when it is free again.
        """
        self.remote = remote
        self.is_kept = True
        self._leave = leave
        # Nobody says when a reader is gone that never began to read, so this ends by itself.
        self._end = asyncio.get_running_loop().call_later(DOWNLOAD_S_MAX, self.leave)

    def leave(self) -> None:
        """Free the place; may be called again."""
        if self.is_kept:
            self.is_kept = False
            self._end.cancel()
            self._leave()


class Downloads:
    """The places of downloads. Used on one event loop."""

    def __init__(self, turns: Turns) -> None:
        """Begin without a download.

        Args:
            turns: where their parts are made.
        """
        self._turns = turns
        self._taken: Counter[str] = Counter()

    @property
    def count(self) -> int:
        """How many go on."""
        return self._taken.total()

    def place(self, remote: str) -> Place:
        """Return a place for a download, which its caller has to leave.

        Raises:
            Refused: there is none.
        """
        if self._taken[remote] >= DOWNLOADS_EACH_MAX:
            raise Refused(429, "As many downloads of this address go on as may at once.")
        if self.count >= DOWNLOADS_MAX:
            raise Refused(503, "As many downloads go on as this node makes at once.")
        self._taken[remote] += 1
        return Place(remote, partial(self._free, remote))

    async def stream(self, place: Place, parts: Iterator[bytes]) -> AsyncIterator[bytes]:
        """Yield a download's parts, each made in a thread of the explorer; leave its place.

        Raises:
            DownloadTooSlow: its time is over.
            Refused: too many other requests of its address wait.
        """
        loop = asyncio.get_running_loop()
        try:
            while True:
                if not place.is_kept:
                    raise DownloadTooSlow
                began = loop.time()
                part = await self._turns.run(place.remote, partial(next, parts, None))
                if part is None:
                    return
                took = loop.time() - began
                yield part
                # As long a pause as the part took: the interpreter runs one thread at a time, and
                # the event loop that makes blocks is one of them.
                await asyncio.sleep(took)
        finally:
            place.leave()

    def _free(self, remote: str) -> None:
        self._taken[remote] -= 1
        self._taken += Counter()

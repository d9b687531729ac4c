"""How many bytes of submissions may be in memory before the pool has seen them.

The pool bounds what waits in it, and says `full`. What is on its way to it is bounded here: each
connection may hold a body of megabytes for as long as it may take to send one, and anybody may open
many.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from coordinator.errors import Unavailable

BODIES_MAX: Final = 8
"""Largest bodies that there is room for; a body takes up to three times its size while it is
decoded."""

BODIES_OF_ONE_MAX: Final = 2
"""The same for those of one caller: nobody alone keeps the others out."""

RETRY_S: Final = 1


class SubmissionsFull(Unavailable):
    """Too many submissions are being read; nothing of this one was admitted."""

    code = "SUBMISSIONS_FULL"


class BodyRoom:
    """Counts the bytes; used on the event loop."""

    def __init__(self, request_bytes_max: int) -> None:
        """Have room for some bodies of this size."""
        self._bytes_max = BODIES_MAX * request_bytes_max
        self._bytes_of_one_max = BODIES_OF_ONE_MAX * request_bytes_max
        self._bytes = 0
        self._bytes_of: Counter[str] = Counter()

    @property
    def bytes_held(self) -> int:
        """Bytes that are there now."""
        return self._bytes

    @contextmanager
    def share(self, source: str) -> Iterator["Share"]:
        """Give the room that a submission takes, and have it back when the pool has seen it.

        Args:
            source: who sends it.
        """
        share = Share(self, source)
        try:
            yield share
        finally:
            self._bytes -= share.size
            self._bytes_of[source] -= share.size
            if not self._bytes_of[source]:
                del self._bytes_of[source]

    def check(self, source: str, more: int) -> None:
        """Refuse bytes for which there is no room.

        Raises:
            SubmissionsFull: come again later.
        """
        if self._bytes_of[source] + more > self._bytes_of_one_max:
            raise SubmissionsFull(
                f"more than {self._bytes_of_one_max} bytes of your submissions are being read; "
                "send the next one when those are answered",
                RETRY_S,
            )
        if self._bytes + more > self._bytes_max:
            raise SubmissionsFull(
                f"more than {self._bytes_max} bytes of submissions are being read", RETRY_S
            )

    def grow(self, source: str, more: int) -> None:
        """Count bytes that came, unless there is no room for them; see `check`."""
        self.check(source, more)
        self._bytes += more
        self._bytes_of[source] += more


class Share:
    """What one submission takes; `BodyRoom.share` makes it."""

    def __init__(self, room: BodyRoom, source: str) -> None:
        """Take nothing yet."""
        self._room = room
        self._source = source
        self.size = 0
        """Bytes that it takes."""

    def announce(self, size: int) -> None:
        """Refuse a body that says by itself that there is no room for it; takes nothing.

        Raises:
            SubmissionsFull: come again later.
        """
        self._room.check(self._source, size)

    def grow(self, more: int) -> None:
        """Take room for bytes that came.

        Raises:
            SubmissionsFull: there is none.
        """
        self._room.grow(self._source, more)
        self.size += more

"""Files that are coming in whole: what they may yet bring, before it is on disk.

In memory: their drafts go with the process.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from coordinator.errors import TooManyRequests

WHOLE_MAX: Final = 16
"""Files of one client that come in whole at a time."""

GRACE_SECONDS: Final = 30
"""How long a sender is waited for at most, over what its bytes allow."""

BYTES_PER_SECOND_MIN: Final = 131_072
"""What a body brings at least, on average."""


class UnderWay:
    """Counts what clients are sending."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._files: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    def bytes_of(self, client_id: str) -> int:
        """Return the most that a client's files may still be on disk."""
        return self._bytes[client_id]

    @contextmanager
    def one_more(self, client_id: str, size: int) -> Iterator[int]:
        """Count one more file as long as the context is open; give what the others may take.

        Args:
            client_id: who sends it.
            size: bytes that it has at most.

        Raises:
            TooManyRequests: the client sends `WHOLE_MAX` already.
        """
        others = self._bytes[client_id]
        if self._files[client_id] >= WHOLE_MAX:
            raise TooManyRequests(f"{WHOLE_MAX} files are coming in: wait for one to end", 1)
        self._files[client_id] += 1
        self._bytes[client_id] += size
        try:
            yield others
        finally:
            self._files[client_id] -= 1
            self._bytes[client_id] -= size
            if not self._files[client_id]:
                del self._files[client_id], self._bytes[client_id]


class Pace:
    """How long the next piece of a body is waited for.

    A body may take `GRACE_SECONDS`, and a second for each `BYTES_PER_SECOND_MIN` that came. Time
    in which nobody waits for the sender does not count.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._left = float(GRACE_SECONDS)

    @property
    def patience(self) -> float:
        """Seconds for the next piece; never more than the grace, however much came."""
        return min(self._left, float(GRACE_SECONDS))

    def took(self, seconds: float, size: int) -> None:
        """Note a piece of some bytes that was waited for so long."""
        self._left += size / BYTES_PER_SECOND_MIN - seconds

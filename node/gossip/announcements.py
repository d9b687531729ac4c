"""Transactions that this node answers for: it took them from clients or followers.

Whoever took a transaction announces it again, ever more rarely, until it is final or its time is
over.
That is what makes up for a message that was lost, a peer that was full, or a validator that was
away; nobody else has to announce it.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from ledger.types import Hash

PAUSES_SECONDS: Final = (1, 2, 4, 8, 16, 30)
"""Time until the first announcement, and between one and the next; the last one repeats."""

PUSHED_RUNG: Final = 2
"""Pause with which a transaction begins that was sent to all validators: links lose nothing, who
connects is told anyway, and under full load most transactions wait for a second or two."""

LOOKED_AT_MAX: Final = 16_384
"""Transactions that one call of `due` takes out, announced or forgotten: a few milliseconds."""

BOOK_MAX: Final = 200_000
"""Transactions in the book, more than any pool holds; beyond it the oldest are forgotten."""


class AnnouncementBook:
    """When each transaction is announced next; it is bounded, and forgets what left the pool."""

    def __init__(self) -> None:
        """Answer for nothing."""
        # A rung for each pause: what was put in first is due first.
        self._rungs: tuple[deque[tuple[float, Hash]], ...] = tuple(deque() for _ in PAUSES_SECONDS)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, transaction_id: Hash, now: float, rung: int = 0) -> None:
        """Answer for a transaction from now on; it is being sent to peers at this moment.

        Args:
            transaction_id: its id.
            now: time on the loop's clock.
            rung: which of the pauses is its first.
        """
        self._put(rung, transaction_id, now)

    def due(
        self, now: float, limit: int, is_pooled: Callable[[Hash], bool]
    ) -> list[tuple[int, Hash]]:
        """Take out at most `limit` transactions that are due, each with its rung.

        Those that left the pool are forgotten and not counted. The caller gives back the others
        with `again`.
        """
        found: list[tuple[int, Hash]] = []
        looked_at = 0
        for rung, entries in enumerate(self._rungs):
            while entries and entries[0][0] <= now:
                if len(found) >= limit or looked_at >= LOOKED_AT_MAX:
                    return found
                looked_at += 1
                self._count -= 1
                identity = entries.popleft()[1]
                if is_pooled(identity):
                    found.append((rung, identity))
        return found

    def again(self, rung: int, transaction_id: Hash, now: float) -> None:
        """Announce a transaction again after the next longer pause."""
        self._put(min(rung + 1, len(PAUSES_SECONDS) - 1), transaction_id, now)

    def everything(self) -> list[Hash]:
        """Return all, those taken in last first; some may have left the pool."""
        return [identity for entries in self._rungs for _, identity in reversed(entries)]

    def _put(self, rung: int, transaction_id: Hash, now: float) -> None:
        self._rungs[rung].append((now + PAUSES_SECONDS[rung], transaction_id))
        self._count += 1
        if self._count > BOOK_MAX:
            next(filter(None, reversed(self._rungs))).popleft()
            self._count -= 1

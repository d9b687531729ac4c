"""Transactions that this node answers for: it took them from clients or followers.

Whoever took a transaction announces it again, ever more rarely, until it is final or its time is
over.
That is what makes up for a message that was lost, a peer that was full, or a validator that was
away; nobody else has to announce it.
"""

from collections import deque
from typing import Final

from ledger.types import Hash

PAUSES_SECONDS: Final = (1, 2, 4, 8, 16, 30)
"""Time until the first announcement, and between one and the next; the last one repeats."""


class AnnouncementBook:
    """When each transaction is announced next. Its size follows the pool's: see `due`."""

    def __init__(self) -> None:
        """Answer for nothing."""
        # A rung for each pause: what was put in first is due first.
        self._rungs: tuple[deque[tuple[float, Hash]], ...] = tuple(deque() for _ in PAUSES_SECONDS)

    def __len__(self) -> int:
        return sum(map(len, self._rungs))

    def add(self, transaction_id: Hash, now: float) -> None:
        """Answer for a transaction from now on; it is being sent to peers at this moment."""
        self._put(0, transaction_id, now)

    def due(self, now: float, limit: int) -> list[tuple[int, Hash]]:
        """Take out at most `limit` transactions that are due, each with its rung.

        The caller gives back with `again` those that are still pooled; the others are forgotten.
        """
        found: list[tuple[int, Hash]] = []
        for rung, entries in enumerate(self._rungs):
            while entries and entries[0][0] <= now and len(found) < limit:
                found.append((rung, entries.popleft()[1]))
        return found

    def again(self, rung: int, transaction_id: Hash, now: float) -> None:
        """Announce a transaction again after the next longer pause."""
        self._put(min(rung + 1, len(PAUSES_SECONDS) - 1), transaction_id, now)

    def everything(self) -> list[Hash]:
        """Return all, those taken in last first; some may have left the pool."""
        return [identity for entries in self._rungs for _, identity in reversed(entries)]

    def _put(self, rung: int, transaction_id: Hash, now: float) -> None:
        self._rungs[rung].append((now + PAUSES_SECONDS[rung], transaction_id))

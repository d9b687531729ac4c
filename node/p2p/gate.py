"""Who may be inside without having proved a key: few, and nobody for long at others' expense.

There are two rooms of one size, with a rate of arrivals each: one for neighbourhoods of peers that
this node wants, one for everybody else. So strangers, however many, never stand in a validator's
way. A room that is full makes place: the oldest connection of the neighbourhood that holds most of
it goes. Whoever speaks at once is done before its turn comes; whoever holds a place and says
nothing is not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from node.p2p.buckets import TokenBucket
from node.p2p.config import Limits

NEIGHBOURHOODS_MAX: Final = 4_096
"""Neighbourhoods whose rate is remembered; the one that was quiet longest is forgotten."""


@dataclass(eq=False, slots=True)
class Visit:
    """A connection that has not proved a key yet."""

    near: str
    """Its neighbourhood."""
    is_crowded_out: bool = False
    """Whether it has to go, to make room for a newer one."""


class _Room:
    def __init__(self, limits: Limits, now_ms: int) -> None:
        self.rate = TokenBucket(limits.accepts_per_second, limits.unproved_max, now_ms)
        self.visits: dict[Visit, None] = {}

    def of(self, near: str) -> list[Visit]:
        """Return the visits from a neighbourhood, oldest first."""
        return [visit for visit in self.visits if visit.near == near]

    def fullest(self) -> str:
        """Return the neighbourhood that holds most; of equal ones that with the oldest visit."""
        counts: dict[str, int] = {}
        for visit in self.visits:
            counts[visit.near] = counts.get(visit.near, 0) + 1
        return max(counts, key=counts.__getitem__)


class Gate:
    """Counts the connections that have not proved who they are."""

    def __init__(self, limits: Limits, is_familiar: Callable[[str], bool], now_ms: int) -> None:
        """Begin empty.

        Args:
            limits: how many, in all and from one neighbourhood, and how often.
            is_familiar: whether a neighbourhood is one of peers that this node wants.
            now_ms: monotonic time, as in all other calls.
        """
        self._limits = limits
        self._is_familiar = is_familiar
        self._familiar, self._others = _Room(limits, now_ms), _Room(limits, now_ms)
        self._rates: dict[str, TokenBucket] = {}

    def enter(self, near: str, now_ms: int) -> tuple[Visit | None, Visit | None]:
        """Count a connection, unless connections come too often.

        Returns:
            The visit, or None when it may not enter; and the one that has to go because of it, if
            there is one. Who goes is not counted any more.
        """
        room = self._familiar if self._is_familiar(near) else self._others
        if not self._rate_of(near, now_ms).try_take(1, now_ms) or not room.rate.try_take(1, now_ms):
            return None, None
        gone = self._make_place(room, near)
        visit = Visit(near)
        room.visits[visit] = None
        return visit, gone

    def leave(self, visit: Visit) -> None:
        """Forget a connection that entered: it has proved itself or is gone."""
        self._familiar.visits.pop(visit, None)
        self._others.visits.pop(visit, None)

    def _make_place(self, room: _Room, near: str) -> Visit | None:
        neighbours = room.of(near)
        if len(neighbours) >= self._limits.unproved_per_address_max:
            gone = neighbours[0]
        elif len(room.visits) >= self._limits.unproved_max:
            gone = room.of(room.fullest())[0]
        else:
            return None
        gone.is_crowded_out = True
        self.leave(gone)
        return gone

    def _rate_of(self, near: str, now_ms: int) -> TokenBucket:
        bucket = self._rates.pop(near, None)
        if bucket is None:
            limits = self._limits
            rate = limits.accepts_per_address_per_second
            bucket = TokenBucket(rate, limits.unproved_per_address_max, now_ms)
        self._rates[near] = bucket
        if len(self._rates) > NEIGHBOURHOODS_MAX:
            del self._rates[next(iter(self._rates))]
        return bucket

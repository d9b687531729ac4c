"""Decides which final blocks are asked of whom, and in which order they are imported; no I/O.

The planner knows heights only. Peers announce how far they reach; what lies between the own head
and the highest announcement is cut into spans, asked of several peers at once, lowest first. An
answer waits until everything below it is imported. It may end before its span, since a range ends
where it fits, where a certificate stands, and at an epoch's last block; the rest is then asked for
anew.

What peers can do to it:

    claim a height it lacks       it is asked once a second at most, and its word counts for nothing
                                  else until it gives something
    not answer                    another is asked after `ANSWER_MS`, and this one rests, each time
                                  for longer
    answer garbage                reported, and asked no more
    answer an unproved range      found when it is imported: reported, and asked no more

What is asked for and what waits are bounded together (`SPANS_MAX`), so nobody can fill the memory.
Nothing is imported that does not begin right above the own head, or below it.

A node that takes part in consensus gets most blocks there, so a small gap is left alone for
`patience_ms` after the head last moved. There is no mode: a node that is not behind asks nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ledger.types import Height, PublicKey
from node.sync.events import (
    Announced,
    Answered,
    Ask,
    Blame,
    Drop,
    Effect,
    Empty,
    Event,
    Import,
    Imported,
    Left,
    Moved,
    Spoilt,
    Tick,
    Unproved,
    WakeAt,
)

SPANS_MAX: Final = 6
"""Ranges that are asked for, wait, or are imported."""

SPANS_PER_PEER_MAX: Final = 2
"""Questions to one peer at once."""

SPAN_BLOCKS: Final = 64
"""Blocks of one span."""

SPAN_BLOCKS_MIN: Final = 4
"""Blocks of a span for a peer that did not answer a larger one in time."""

ANSWER_MS: Final = 5_000
"""Time to answer a question, for a peer that was never late."""

LATER_MAX: Final = 3
"""How many more times that long a peer gets that was late before: its link may be slow."""

REST_MS: Final = 1_000
"""How long a peer is left alone that had nothing, or did not answer; doubles for the latter."""

REST_DOUBLINGS_MAX: Final = 5
"""Bounds the rest: half a minute."""

NEAR_BLOCKS: Final = 8
"""A gap up to this size may close by itself."""


@dataclass(slots=True)
class PeerState:
    """What is known of one peer."""

    height: Height = 0
    """How far it reaches, as it claims, less what it failed to show."""
    failures: int = 0
    """Questions in a row that it did not answer in time."""
    rests_until_ms: int = 0
    """When it may be asked again."""
    is_doubted: bool = False
    """Whether it had nothing where it claimed to, and has given nothing since."""
    is_spoilt: bool = False
    """Whether it sent what no honest peer sends; it is being disconnected."""

    @property
    def is_credible(self) -> bool:
        """Whether its word counts for where this node stands, besides being asked."""
        return not (self.is_doubted or self.is_spoilt or self.failures)


@dataclass(frozen=True, slots=True)
class Span:
    """Blocks that are asked for, or came."""

    number: int
    """Number of the question."""
    peer: PublicKey
    """Who was asked."""
    first: Height
    """First height."""
    last: Height
    """Last height, as asked for or as it came."""
    asked_ms: int
    """When it was asked for."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How a catch-up stands, for the operator."""

    head: Height
    """Height of the own final chain."""
    target: Height
    """Highest height that a connected peer announces, and was not found not to have."""
    target_peer: PublicKey | None
    """Who announces it."""
    asked: int
    """Ranges that are asked for."""
    waiting: int
    """Ranges that came and are not imported."""


class Planner:
    """Plans one node's catch-up; see the module."""

    def __init__(self, head: Height, *, patience_ms: int = 0) -> None:
        """Start.

        Args:
            head: height of the own final chain.
            patience_ms: how long a small gap is left alone; 0 for a follower.
        """
        self.patience_ms = patience_ms
        """May be changed at any time, such as when an epoch makes this node a member."""
        self._head = head
        self._moved_ms = 0
        self._now_ms = 0
        self._peers: dict[PublicKey, PeerState] = {}
        self._asked: dict[int, Span] = {}
        self._staged: dict[int, Span] = {}
        self._importing: int | None = None
        self._next_number = 1
        self._effects: list[Effect] = []
        self._alarm_ms: int | None = None

    def handle(self, event: Event) -> tuple[Effect, ...]:
        """Take one event and return what is to be done, in order."""
        self._now_ms = max(self._now_ms, event.now_ms)
        self._take(event)
        self._expire()
        self._drop_useless()
        self._import_next()
        self._ask()
        self._set_alarm()
        effects, self._effects = tuple(self._effects), []
        return effects

    def progress(self) -> Progress:
        """Return how it stands."""
        credible = {key: peer for key, peer in self._peers.items() if peer.is_credible}
        best = max(credible, key=lambda key: credible[key].height, default=None)
        target = credible[best].height if best is not None else 0
        return Progress(self._head, target, best, len(self._asked), len(self._staged))

    @property
    def is_far_behind(self) -> bool:
        """Whether more is missing than consensus will bring by itself, as far as is known."""
        credible = (peer.height for peer in self._peers.values() if peer.is_credible)
        return max(credible, default=0) > self._head + NEAR_BLOCKS

    # ------------------------------------------------------------ events

    def _take(self, event: Event) -> None:
        match event:
            case Announced(peer=key, height=height):
                self._peers.setdefault(key, PeerState()).height = height
            case Left(peer=key):
                self._peers.pop(key, None)
                self._asked = {n: span for n, span in self._asked.items() if span.peer != key}
            case Moved(height=height):
                if height > self._head:
                    self._head, self._moved_ms = height, self._now_ms
            case Answered(number=number, last=last):
                self._on_answered(number, last)
            case Empty() | Spoilt():
                self._on_nothing(event)
            case Imported() | Unproved():
                self._on_end(event)
            case Tick():
                pass

    def _on_answered(self, number: int, last: Height) -> None:
        span = self._asked.pop(number, None)
        if span is None or last < span.first:
            self._effects.append(Drop(number))  # Too late: it was asked of somebody else.
            return
        peer = self._peers[span.peer]
        peer.failures, peer.is_doubted = 0, False
        self._staged[number] = Span(number, span.peer, span.first, last, span.asked_ms)

    def _on_nothing(self, event: Empty | Spoilt) -> None:
        span = self._asked.pop(event.number, None)
        if span is None:
            return
        peer = self._peers[span.peer]
        if isinstance(event, Spoilt):
            peer.is_spoilt = True
        else:
            peer.height = min(peer.height, span.first - 1)
            peer.is_doubted = True
            peer.rests_until_ms = self._now_ms + REST_MS

    def _on_end(self, event: Imported | Unproved) -> None:
        self._importing = None
        span = self._staged.pop(event.number)
        if isinstance(event, Imported):
            return  # What is final here is said by `Moved`, and by nothing else.
        self._effects.append(Blame(span.peer, "RANGE_UNPROVED"))
        if span.peer in self._peers:
            self._peers[span.peer].is_spoilt = True

    # ------------------------------------------------------------ what follows

    def _expire(self) -> None:
        """Give up on peers that did not answer in time, and on all that they were asked."""
        late = {span.peer for span in self._asked.values() if self._due_ms(span) <= self._now_ms}
        for key in late:
            peer = self._peers[key]
            rest_ms = REST_MS << min(peer.failures, REST_DOUBLINGS_MAX)
            peer.failures += 1
            peer.rests_until_ms = self._now_ms + rest_ms
        if late:
            self._asked = {n: span for n, span in self._asked.items() if span.peer not in late}

    def _due_ms(self, span: Span) -> int:
        """Return when an answer is late: peers that were late before get more time."""
        patience = 1 + min(self._peers[span.peer].failures, LATER_MAX)
        return span.asked_ms + patience * ANSWER_MS

    def _drop_useless(self) -> None:
        """Forget ranges that the own head has passed."""
        for number, span in list(self._staged.items()):
            if span.last <= self._head and number != self._importing:
                del self._staged[number]
                self._effects.append(Drop(number))

    def _import_next(self) -> None:
        if self._importing is not None:
            return
        for span in self._staged.values():
            if span.first <= self._head + 1:
                self._importing = span.number
                self._effects.append(Import(span.number))
                return

    def _ask(self) -> None:
        """Ask for the lowest heights that nobody was asked for."""
        if self._patient_until() is not None:
            return
        for first, last in self._gaps():
            at = first
            while at <= last and len(self._asked) + len(self._staged) < SPANS_MAX:
                key = self._choose(at)
                if key is None:
                    return
                peer = self._peers[key]
                blocks = max(SPAN_BLOCKS_MIN, SPAN_BLOCKS >> peer.failures)
                end = min(at + blocks - 1, last, peer.height)
                span = Span(self._next_number, key, at, end, self._now_ms)
                self._next_number += 1
                self._asked[span.number] = span
                self._effects.append(Ask(key, span.number, at, end - at + 1))
                at = end + 1

    def _gaps(self) -> Iterator[tuple[Height, Height]]:
        """Yield first and last height of what nobody was asked for and did not come, ascending."""
        at, target = self._head + 1, self._target()
        for span in sorted((*self._asked.values(), *self._staged.values()), key=_first_of):
            if span.first > at:
                yield at, min(span.first - 1, target)
            at = max(at, span.last + 1)
        if at <= target:
            yield at, target

    def _choose(self, height: Height) -> PublicKey | None:
        """Return the best peer to ask for a height; None if there is none now."""
        load = dict.fromkeys(self._peers, 0)
        for span in self._asked.values():
            load[span.peer] += 1
        able = [
            key
            for key, peer in self._peers.items()
            if peer.height >= height
            and not peer.is_spoilt
            and peer.rests_until_ms <= self._now_ms
            and load[key] < SPANS_PER_PEER_MAX
        ]
        return min(able, key=lambda key: (self._peers[key].failures, load[key]), default=None)

    def _target(self) -> Height:
        heights = (peer.height for peer in self._peers.values() if not peer.is_spoilt)
        return max(heights, default=0)

    def _patient_until(self) -> int | None:
        """Return until when a small gap is left alone; None if nothing is left alone."""
        gap = self._target() - self._head
        if gap > NEAR_BLOCKS or gap <= 0:
            return None
        until_ms = self._moved_ms + self.patience_ms
        return until_ms if until_ms > self._now_ms else None

    def _set_alarm(self) -> None:
        times = [self._due_ms(span) for span in self._asked.values()]
        if self._target() > self._head:
            times += [p.rests_until_ms for p in self._peers.values()]
            patient_until = self._patient_until()
            if patient_until is not None:
                times.append(patient_until)
        alarm_ms = min((time for time in times if time > self._now_ms), default=None)
        if alarm_ms != self._alarm_ms:
            self._alarm_ms = alarm_ms
            self._effects.append(WakeAt(alarm_ms))


def _first_of(span: Span) -> Height:
    return span.first

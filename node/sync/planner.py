"""Decides which final blocks are asked of whom, and in which order they are imported; no I/O.

The planner knows heights only. Peers announce how far they reach; what lies between the own head
and the highest announcement that counts is cut into spans, asked of several peers at once, lowest
first. An answer waits until everything below it is imported. It may end before its span, since a
range ends where it fits, where a certificate stands, and at an epoch's last block; the rest is then
asked for anew. Blocks that everything else waits for and that do not come are asked of one more
peer after `AGAIN_MS`.

What peers can do to it:

    claim a height it lacks       it is asked once a second at most, and its word counts for nothing
                                  else until it gives something
    not answer                    another is asked after `AGAIN_MS`, and after `ANSWER_MS` this one
                                  rests, each time for longer
    answer garbage                reported, and asked no more
    answer what is not final      found when its certificate or its bodies are looked at: reported,
                                  and asked no more
    do so under many keys         strangers are asked only where no better peer can give: `sources`

What is asked for and what waits are bounded together (`SPANS_MAX`), so nobody can fill the memory.
Nothing is imported that does not begin right above the own head, or below it.

A node that takes part in consensus gets most blocks there, so a small gap is left alone for
`patience_ms` after it opened, and after the head last moved: under full load a block may take
longer than that, and who is sooner with it says so before the others have it. There is no mode: a
node that is not behind asks nothing.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
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
    Paged,
    Refused,
    Spoilt,
    Tick,
    WakeAt,
)
from node.sync.sources import Sources

SPANS_MAX: Final = 6
"""Ranges that are asked for, wait, or are imported; what is asked for again counts once."""

SPAN_BLOCKS: Final = 64
"""Blocks of one span."""

HALVINGS_MAX: Final = 4
"""How often what is asked for is halved, once for each time that a peer was late."""

ANSWER_MS: Final = 5_000
"""Time to answer a question, for a peer that was never late."""

LATER_MAX: Final = 3
"""How many more times that long a peer gets that was late before: its link may be slow."""

STILL_MS: Final = 5_000
"""Time without a block after which strangers are asked for what no trusted peer has."""

AGAIN_MS: Final = 1_000
"""Time after which the lowest blocks that are missing are asked of one more peer; doubles, since
it may be this node's own link that is slow."""

NEAR_BLOCKS: Final = 8
"""A gap up to this size may close by itself."""


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
    is_again: bool = False
    """Whether somebody else was asked for the same blocks before."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How a catch-up stands, for the operator."""

    head: Height
    """Height of the own final chain."""
    target: Height
    """Highest height that a peer announces whose word counts, and was not found not to have."""
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
        self._behind_since_ms: int | None = None
        self._now_ms = 0
        self._sources = Sources()
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
        self._note_gap()
        self._ask()
        self._set_alarm()
        effects, self._effects = tuple(self._effects), []
        return effects

    def progress(self) -> Progress:
        """Return how it stands."""
        best, target = self._sources.credible()
        return Progress(self._head, target, best, len(self._asked), len(self._staged))

    @property
    def is_far_behind(self) -> bool:
        """Whether more is missing than consensus will bring by itself, as far as is known."""
        _, target = self._sources.credible()
        return target > self._head + NEAR_BLOCKS

    @property
    def is_importing(self) -> bool:
        """Whether final blocks are being executed now, which no peer can pretend."""
        return self._importing is not None

    # ------------------------------------------------------------ events

    def _take(self, event: Event) -> None:
        match event:
            case Announced(peer=key, height=height, is_trusted=is_trusted):
                self._sources.announce(key, height, is_trusted=is_trusted)
            case Left(peer=key):
                self._sources.forget(key)
                self._asked = {n: span for n, span in self._asked.items() if span.peer != key}
            case Moved(height=height):
                if height > self._head:
                    self._head, self._moved_ms = height, self._now_ms
            case Answered(number=number, last=last):
                self._on_answered(number, last)
            case Empty() | Paged() | Spoilt():
                self._on_nothing(event)
            case Imported() | Refused():
                self._on_end(event)
            case Tick():
                pass

    def _on_answered(self, number: int, last: Height) -> None:
        span = self._asked.pop(number, None)
        if span is None or last < span.first:
            self._effects.append(Drop(number))  # Too late: this peer was given up.
            return
        peer = self._sources.get(span.peer)
        assert peer is not None, "what a peer was asked goes when it does"
        peer.answered(self._now_ms, self._now_ms - span.asked_ms, last + 1 - span.first)
        if any(each.first <= span.first and last <= each.last for each in self._staged.values()):
            self._effects.append(Drop(number))  # Somebody else was sooner.
        else:
            self._staged[number] = replace(span, last=last)

    def _on_nothing(self, event: Empty | Paged | Spoilt) -> None:
        span = self._asked.pop(event.number, None)
        peer = self._sources.get(span.peer) if span else None
        if span is None or peer is None:
            return
        match event:
            case Empty():
                peer.had_nothing(span.first, self._now_ms)
            case Paged(is_useful=is_useful):
                peer.gave_proof(self._now_ms, is_useful=is_useful)
            case Spoilt():
                peer.is_spoilt = True

    def _on_end(self, event: Imported | Refused) -> None:
        if self._importing == event.number:
            self._importing = None
        span = self._staged.pop(event.number, None)
        if span is None:
            return
        peer = self._sources.get(span.peer)
        # What is final here is said by `Moved`, and by nothing else.
        if isinstance(event, Refused):
            self._effects.append(Blame(span.peer, event.code))
        if peer is not None:
            peer.is_spoilt |= isinstance(event, Refused)
            peer.has_given |= isinstance(event, Imported)

    # ------------------------------------------------------------ what follows

    def _expire(self) -> None:
        """Give up on peers that did not answer in time, and on all that they were asked."""
        late = {span.peer for span in self._asked.values() if self._due_ms(span) <= self._now_ms}
        for key in late:
            peer = self._sources.get(key)
            assert peer is not None
            peer.was_late(self._now_ms)
        if late:
            self._asked = {n: span for n, span in self._asked.items() if span.peer not in late}

    def _due_ms(self, span: Span) -> int:
        """Return when an answer is late: peers that were late before get more time."""
        peer = self._sources.get(span.peer)
        assert peer is not None
        return span.asked_ms + (1 + min(peer.failures, LATER_MAX)) * ANSWER_MS

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

    def _note_gap(self) -> None:
        """Note since when this node has been behind without a break."""
        if self._target() <= self._head:
            self._behind_since_ms = None
        elif self._behind_since_ms is None:
            self._behind_since_ms = self._now_ms

    def _ask(self) -> None:
        """Ask for the lowest heights that nobody was asked for, and for what is waited for."""
        if self._patient_until() is not None:
            return
        for first, last in self._gaps():
            at = first
            while at <= last and (self._has_room() or at == self._head + 1):
                span = self._question(at, last)
                if span is None:
                    break
                at = span.last + 1
        missing, held_up = self._missing(), self._held_up()
        has_room = len(self._staged) < SPANS_MAX or missing == self._head + 1
        if held_up and has_room and self._again_ms(held_up) <= self._now_ms:
            keys = {span.peer for span in held_up}
            self._question(missing, max(span.last for span in held_up), but=keys)

    def _question(
        self, first: Height, last: Height, but: Collection[PublicKey] = ()
    ) -> Span | None:
        """Ask somebody for blocks from a height on, up to another at most."""
        load = Counter(span.peer for span in self._asked.values())
        key = self._sources.choose(first, load, self._now_ms, but)
        peer = self._sources.get(key) if key is not None else None
        if key is None or peer is None:
            return None
        halvings = min(peer.failures, HALVINGS_MAX)
        end = min(first + (SPAN_BLOCKS >> halvings) - 1, last, peer.height)
        span = Span(self._next_number, key, first, end, self._now_ms, is_again=bool(but))
        self._next_number += 1
        self._asked[span.number] = span
        self._effects.append(Ask(key, span.number, first, end - first + 1, halvings))
        return span

    def _has_room(self) -> bool:
        """Return whether another span may be asked for; one that is asked in vain takes no place.

        Blocks right above the head are asked for although what waits for them fills all places.
        """
        asked = (span for span in self._asked.values() if span.last > self._head)
        return len(self._staged) + sum(not span.is_again for span in asked) < SPANS_MAX

    def _missing(self) -> Height:
        """Return the lowest height that has not come."""
        at = self._head + 1
        for span in sorted(self._staged.values(), key=_first_of):
            if span.first > at:
                break
            at = max(at, span.last + 1)
        return at

    def _held_up(self) -> list[Span]:
        """Return the questions for the lowest height that has not come."""
        at = self._missing()
        return [span for span in self._asked.values() if span.first <= at <= span.last]

    def _again_ms(self, held_up: Sequence[Span]) -> int:
        """Return when somebody else is asked for what these were asked for."""
        newest_ms = max(span.asked_ms for span in held_up)
        return newest_ms + (AGAIN_MS << len(held_up) - 1)

    def _gaps(self) -> Iterator[tuple[Height, Height]]:
        """Yield first and last height of what nobody was asked for and did not come, ascending."""
        at, target = self._head + 1, self._target()
        for span in sorted((*self._asked.values(), *self._staged.values()), key=_first_of):
            if span.first > at:
                yield at, min(span.first - 1, target)
            at = max(at, span.last + 1)
        if at <= target:
            yield at, target

    def _target(self) -> Height:
        return self._sources.target(self._head, is_still=self._is_still())

    def _is_still(self) -> bool:
        return self._now_ms >= self._moved_ms + STILL_MS

    def _patient_until(self) -> int | None:
        """Return until when a small gap is left alone; None if nothing is left alone."""
        gap = self._target() - self._head
        if gap > NEAR_BLOCKS or self._behind_since_ms is None:
            return None
        until_ms = max(self._behind_since_ms, self._moved_ms) + self.patience_ms
        return until_ms if until_ms > self._now_ms else None

    def _set_alarm(self) -> None:
        times = [self._due_ms(span) for span in self._asked.values()]
        if self._sources.target(self._head, is_still=True) > self._head:
            times.append(self._moved_ms + STILL_MS)
        if self._target() > self._head:
            times += self._sources.rests()
            patient_until = self._patient_until()
            if patient_until is not None:
                times.append(patient_until)
            elif held_up := self._held_up():
                times.append(self._again_ms(held_up))
        alarm_ms = min((time for time in times if time > self._now_ms), default=None)
        if alarm_ms != self._alarm_ms:
            self._alarm_ms = alarm_ms
            self._effects.append(WakeAt(alarm_ms))


def _first_of(span: Span) -> Height:
    return span.first

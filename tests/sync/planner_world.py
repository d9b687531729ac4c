"""Peers of a planner by what they do, and a clock."""

import random
from dataclasses import dataclass, field
from heapq import heappop, heappush

from hypothesis import strategies as st

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
    Refused,
    Spoilt,
    Tick,
    WakeAt,
)
from node.sync.planner import (
    ANSWER_MS,
    SPAN_BLOCKS,
    SPANS_MAX,
    Planner,
)
from node.sync.sources import SPANS_PER_PEER_MAX

HONEST = "honest"
AGAIN_SPANS_MAX = 3
"""What was asked for again before the first peer was given up may come, too."""

KINDS = ("mute", "liar", "garbler", "forger", "flapper", "slow", "short")


@dataclass
class World:
    """Peers by what they do, and a clock; everything random comes from a seed."""

    chance: random.Random
    height: int
    peers: dict[bytes, str]
    planner: Planner = field(default_factory=lambda: Planner(0))
    now_ms: int = 0
    head: int = 0
    trusted: frozenset[bytes] = frozenset()
    import_ms_max: int = 500
    queue: list[tuple[int, int, Event]] = field(default_factory=list)
    alarm_ms: int | None = None
    questions: dict[int, Ask] = field(default_factory=dict)
    staged: dict[int, tuple[int, int, bytes]] = field(default_factory=dict)
    importing: int | None = None
    blamed: set[bytes] = field(default_factory=set)
    steps: int = 0

    def announce(self, peer: bytes, height: int) -> None:
        self.feed(Announced(self.now_ms, peer, height, peer in self.trusted))

    def later(self, delay_ms: int, event: Event) -> None:
        heappush(self.queue, (self.now_ms + delay_ms, self.steps, event))
        self.steps += 1

    def feed(self, event: Event) -> None:
        if isinstance(event, Answered):
            asked = self.questions.pop(event.number)
            self.staged[event.number] = (asked.first, event.last, asked.peer)
        for effect in self.planner.handle(event):
            self.carry_out(effect)
        assert len(self.staged) <= SPANS_MAX + AGAIN_SPANS_MAX
        for peer in self.peers:
            waiting = sum(question.peer == peer for question in self.questions.values())
            assert waiting <= SPANS_PER_PEER_MAX or self.peers[peer] in ("mute", "slow")

    def carry_out(self, effect: Effect) -> None:
        match effect:
            case Ask(peer=peer, number=number, first=first, blocks_max=blocks_max):
                assert number not in self.questions
                assert 1 <= blocks_max <= SPAN_BLOCKS
                assert first > self.head
                self.questions[number] = effect
                self.answer(self.peers[peer], effect)
            case Import(number=number):
                self.start_import(number)
            case Drop(number=number):
                assert number != self.importing
                self.staged.pop(number, None)
            case Blame(peer=peer):
                assert self.peers[peer] == "forger"
                self.blamed.add(peer)
                self.later(1, Left(self.now_ms + 1, peer))
            case WakeAt(at_ms=at_ms):
                self.alarm_ms = at_ms

    def start_import(self, number: int) -> None:
        assert self.importing is None, "one at a time"
        first, last, peer = self.staged[number]
        assert first <= self.head + 1 <= last, "in order, and not in vain"
        self.importing = number
        at_ms = self.now_ms + self.chance.randrange(1, self.import_ms_max)
        is_forged = self.peers[peer] == "forger"
        refused = Refused(at_ms, number, "RANGE_UNPROVED")
        event = refused if is_forged else Imported(at_ms, number)
        self.later(at_ms - self.now_ms, event)

    def answer(self, kind: str, ask: Ask) -> None:
        delay_ms = self.chance.randrange(1, 200)
        at_ms, last = self.now_ms + delay_ms, ask.first + ask.blocks_max - 1
        match kind:
            case "mute":
                return
            case "slow":
                delay_ms = ANSWER_MS + self.chance.randrange(-100, 5_000)
                at_ms = self.now_ms + delay_ms
            case "liar":
                self.later(delay_ms, Empty(at_ms, ask.number))
                return
            case "garbler":
                self.later(delay_ms, Spoilt(at_ms, ask.number))
                return
            case "short":
                last = self.chance.randrange(ask.first, last + 1)
        if ask.first > self.height and kind != "forger":
            self.later(delay_ms, Empty(at_ms, ask.number))
            return
        end = last if kind == "forger" else min(last, self.height)
        self.later(delay_ms, Answered(at_ms, ask.number, end))

    def run(self, limit_ms: int) -> None:
        """Run until the head reaches the honest height, before a time."""
        self.run_until(limit_ms)
        assert self.head == self.height, self.planner.progress()

    def run_until(self, limit_ms: int) -> None:
        """Run until the head reaches the honest height, or a time has come."""
        while self.head < self.height and self.now_ms < limit_ms:
            next_ms = self.queue[0][0] if self.queue else None
            assert next_ms is not None or self.alarm_ms is not None, "nothing would wake it"
            if next_ms is None or (self.alarm_ms is not None and self.alarm_ms < next_ms):
                assert self.alarm_ms is not None
                self.now_ms, self.alarm_ms = max(self.now_ms, self.alarm_ms), None
                self.feed(Tick(self.now_ms))
            else:
                self.now_ms, _, event = heappop(self.queue)
                self.happen(event)

    def happen(self, event: Event) -> None:
        if isinstance(event, Imported | Refused):
            assert event.number == self.importing
            self.importing = None
            _, last, _ = self.staged.pop(event.number)
            if isinstance(event, Imported):
                self.head = max(self.head, last)
                self.feed(Moved(self.now_ms, self.head))
        if isinstance(event, Left):
            if self.peers[event.peer] == "flapper":
                back = Announced(self.now_ms + 300, event.peer, self.height, False)
                self.later(300, back)
                self.later(900, Left(self.now_ms + 900, event.peer))
            self.questions = {n: q for n, q in self.questions.items() if q.peer != event.peer}
        if isinstance(event, Answered | Empty | Spoilt) and event.number not in self.questions:
            return  # The shell knows no such question any more.
        if isinstance(event, Empty | Spoilt):
            del self.questions[event.number]
        self.feed(event)


worlds = st.builds(
    lambda seed, height, kinds: World(
        random.Random(seed),
        height,
        {bytes([at]) * 32: kind for at, kind in enumerate((*kinds, HONEST))},
    ),
    st.integers(0, 2**32),
    st.integers(1, 2_000),
    st.lists(st.sampled_from(KINDS), max_size=8),
)


def said(now_ms: int, peer: bytes, height: int, *, is_trusted: bool = True) -> Announced:
    return Announced(now_ms, peer, height, is_trusted)


def asks(effects: tuple[Effect, ...]) -> list[Ask]:
    return [effect for effect in effects if isinstance(effect, Ask)]

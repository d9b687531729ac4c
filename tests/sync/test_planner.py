"""The planner among hostile peers: it ends, imports in order, and blames only who is at fault."""

import random
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import pairwise

from hypothesis import given
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
    Spoilt,
    Tick,
    Unproved,
    WakeAt,
)
from node.sync.planner import (
    ANSWER_MS,
    NEAR_BLOCKS,
    REST_MS,
    SPAN_BLOCKS,
    SPANS_MAX,
    SPANS_PER_PEER_MAX,
    Planner,
)

HONEST = "honest"
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
    queue: list[tuple[int, int, Event]] = field(default_factory=list)
    alarm_ms: int | None = None
    questions: dict[int, Ask] = field(default_factory=dict)
    staged: dict[int, tuple[int, int, bytes]] = field(default_factory=dict)
    importing: int | None = None
    blamed: set[bytes] = field(default_factory=set)
    steps: int = 0

    def later(self, delay_ms: int, event: Event) -> None:
        heappush(self.queue, (self.now_ms + delay_ms, self.steps, event))
        self.steps += 1

    def feed(self, event: Event) -> None:
        if isinstance(event, Answered):
            asked = self.questions.pop(event.number)
            self.staged[event.number] = (asked.first, event.last, asked.peer)
        for effect in self.planner.handle(event):
            self.carry_out(effect)
        progress = self.planner.progress()
        assert progress.asked + progress.waiting <= SPANS_MAX

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
        at_ms = self.now_ms + self.chance.randrange(1, 500)
        is_forged = self.peers[peer] == "forger"
        event = Unproved(at_ms, number) if is_forged else Imported(at_ms, number)
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
        """Run until the head reaches the honest height."""
        while self.head < self.height:
            next_ms = self.queue[0][0] if self.queue else None
            assert next_ms is not None or self.alarm_ms is not None, "nothing would wake it"
            if next_ms is None or (self.alarm_ms is not None and self.alarm_ms < next_ms):
                assert self.alarm_ms is not None
                self.now_ms, self.alarm_ms = max(self.now_ms, self.alarm_ms), None
                self.feed(Tick(self.now_ms))
            else:
                self.now_ms, _, event = heappop(self.queue)
                self.happen(event)
            assert self.now_ms < limit_ms, self.planner.progress()

    def happen(self, event: Event) -> None:
        if isinstance(event, Imported | Unproved):
            assert event.number == self.importing
            self.importing = None
            _, last, _ = self.staged.pop(event.number)
            if isinstance(event, Imported):
                self.head = max(self.head, last)
                self.feed(Moved(self.now_ms, self.head))
        if isinstance(event, Left):
            if self.peers[event.peer] == "flapper":
                self.later(300, Announced(self.now_ms + 300, event.peer, self.height))
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


@given(worlds)
def test_one_honest_peer_among_hostile_ones_is_enough(world: World) -> None:
    for key, kind in world.peers.items():
        claimed = world.height if kind == HONEST else world.height + world.chance.randrange(10_000)
        world.feed(Announced(0, key, claimed))
        if kind == "flapper":
            world.later(500, Left(500, key))
    world.run(limit_ms=20 * 60_000)
    assert world.head == world.height
    assert world.blamed <= {key for key, kind in world.peers.items() if kind == "forger"}


def planner_behind(height: int, peers: int = 1, patience_ms: int = 0) -> Planner:
    planner = Planner(0, patience_ms=patience_ms)
    for at in range(peers):
        planner.handle(Announced(0, bytes([at]), height))
    return planner


def asks(effects: tuple[Effect, ...]) -> list[Ask]:
    return [effect for effect in effects if isinstance(effect, Ask)]


def test_a_node_that_is_not_behind_asks_nothing() -> None:
    planner = Planner(10)
    assert planner.handle(Announced(0, b"a", 10)) == ()
    assert planner.handle(Moved(1, 11)) == ()


def test_several_peers_are_asked_for_different_spans_at_once() -> None:
    planner = Planner(0)
    planner.handle(Announced(0, b"a", 1))
    found = [*asks(planner.handle(Announced(0, b"b", 1_000)))]
    found += asks(planner.handle(Announced(0, b"c", 1_000)))
    heights = [(ask.first, ask.first + ask.blocks_max - 1) for ask in found]
    assert heights == sorted(heights)
    assert all(later[0] == earlier[1] + 1 for earlier, later in pairwise(heights))
    assert {ask.peer for ask in found} == {b"b", b"c"}
    for peer in (b"b", b"c"):
        assert sum(ask.peer == peer for ask in found) <= SPANS_PER_PEER_MAX


def test_a_member_leaves_a_small_gap_to_consensus_for_a_while() -> None:
    planner = Planner(0, patience_ms=500)
    (wake,) = planner.handle(Announced(100, b"a", NEAR_BLOCKS))
    assert wake == WakeAt(500)
    assert asks(planner.handle(Tick(499))) == []
    assert len(asks(planner.handle(Tick(500)))) == 1


def test_a_large_gap_is_not_left_alone() -> None:
    planner = Planner(0, patience_ms=500)
    assert asks(planner.handle(Announced(100, b"a", NEAR_BLOCKS + 1)))
    assert planner.is_far_behind


def test_a_peer_that_does_not_answer_rests_longer_each_time() -> None:
    planner = planner_behind(1_000)
    now_ms, rests = 0, []
    for failures in range(3):
        now_ms += (1 + failures) * ANSWER_MS
        gave_up_ms = now_ms
        assert not asks(planner.handle(Tick(now_ms)))
        while not asks(planner.handle(Tick(now_ms))):
            now_ms += 100
        rests.append(now_ms - gave_up_ms)
    assert rests == [REST_MS, 2 * REST_MS, 4 * REST_MS]


def test_a_peer_that_lies_about_its_height_costs_a_question_a_second_and_is_not_believed() -> None:
    planner = Planner(0)
    asked = 0
    for now_ms in range(0, 10 * REST_MS, 10):
        for ask in asks(planner.handle(Announced(now_ms, b"a", 10**9))):
            asked += 1
            planner.handle(Empty(now_ms, ask.number))
    assert asked <= 10 * SPANS_PER_PEER_MAX
    assert not planner.is_far_behind
    assert planner.progress().target == 0


def test_what_the_own_head_has_passed_is_dropped() -> None:
    planner = Planner(0)
    first, second = asks(planner.handle(Announced(0, b"a", 2 * SPAN_BLOCKS)))
    planner.handle(Answered(1, second.number, 2 * SPAN_BLOCKS))
    assert Drop(second.number) in planner.handle(Moved(2, 2 * SPAN_BLOCKS))
    assert planner.handle(Answered(3, first.number, SPAN_BLOCKS)) == (
        Drop(first.number),
        WakeAt(None),
    )

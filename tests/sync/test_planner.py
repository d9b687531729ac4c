"""The planner among hostile peers: it ends, imports in order, and blames only who is at fault."""

import random
from dataclasses import dataclass, field
from functools import cache
from heapq import heappop, heappush
from itertools import pairwise

import pytest
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
    Paged,
    Refused,
    Spoilt,
    Tick,
    WakeAt,
)
from node.sync.planner import (
    AGAIN_MS,
    ANSWER_MS,
    NEAR_BLOCKS,
    SPAN_BLOCKS,
    SPANS_MAX,
    Planner,
)
from node.sync.sources import PACE_HALVES_MS, REST_MS, SPANS_PER_PEER_MAX

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


@given(worlds)
def test_one_honest_peer_among_hostile_ones_is_enough(world: World) -> None:
    for key, kind in world.peers.items():
        claimed = world.height if kind == HONEST else world.height + world.chance.randrange(10_000)
        world.announce(key, claimed)
        if kind == "flapper":
            world.later(500, Left(500, key))
    world.run(limit_ms=20 * 60_000)
    assert world.head == world.height
    assert world.blamed <= {key for key, kind in world.peers.items() if kind == "forger"}


def said(now_ms: int, peer: bytes, height: int, *, is_trusted: bool = True) -> Announced:
    return Announced(now_ms, peer, height, is_trusted)


def planner_behind(height: int, peers: int = 1, patience_ms: int = 0) -> Planner:
    planner = Planner(0, patience_ms=patience_ms)
    for at in range(peers):
        planner.handle(said(0, bytes([at]), height))
    return planner


def asks(effects: tuple[Effect, ...]) -> list[Ask]:
    return [effect for effect in effects if isinstance(effect, Ask)]


def test_a_node_that_is_not_behind_asks_nothing() -> None:
    planner = Planner(10)
    assert planner.handle(said(0, b"a", 10)) == ()
    assert planner.handle(Moved(1, 11)) == ()


def test_several_peers_are_asked_for_different_spans_at_once() -> None:
    planner = Planner(0)
    planner.handle(said(0, b"a", 1))
    found = [*asks(planner.handle(said(0, b"b", 1_000)))]
    found += asks(planner.handle(said(0, b"c", 1_000)))
    heights = [(ask.first, ask.first + ask.blocks_max - 1) for ask in found]
    assert heights == sorted(heights)
    assert all(later[0] == earlier[1] + 1 for earlier, later in pairwise(heights))
    assert {ask.peer for ask in found} == {b"b", b"c"}
    for peer in (b"b", b"c"):
        assert sum(ask.peer == peer for ask in found) <= SPANS_PER_PEER_MAX


def test_a_member_leaves_a_small_gap_to_consensus_for_a_while() -> None:
    planner = Planner(0, patience_ms=500)
    (wake,) = planner.handle(said(100, b"a", NEAR_BLOCKS))
    assert wake == WakeAt(500)
    assert asks(planner.handle(Tick(499))) == []
    assert len(asks(planner.handle(Tick(500)))) == 1


def test_a_large_gap_is_not_left_alone() -> None:
    planner = Planner(0, patience_ms=500)
    assert asks(planner.handle(said(100, b"a", NEAR_BLOCKS + 1)))
    assert planner.is_far_behind


def test_what_is_claimed_or_only_came_is_not_importing_yet() -> None:
    planner = Planner(0)
    first, second = asks(planner.handle(said(0, b"a", 1_000)))
    assert planner.is_far_behind
    seen = []
    for event in (
        Answered(1, second.number, second.first + 3),
        Answered(2, first.number, first.first + 3),
        Moved(3, first.first + 3),
        Imported(3, first.number),
    ):
        planner.handle(event)
        seen.append(planner.is_importing)
    assert seen == [False, True, True, False]


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


def test_a_peer_that_was_late_is_asked_again_though_others_that_are_not_ahead_answer() -> None:
    planner = Planner(7)
    planner.handle(said(0, b"a", 7))
    (ask,) = asks(planner.handle(said(0, b"b", 9)))
    assert ask.peer == b"b"
    assert not asks(planner.handle(Tick(ANSWER_MS)))
    (again,) = asks(planner.handle(Tick(ANSWER_MS + REST_MS)))
    assert (again.peer, again.first) == (b"b", 8)


def test_a_peer_that_lies_about_its_height_costs_a_question_a_second_and_is_not_believed() -> None:
    planner = Planner(0)
    asked = 0
    for now_ms in range(0, 10 * REST_MS, 10):
        for ask in asks(planner.handle(said(now_ms, b"a", 10**9))):
            asked += 1
            planner.handle(Empty(now_ms, ask.number))
    assert asked <= 10 * SPANS_PER_PEER_MAX
    assert not planner.is_far_behind
    assert planner.progress().target == 0


def test_what_the_own_head_has_passed_is_dropped() -> None:
    planner = Planner(0)
    first, second = asks(planner.handle(said(0, b"a", 2 * SPAN_BLOCKS)))
    planner.handle(Answered(1, second.number, 2 * SPAN_BLOCKS))
    assert Drop(second.number) in planner.handle(Moved(2, 2 * SPAN_BLOCKS))
    assert planner.handle(Answered(3, first.number, SPAN_BLOCKS)) == (
        Drop(first.number),
        WakeAt(None),
    )


# ---------------------------------------------------------------- strangers


def blocks_in(
    seconds: int, strangers: dict[bytes, str], *, trust: bool, trust_all: bool = False
) -> int:
    """Return how many blocks a node fetches of three honest peers in a time, among strangers."""
    honest = {b"honest-%d" % at: HONEST for at in range(3)}
    trusted = frozenset(honest) if trust else frozenset()
    # The strangers came first, and claim more than there is.
    peers = {**strangers, **honest}
    trusted = frozenset(peers) if trust_all else trusted
    world = World(random.Random(7), 10**9, peers, trusted=trusted, import_ms_max=20)
    for key in strangers:
        world.announce(key, 2 * 10**9)
    for key in honest:
        world.announce(key, 10**9)
    world.run_until(seconds * 1_000)
    return world.head


@cache
def alone(seconds: int) -> int:
    return blocks_in(seconds, {}, trust=True)


@pytest.mark.parametrize("kind", ["mute", "liar", "garbler", "forger", "slow", "short", "flapper"])
@pytest.mark.parametrize("count", [8, 32])
def test_strangers_do_not_slow_down_what_trusted_peers_give(kind: str, count: int) -> None:
    strangers = {b"stranger-%d" % at: kind for at in range(count)}
    # They cost what they were asked before anybody else was there: a second.
    assert blocks_in(6, strangers, trust=True) >= 0.75 * alone(6)


@pytest.mark.parametrize("kind", ["mute", "slow"])
def test_among_strangers_only_those_that_gave_are_asked_once_they_are_found(kind: str) -> None:
    strangers = {b"stranger-%d" % at: kind for at in range(16)}
    assert blocks_in(50, strangers, trust=False) >= 0.5 * alone(50)


@given(worlds, st.integers(1, 40), st.data())
def test_any_number_of_strangers_leaves_one_trusted_honest_peer_enough(
    world: World, count: int, data: st.DataObject
) -> None:
    (honest,) = (key for key, kind in world.peers.items() if kind == HONEST)
    world.trusted = frozenset({honest})
    for at in range(count):
        world.peers[b"stranger-%d" % at] = data.draw(st.sampled_from(KINDS[:4]))
    for key, kind in world.peers.items():
        world.announce(key, world.height + (0 if kind == HONEST else 10_000))
    world.run(limit_ms=1_000 * -(-world.height // SPAN_BLOCKS) + 5_000)


def test_while_a_trusted_peer_is_connected_a_stranger_counts_for_nothing() -> None:
    planner = Planner(10, patience_ms=500)
    planner.handle(said(0, b"trusted", 10))
    assert asks(planner.handle(said(1, b"stranger", 10**6, is_trusted=False))) == []
    assert not planner.is_far_behind
    assert planner.progress().target == 10
    found = asks(planner.handle(said(600, b"trusted", 11)))
    assert [(ask.peer, ask.first, ask.blocks_max) for ask in found] == [(b"trusted", 11, 1)]
    planner.handle(Left(700, b"trusted"))
    assert planner.is_far_behind


def test_a_peer_is_trusted_as_long_as_it_says_so_with_what_it_announces() -> None:
    planner = Planner(0)
    planner.handle(said(0, b"a", 10, is_trusted=False))
    planner.handle(said(1, b"b", 0))
    assert planner.progress().target == 0
    planner.handle(said(2, b"b", 0, is_trusted=False))
    assert planner.progress().target == 10


def test_blocks_that_hold_up_the_others_are_asked_for_again_elsewhere_after_a_second() -> None:
    planner = Planner(0)
    (first,) = asks(planner.handle(said(0, b"a", SPAN_BLOCKS)))
    assert asks(planner.handle(said(1, b"b", SPAN_BLOCKS))) == []
    assert asks(planner.handle(Tick(AGAIN_MS - 1))) == []
    (again,) = asks(planner.handle(Tick(AGAIN_MS)))
    assert (again.peer, again.first, again.blocks_max) == (b"b", first.first, first.blocks_max)
    assert Import(again.number) in planner.handle(Answered(AGAIN_MS + 1, again.number, SPAN_BLOCKS))
    late = planner.handle(Answered(AGAIN_MS + 2, first.number, SPAN_BLOCKS))
    assert Drop(first.number) in late


def test_a_range_that_is_refused_while_it_waits_is_asked_of_somebody_else() -> None:
    planner = Planner(0)
    planner.handle(said(0, b"a", 3 * SPAN_BLOCKS))
    first, second = (span for span in range(1, 3))
    planner.handle(Answered(1, second, 2 * SPAN_BLOCKS))
    (blame,) = (
        effect
        for effect in planner.handle(Refused(2, second, "RANGE_UNPROVED"))
        if isinstance(effect, Blame)
    )
    assert blame == Blame(b"a", "RANGE_UNPROVED")
    planner.handle(Left(3, b"a"))
    found = asks(planner.handle(said(4, b"b", 3 * SPAN_BLOCKS)))
    assert [ask.first for ask in found] == [1, SPAN_BLOCKS + 1]
    assert first not in {ask.number for ask in found}


def test_who_answers_sooner_is_asked_first_and_waited_for() -> None:
    planner = Planner(0)
    for peer in (b"slow", b"quick"):
        planner.handle(said(0, peer, SPAN_BLOCKS))
    planner.handle(Tick(AGAIN_MS))  # The second peer is asked, too.
    planner.handle(Answered(AGAIN_MS + 10, 2, SPAN_BLOCKS))
    planner.handle(Answered(AGAIN_MS + 20, 1, SPAN_BLOCKS))
    planner.handle(Moved(AGAIN_MS + 30, SPAN_BLOCKS))
    found = asks(planner.handle(said(AGAIN_MS + 30, b"quick", 10_000)))
    found += asks(planner.handle(said(AGAIN_MS + 30, b"slow", 10_000)))
    assert [ask.peer for ask in found] == [b"quick"] * SPANS_PER_PEER_MAX


def test_who_did_not_answer_for_long_is_tried_again() -> None:
    planner = Planner(0)
    for peer in (b"slow", b"quick"):
        planner.handle(said(0, peer, SPAN_BLOCKS))
    planner.handle(Tick(AGAIN_MS))
    planner.handle(Answered(AGAIN_MS + 10, 2, SPAN_BLOCKS))
    planner.handle(Answered(AGAIN_MS + 20, 1, SPAN_BLOCKS))
    planner.handle(Moved(AGAIN_MS + 30, SPAN_BLOCKS))
    later_ms = AGAIN_MS + 31 * PACE_HALVES_MS
    found = asks(planner.handle(said(later_ms, b"quick", 10_000)))
    found += asks(planner.handle(said(later_ms, b"slow", 10_000)))
    assert {ask.peer for ask in found} == {b"quick", b"slow"}


def test_nobody_waits_for_a_trusted_peer_that_stopped_to_answer() -> None:
    assert blocks_in(20, {b"silent": "mute"}, trust=True, trust_all=True) >= 0.8 * alone(20)


def test_headers_instead_of_blocks_are_followed_by_the_same_question() -> None:
    planner = Planner(0)
    (first,) = asks(planner.handle(said(0, b"a", SPAN_BLOCKS)))
    (again,) = asks(planner.handle(Paged(1, first.number, is_useful=True)))
    assert (again.peer, again.first, again.number) == (b"a", first.first, first.number + 1)
    assert asks(planner.handle(Paged(2, again.number, is_useful=False))) == []
    assert len(asks(planner.handle(Tick(2 + REST_MS)))) == 1


def test_a_peer_that_was_late_is_asked_for_half_as_much() -> None:
    planner = planner_behind(1_000)
    planner.handle(Tick(ANSWER_MS))
    halves = asks(planner.handle(Tick(ANSWER_MS + REST_MS)))
    assert {(ask.blocks_max, ask.halvings) for ask in halves} == {(SPAN_BLOCKS // 2, 1)}

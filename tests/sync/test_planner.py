"""The planner among hostile peers: it ends, imports in order, and blames only who is at fault."""

from itertools import pairwise

from hypothesis import given

from node.sync.events import (
    Answered,
    Blame,
    Drop,
    Empty,
    Imported,
    Left,
    Moved,
    Paged,
    Refused,
    Tick,
    WakeAt,
)
from node.sync.planner import (
    ANSWER_MS,
    NEAR_BLOCKS,
    SPAN_BLOCKS,
    Planner,
)
from node.sync.sources import REST_MS, SPANS_PER_PEER_MAX
from tests.sync.planner_world import HONEST, World, asks, said, worlds


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


def planner_behind(height: int, peers: int = 1, patience_ms: int = 0) -> Planner:
    planner = Planner(0, patience_ms=patience_ms)
    for at in range(peers):
        planner.handle(said(0, bytes([at]), height))
    return planner


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
    assert wake == WakeAt(600)
    assert asks(planner.handle(Tick(599))) == []
    assert len(asks(planner.handle(Tick(600)))) == 1


def test_a_member_whose_blocks_take_long_asks_for_none_that_consensus_brings_in_time() -> None:
    planner, asked = Planner(0, patience_ms=500), 0
    for height in range(1, 20):
        # Another is sooner by almost the patience, and blocks take longer than that.
        asked += len(asks(planner.handle(said(1_000 * height, b"a", height))))
        asked += len(asks(planner.handle(Moved(1_000 * height + 499, height))))
    assert asked == 0
    planner.handle(said(20_000, b"a", 20))
    assert len(asks(planner.handle(Tick(20_500)))) == 1


def test_a_member_that_stays_behind_asks_although_others_go_on() -> None:
    planner = Planner(0, patience_ms=500)
    planner.handle(said(1_000, b"a", 1))
    assert asks(planner.handle(said(1_400, b"a", 2))) == []
    (ask,) = asks(planner.handle(said(1_500, b"a", 3)))
    assert (ask.first, ask.blocks_max) == (1, 3)


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

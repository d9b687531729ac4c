"""Strangers neither slow a catch-up down nor set its target; who answers sooner is asked first."""

import random
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.sync.events import (
    Answered,
    Drop,
    Import,
    Left,
    Moved,
    Tick,
    WakeAt,
)
from node.sync.planner import (
    AGAIN_MS,
    SPAN_BLOCKS,
    STILL_MS,
    Planner,
)
from node.sync.sources import PACE_HALVES_MS, REST_MS, SPANS_PER_PEER_MAX, Sources
from tests.sync.planner_world import HONEST, KINDS, World, asks, said, worlds


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
    planner.handle(said(600, b"trusted", 11))
    found = asks(planner.handle(Tick(1_100)))
    assert [(ask.peer, ask.first, ask.blocks_max) for ask in found] == [(b"trusted", 11, 1)]
    planner.handle(Left(1_200, b"trusted"))
    assert planner.is_far_behind


def test_strangers_are_asked_for_what_no_trusted_peer_has_once_nothing_comes_for_long() -> None:
    planner = Planner(10)
    planner.handle(said(0, b"trusted", 10))
    assert planner.handle(said(1, b"stranger", 12, is_trusted=False)) == (WakeAt(STILL_MS),)
    (ask,) = asks(planner.handle(Tick(STILL_MS)))
    assert (ask.peer, ask.first, ask.blocks_max) == (b"stranger", 11, 2)
    assert not planner.is_far_behind
    assert planner.progress().target == 10
    # It does not answer; what a trusted peer has by then is asked of that one at once.
    (again,) = asks(planner.handle(said(STILL_MS + AGAIN_MS, b"trusted", 11)))
    assert (again.peer, again.first, again.blocks_max) == (b"trusted", 11, 1)


def test_a_trusted_peer_that_was_late_twice_comes_behind_a_stranger_that_gave() -> None:
    sources = Sources()
    sources.announce(b"trusted", 10, is_trusted=True)
    sources.announce(b"proved", 10, is_trusted=False)
    sources.announce(b"unknown", 10, is_trusted=False)
    trusted, proved = sources.get(b"trusted"), sources.get(b"proved")
    assert trusted is not None
    assert proved is not None
    proved.has_given = True
    trusted.was_late(0)
    assert sources.choose(1, {}, REST_MS) == b"trusted"
    trusted.was_late(0)
    assert sources.choose(1, {}, 3 * REST_MS) == b"proved"
    assert sources.choose(1, {}, 3 * REST_MS, but={b"proved"}) == b"trusted"


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

"""Seen ids along a block's own ancestry (T1, T2)."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ledger.seen import SLICE_MS, SeenIds, SeenOverlay


def identity(number: int) -> bytes:
    return number.to_bytes(32, "big")


def test_an_id_is_seen_by_descendants_and_not_by_siblings() -> None:
    base = SeenIds([(identity(1), 50_000)])
    parent = base.overlay([(identity(2), 60_000)])
    child = parent.overlay([(identity(3), 70_000)])
    sibling = parent.overlay([(identity(4), 70_000)])
    assert [child.contains(identity(n), 50_000 + (n - 1) * 10_000) for n in (1, 2, 3)] == [True] * 3
    assert not child.contains(identity(4), 70_000)
    assert not sibling.contains(identity(3), 70_000)
    assert not base.contains(identity(2), 60_000)


def test_ids_that_share_a_16_byte_prefix_are_different_ids() -> None:
    seen = SeenIds([(b"\x01" * 31 + b"\x00", 5)])
    assert not seen.contains(b"\x01" * 31 + b"\x02", 5)
    assert not seen.overlay([]).contains(b"\x01" * 31 + b"\x02", 5)


def test_pruning_keeps_every_id_that_may_still_be_repeated() -> None:
    ids = [(identity(n), n * 1_000) for n in range(100)]
    seen = SeenIds(ids)
    for now in range(0, 100_001, 500):
        seen.prune(now)
        assert all(seen.contains(i, until) for i, until in ids if until >= now)
    assert len(seen) == 0


def test_pruning_forgets_whole_slices() -> None:
    seen = SeenIds([(identity(1), SLICE_MS - 1), (identity(2), SLICE_MS)])
    seen.prune(SLICE_MS - 1)
    assert len(seen) == 2
    seen.prune(SLICE_MS)
    assert len(seen) == 1


def test_a_child_of_a_final_block_stays_valid_and_a_sibling_does_not() -> None:
    base = SeenIds()
    final, dropped = base.overlay([(identity(1), 5)]), base.overlay([(identity(2), 5)])
    child = final.overlay([(identity(3), 5)])
    base.absorb(final)
    assert child.contains(identity(1), 5)
    assert final.contains(identity(1), 5)
    assert not final.overlay([]).contains(identity(2), 5)
    with pytest.raises(AssertionError, match="stale"):
        dropped.contains(identity(1), 5)
    with pytest.raises(AssertionError, match="stale"):
        base.absorb(dropped)


def test_only_the_lowest_block_of_a_branch_can_become_final() -> None:
    base = SeenIds()
    parent = base.overlay([])
    child = parent.overlay([])
    with pytest.raises(AssertionError, match="lowest"):
        base.absorb(child)
    with pytest.raises(AssertionError, match="another base"):
        SeenOverlay(SeenIds(), parent, [])


class BlocksAndFinality(RuleBasedStateMachine):
    """Any growth of a block tree, with any finality: what is seen equals the ancestors' ids."""

    @initialize()
    def start(self) -> None:
        self.base = SeenIds()
        self.final: set[int] = set()
        self.live: list[tuple[SeenOverlay, set[int]]] = []
        self.roots: list[tuple[int, ...]] = []
        self.number = 0
        self.paths: list[tuple[int, ...]] = []

    @rule(count=st.integers(0, 3), pick=st.integers(0, 50))
    def add_block(self, count: int, pick: int) -> None:
        new = list(range(self.number + 1, self.number + 1 + count))
        self.number += count
        pairs = [(identity(n), n * 3_000) for n in new]
        choice = pick % (len(self.live) + 1)
        if choice == len(self.live):
            overlay, known = self.base.overlay(pairs), self.final
            path: tuple[int, ...] = ()
        else:
            parent, known = self.live[choice]
            overlay, path = parent.overlay(pairs), self.paths[choice]
        self.live.append((overlay, known | set(new)))
        self.paths.append((*path, id(overlay)))

    @rule(pick=st.integers(0, 50))
    def finalize(self, pick: int) -> None:
        lowest = [i for i, path in enumerate(self.paths) if len(path) == 1]
        if not lowest:
            return
        index = lowest[pick % len(lowest)]
        overlay, self.final = self.live[index]
        self.base.absorb(overlay)
        kept = [i for i, p in enumerate(self.paths) if p[0] == id(overlay) and i != index]
        self.live = [self.live[i] for i in kept]
        self.paths = [self.paths[i][1:] for i in kept]

    @invariant()
    def each_block_sees_its_ancestors_ids_and_no_others(self) -> None:
        views: list[tuple[SeenIds | SeenOverlay, set[int]]] = [(self.base, self.final), *self.live]
        for view, known in views:
            seen = {n for n in range(1, self.number + 1) if view.contains(identity(n), n * 3_000)}
            assert seen == known


TestBlocksAndFinality = BlocksAndFinality.TestCase
TestBlocksAndFinality.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)

"""The state tree against a recursive reference that shares no code with it (S1)."""

import hashlib
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ledger.bucket_tree import BucketTree, TreeOverlay

Map = dict[bytes, bytes]
BUCKETS = (2**8, 2**9, 2**10, 2**11, 2**12)
KEYS = st.integers(0, 600).map(lambda n: n.to_bytes(3, "big"))
CHANGES = st.dictionaries(KEYS, st.none() | st.binary(max_size=4), max_size=30)


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def bits_of(data: bytes) -> str:
    return "".join(f"{byte:08b}" for byte in data)


def reference_root(state: Map, buckets: int) -> bytes:
    """The definition, read top down over bit strings."""
    entries = sorted((bits_of(sha(k)), sha(k) + sha(v)) for k, v in state.items())
    return reference_node(tuple(entries), "", buckets.bit_length() - 1)


@lru_cache(maxsize=4096)
def reference_node(entries: tuple[tuple[str, bytes], ...], prefix: str, bits: int) -> bytes:
    if len(prefix) >= bits and len(entries) <= 64:
        return sha(b"\x02" + b"".join(entry for _, entry in entries))
    step = 4 if prefix or bits % 4 == 0 else bits % 4
    children = b""
    for number in range(2**step):
        below = prefix + f"{number:0{step}b}"
        mine = tuple(e for e in entries if e[0].startswith(below))
        children += reference_node(mine, below, bits)
    return sha((b"\x04" if len(prefix) < bits else b"\x03") + children)


def keys_in_one_bucket(count: int, bits: int = 8) -> list[bytes]:
    """Grind keys whose digests share their first bits, as an attacker would."""
    found: list[bytes] = []
    number = 0
    while len(found) < count:
        key = number.to_bytes(4, "big")
        if int.from_bytes(sha(key)[:4], "big") >> (32 - bits) == 0x5A >> max(0, 8 - bits):
            found.append(key)
        number += 1
    return found


def applied(state: Map, changes: dict[bytes, bytes | None]) -> Map:
    merged = {**state, **changes}
    return {key: value for key, value in merged.items() if value is not None}


@pytest.mark.parametrize("buckets", BUCKETS)
def test_an_empty_state_has_the_defined_root(buckets: int) -> None:
    assert BucketTree(buckets).root == reference_root({}, buckets)
    assert BucketTree.build([], buckets).root == reference_root({}, buckets)


@given(state=st.dictionaries(KEYS, st.binary(max_size=4), max_size=60))
@settings(max_examples=25, deadline=None)
@pytest.mark.parametrize("buckets", BUCKETS)
def test_building_from_scratch_gives_the_defined_root(buckets: int, state: Map) -> None:
    assert BucketTree.build(state.items(), buckets).root == reference_root(state, buckets)


@pytest.mark.parametrize("buckets", [7, 0, 1, -256, 2**7, 2**21, 2**8 + 1])
def test_a_number_of_buckets_outside_the_rule_is_refused(buckets: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        BucketTree(buckets)


@given(start=st.dictionaries(KEYS, st.binary(max_size=4), max_size=60), changes=CHANGES)
@settings(deadline=None)
def test_an_overlay_has_the_root_of_the_changed_state(
    start: Map, changes: dict[bytes, bytes | None]
) -> None:
    tree = BucketTree.build(start.items(), 2**9)
    before = tree.root
    overlay = tree.overlay(changes)
    assert overlay.root == reference_root(applied(start, changes), 2**9)
    assert tree.root == before == BucketTree.build(start.items(), 2**9).root


def test_blocks_of_many_steps_have_the_root_of_the_changed_state() -> None:
    """More changed keys, buckets and rows than a step takes, on a parent's tree and final."""
    keys = [number.to_bytes(3, "big") for number in range(900)]
    state: Map = dict.fromkeys(keys[:600], b"old")
    tree = BucketTree.build(state.items(), 2**12)
    changes: list[dict[bytes, bytes | None]] = [
        dict.fromkeys(keys[300:], b"new"),
        {**dict.fromkeys(keys[:450]), **dict.fromkeys(keys[500:], b"newer")},
    ]
    parent = tree.overlay(changes[0])
    child = tree.overlay(changes[1], parent)
    for overlay, change in zip((parent, child), changes, strict=True):
        state = applied(state, change)
        assert overlay.root == reference_root(state, 2**12)
        tree.absorb(overlay)
        assert tree.root == overlay.root == BucketTree.build(state.items(), 2**12).root


def test_changes_that_change_nothing_keep_the_root() -> None:
    tree = BucketTree.build([(b"a", b"1"), (b"b", b"2")], 2**8)
    assert tree.overlay({}).root == tree.root
    assert tree.overlay({b"a": b"1", b"never": None}).root == tree.root


def test_a_value_digest_that_equals_a_key_digest_is_not_taken_for_the_key() -> None:
    grinding = keys_in_one_bucket(3)
    state = {grinding[0]: grinding[1], grinding[2]: b"x"}
    tree = BucketTree.build(state.items(), 2**8)
    after = applied(state, {grinding[1]: b"y"})
    overlay = tree.overlay({grinding[1]: b"y"})
    assert overlay.root == reference_root(after, 2**8)
    assert overlay.base.overlay({grinding[1]: None}).root == tree.root


def test_a_ground_bucket_splits_and_joins_as_a_function_of_its_contents() -> None:
    keys = keys_in_one_bucket(160)
    state: Map = {}
    tree = BucketTree(2**8)
    for step in (keys[:64], keys[64:65], keys[65:130], keys[130:]):
        state.update(dict.fromkeys(step, b"v"))
        tree.absorb(tree.overlay(dict.fromkeys(step, b"v")))
        assert tree.root == reference_root(state, 2**8)
    for step in (keys[10:100], keys[100:106], keys[106:107], keys[:10], keys[107:]):
        for key in step:
            del state[key]
        tree.absorb(tree.overlay(dict.fromkeys(step)))
        assert tree.root == reference_root(state, 2**8)
    assert tree.root == BucketTree(2**8).root


def test_a_bucket_ground_deeper_than_one_split_keeps_the_defined_root() -> None:
    keys = keys_in_one_bucket(70, bits=12)
    state = {key: bytes([n]) for n, key in enumerate(keys)}
    tree = BucketTree.build(state.items(), 2**8)
    assert tree.root == reference_root(state, 2**8)
    for count, key in enumerate(keys[:12], 1):
        tree.absorb(tree.overlay({key: None, keys[40]: bytes([count])}))
        state.pop(key)
        state[keys[40]] = bytes([count])
        assert tree.root == reference_root(state, 2**8)


def test_the_order_of_changes_does_not_matter() -> None:
    keys = keys_in_one_bucket(100)
    tree = BucketTree.build([(k, b"1") for k in keys[:70]], 2**8)
    changes: dict[bytes, bytes | None] = dict.fromkeys(keys[:30])
    changes.update(dict.fromkeys(keys[60:], b"2"))
    backwards = dict(reversed(changes.items()))
    assert tree.overlay(changes).root == tree.overlay(backwards).root


def test_a_stale_sibling_is_not_read() -> None:
    tree = BucketTree(2**8)
    final, dropped = tree.overlay({b"a": b"1"}), tree.overlay({b"b": b"1"})
    below_dropped = tree.overlay({b"c": b"1"}, dropped)
    tree.absorb(final)
    for stale in (dropped, below_dropped):
        with pytest.raises(AssertionError, match="stale"):
            tree.overlay({b"d": b"1"}, stale)
    with pytest.raises(AssertionError, match="stale"):
        tree.absorb(dropped)


class BlocksAndFinality(RuleBasedStateMachine):
    """Any growth of a block tree, with any finality: each root is that of the block's own state."""

    buckets = 2**9

    @initialize(start=st.dictionaries(KEYS, st.binary(max_size=4), max_size=80))
    def start(self, start: Map) -> None:
        self.tree = BucketTree.build(start.items(), self.buckets)
        self.final = start
        self.live: list[tuple[TreeOverlay, Map, tuple[int, ...]]] = []

    @rule(changes=CHANGES, pick=st.integers(0, 50))
    def add_block(self, changes: dict[bytes, bytes | None], pick: int) -> None:
        choice = pick % (len(self.live) + 1)
        parent, state, path = (
            (None, self.final, ()) if choice == len(self.live) else self.live[choice]
        )
        overlay = self.tree.overlay(changes, parent)
        after = applied(state, changes)
        assert overlay.root == reference_root(after, self.buckets)
        self.live.append((overlay, after, (*path, id(overlay))))

    @rule(pick=st.integers(0, 50))
    def finalize(self, pick: int) -> None:
        lowest = [entry for entry in self.live if len(entry[2]) == 1]
        if not lowest:
            return
        overlay, self.final, path = lowest[pick % len(lowest)]
        self.tree.absorb(overlay)
        self.live = [
            (other, state, other_path[1:])
            for other, state, other_path in self.live
            if other_path[0] == path[0] and other is not overlay
        ]

    @invariant()
    def the_final_tree_is_the_final_states(self) -> None:
        if hasattr(self, "tree"):
            assert self.tree.root == reference_root(self.final, self.buckets)
            rebuilt = BucketTree.build(self.final.items(), self.buckets)
            assert [bytes(rebuilt.row(0, n)) for n in range(32)] == [
                bytes(self.tree.row(0, n)) for n in range(32)
            ]


TestBlocksAndFinality = BlocksAndFinality.TestCase
TestBlocksAndFinality.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)

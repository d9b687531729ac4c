"""Overlays, absorption and the due queue, against models that are dictionaries and sorted lists."""

from math import ceil
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from ledger.codec import encode
from ledger.due import DueIndex, due_ms
from ledger.gap import GAP_KEY
from ledger.records import Account, Gap, Job, Record, Table, Unbonding, state_key
from ledger.state import FinalState, Overlay
from ledger.types import TIMESTAMP_MS_MAX
from tests.ledger.phases import queued_job

BUCKETS: Final = 256
KEYS: Final = (
    *(
        state_key(table, bytes((number,)) * 20)
        for table in (Table.ACCOUNT, Table.UNBONDING, Table.JOB)
        for number in range(4)
    ),
    GAP_KEY,
)
Model = dict[bytes, Record]


def record_of(key: bytes, number: int) -> Record:
    if key[0] == Table.ACCOUNT:
        return Account(number)
    if key[0] == Table.JOB:
        return queued_job(number * 250)
    if key == GAP_KEY:
        return Gap(number * 150, number * 300, number * 300 + 1_400)
    return Unbonding(bytes(20), number, number * 250)


changes = st.dictionaries(st.sampled_from(KEYS), st.none() | st.integers(1, 40), max_size=8)


def applied(model: Model, change: dict[bytes, int | None]) -> Model:
    merged = dict(model)
    for key, number in change.items():
        merged.pop(key, None)
        if number is not None:
            merged[key] = record_of(key, number)
    return merged


def due_of(model: Model) -> list[tuple[int, bytes]]:
    """Every record's due time by itself: the eff(t) of J12 for jobs, rounded up (S3)."""
    gap = model.get(GAP_KEY)
    entries: list[tuple[int, bytes]] = []
    if isinstance(gap, Gap):
        entries.append((ceil(gap.credit_until_ms / 1_000) * 1_000, GAP_KEY))
    for key, record in model.items():
        time = due_ms(record)
        if isinstance(record, Job) and isinstance(gap, Gap):
            limit = record.start_by_ms
            if gap.from_ms < limit <= gap.to_ms:
                time = ceil(max(limit, gap.credit_until_ms) / 1_000) * 1_000
        if time is not None:
            entries.append((time, key))
    return sorted(entries)


class StatesAreDictionaries(RuleBasedStateMachine):
    """A tree of overlays of which one branch becomes final, block by block."""

    overlays = Bundle("overlays")

    def __init__(self) -> None:
        super().__init__()
        self.base_model: Model = {}
        self.models: dict[int, Model] = {}
        self.parents: dict[int, Overlay | None] = {}
        self.alive: list[Overlay] = []

    @initialize(change=changes)
    def begin(self, change: dict[bytes, int | None]) -> None:
        self.base_model = applied({}, change)
        self.base = FinalState(self.base_model, BUCKETS)

    def _extend(
        self, parent: Overlay | None, model: Model, change: dict[bytes, int | None]
    ) -> Overlay:
        overlay = (self.base if parent is None else parent).overlay()
        for key, number in change.items():
            overlay.put(key, None if number is None else record_of(key, number))
        delta = overlay.seal()
        after = applied(model, change)
        assert set(delta) == {k for k in KEYS if after.get(k) != model.get(k)}
        assert overlay.root == FinalState(after, BUCKETS).root, "incremental = from scratch"
        self.models[id(overlay)] = after
        self.parents[id(overlay)] = parent
        self.alive.append(overlay)
        return overlay

    @rule(target=overlays, change=changes)
    def extend_the_final_state(self, change: dict[bytes, int | None]) -> Overlay:
        return self._extend(None, self.base_model, change)

    @rule(target=overlays, parent=overlays, change=changes)
    def extend_a_block(self, parent: Overlay, change: dict[bytes, int | None]) -> object:
        if parent not in self.alive:
            return multiple()
        return self._extend(parent, self.models[id(parent)], change)

    @rule(overlay=consumes(overlays))
    def finalize(self, overlay: Overlay) -> None:
        if overlay not in self.alive or self.parents[id(overlay)] is not None:
            return
        self.base.absorb(overlay)
        assert self.base.root == overlay.root
        self.base_model = self.models[id(overlay)]
        descendants: list[Overlay] = []
        for other in self.alive:
            parent = self.parents[id(other)]
            if parent is overlay:
                self.parents[id(other)] = None
                descendants.append(other)
            elif parent in descendants:
                descendants.append(other)
        stale = [o for o in self.alive if o not in descendants and o is not overlay]
        for other in stale:
            with pytest.raises(AssertionError):
                other.get(KEYS[0])
        self.alive = descendants

    @invariant()
    def every_live_state_reads_as_its_model(self) -> None:
        states: list[tuple[FinalState | Overlay, Model]] = [(self.base, self.base_model)]
        states += [(overlay, self.models[id(overlay)]) for overlay in self.alive]
        for state, model in states:
            assert {key: state.get(key) for key in KEYS} == {key: model.get(key) for key in KEYS}
            assert dict(state.items()) == model
            assert list(state.due_items()) == due_of(model)

    @invariant()
    def chains_of_overlays_do_not_grow(self) -> None:
        for overlay in self.alive:
            assert len(overlay.lineage()) <= len(self.alive)


TestStatesAreDictionaries = StatesAreDictionaries.TestCase
TestStatesAreDictionaries.settings = settings(max_examples=settings().max_examples // 2)


@given(st.lists(st.tuples(st.integers(0, 5), st.binary(min_size=1, max_size=2)), unique=True))
def test_the_due_queue_is_a_sorted_list(entries: list[tuple[int, bytes]]) -> None:
    index = DueIndex()
    for time, key in entries:
        index.add(time, key)
    assert list(index) == sorted(entries) == list(DueIndex(entries))
    for time, key in entries[::2]:
        index.remove(time, key)
    assert list(index) == sorted(set(entries) - set(entries[::2]))


def test_due_before_is_strict_and_bounded() -> None:
    records = {state_key(Table.UNBONDING, bytes((n,))): record_of(b"\x06", n) for n in range(40)}
    state = FinalState(records, BUCKETS)
    assert len(state.due_before(TIMESTAMP_MS_MAX, 7, None)) == 7
    assert state.due_before(0, 7, None) == []
    assert state.due_before(1, 7, None) == [state_key(Table.UNBONDING, b"\x00")]
    assert len(state.due_before(1_000, 100, None)) == 1
    assert len(state.due_before(1_001, 100, None)) == 5


def test_a_state_restored_from_its_bytes_is_the_same_state() -> None:
    state = FinalState({key: record_of(key, 7) for key in KEYS}, BUCKETS)
    overlay = state.overlay()
    overlay.put(KEYS[0], Account(1))
    delta = overlay.seal()
    state.absorb(overlay)
    assert set(delta) == {KEYS[0]}
    copied = FinalState.restored({k: encode(r) for k, r in state.items()}, state.root, BUCKETS)
    assert copied.root == state.root
    assert dict(copied.items()) == dict(state.items())
    assert list(copied.due_items()) == list(state.due_items())


def test_a_sealed_overlay_does_not_change_and_an_open_one_is_not_built_on() -> None:
    state = FinalState({}, BUCKETS)
    overlay = state.overlay()
    with pytest.raises(AssertionError):
        overlay.overlay()
    overlay.seal()
    with pytest.raises(AssertionError):
        overlay.put(KEYS[0], Account(1))
    with pytest.raises(AssertionError):
        overlay.seal()

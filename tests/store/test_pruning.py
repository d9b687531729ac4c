"""Old blocks become summaries: what must outlive them does, and the file gets smaller."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.codec import encode
from ledger.merkle import merkle_root
from ledger.records import Table, state_key
from ledger.store import BlockConflict, ChainStore, summaries
from ledger.store.stored import EpochEnd
from ledger.store.summaries import (
    CERTIFICATE_EVERY,
    LEAF_BYTES,
    PRUNED_PER_COMMITTED,
    SLICE_BLOCKS,
)
from tests.databases import CHAIN, NewPlace, Place
from tests.store.chains import CLIENT, OTHER, TAGS, Builder, Sealed


def open_store(place: Place) -> ChainStore:
    return ChainStore.open(place.url(CHAIN))


@pytest.fixture
def store(place: Place):
    opened = open_store(place)
    yield opened
    opened.close()


def grown(store: ChainStore, blocks: int, *, transfers: int = 0, epoch: int = 10_000) -> Builder:
    """A chain of some blocks, with a job in the first, whose state table is up to date."""
    builder = Builder()
    store.initialise(TAGS, builder.sealed[0].block, {})
    builder.submit()
    while len(builder.sealed) <= blocks:
        for _ in range(transfers):
            builder.transfer(CLIENT, OTHER.address, 1)
        height = len(builder.sealed)
        builder.seal({b"%d" % height: b"1"}, ends_epoch=height % epoch == 0).commit_to(store)
    while store.checkpoint(force=True):
        pass
    return builder


def prune_all(store: ChainStore, first_kept: int) -> int:
    total = 0
    while done := store.prune(first_kept):
        assert done <= SLICE_BLOCKS
        total += done
    return total


def test_pruned_blocks_are_gone_as_blocks_and_stay_as_headers_leaves_and_outcomes(
    store: ChainStore,
):
    chain = grown(store, 20, transfers=2).sealed
    assert prune_all(store, 15) == 15
    assert store.first_height == 15
    assert store.block_at(14) is None
    assert store.block_by_id(chain[14].block_id) is None
    assert [block.height for block in store.final_blocks(-1, 100)] == [*range(15, 21)]
    for sealed in chain[:15]:
        summary = store.summary_at(sealed.height)
        assert summary is not None
        assert (summary.block_id, summary.header) == (sealed.block_id, sealed.block.header)
        assert summary.leaves is not None
        leaves = [
            summary.leaves[at : at + LEAF_BYTES] for at in range(0, len(summary.leaves), LEAF_BYTES)
        ]
        assert merkle_root(leaves) == sealed.block.header.transaction_root
        assert summary.outcomes == encode(sealed.outcomes)
        head = store.header_at(sealed.height)
        assert head is not None
        assert head.block_id == sealed.block_id


def test_every_transaction_but_transfers_stays_with_its_place_in_the_tree(store: ChainStore):
    chain = grown(store, 5, transfers=1).sealed
    prune_all(store, 5)
    summary = store.summary_at(1)
    assert summary is not None
    job = chain[1].block.transactions[0]
    assert summary.kept == ((0, encode(job)),)


def test_certificates_stay_for_ends_of_epochs_and_for_one_block_of_256(file_place: Place):
    store = open_store(file_place)
    chain = grown(store, 2 * CERTIFICATE_EVERY + 20, epoch=100).sealed
    prune_all(store, 2 * CERTIFICATE_EVERY + 10)
    kept = [
        height
        for height in range(2 * CERTIFICATE_EVERY + 10)
        if (summary := store.summary_at(height)) is not None and summary.certificate
    ]
    # Block 0 has no certificate, so block 1 is the first of its window.
    assert kept == [1, 100, 200, 256, 300, 400, 500, 512]
    end = store.epoch_end_before(3)
    assert end is not None
    assert (end.height, end.certificate) == (300, chain[300].certificate)
    store.close()


def test_the_end_of_an_epoch_is_found_among_whole_and_pruned_blocks(store: ChainStore):
    grown(store, 30, epoch=10)
    prune_all(store, 15)
    assert store.epoch_end_before(0) is None
    assert [store.epoch_end_before(epoch).height for epoch in (1, 2, 3, 9)] == [10, 20, 30, 30]


def test_an_epoch_that_changes_the_set_keeps_the_new_one(store: ChainStore):
    builder = grown(store, 2)
    builder.seal({state_key(Table.VALIDATORS): b"new set"}, ends_epoch=True).commit_to(store)
    builder.seal({b"x": b"1"}, ends_epoch=True).commit_to(store)
    assert store.epoch_ends() == [EpochEnd(0, 3, b"new set"), EpochEnd(1, 4, b"")]


def test_ids_that_are_still_valid_are_remembered_from_summaries(store: ChainStore):
    builder = grown(store, 12, transfers=2)
    before = sorted(store.recent_ids(builder.now_ms))
    assert before
    prune_all(store, 12)
    assert sorted(store.recent_ids(builder.now_ms)) == before


def test_the_head_and_blocks_whose_deltas_are_needed_stay_whole(place: Place):
    store = open_store(place)
    builder = grown(store, 4)
    for _ in range(3):  # These deltas are not in the state table.
        builder.seal({b"x": b"2"}).commit_to(store)
    assert prune_all(store, 10_000) == 5
    assert store.first_height == 5
    while store.checkpoint(force=True):
        pass
    assert prune_all(store, 10_000) == 2
    assert store.first_height == 7
    records = store.load_records()
    store.close()
    again = open_store(place)
    assert again.load_records() == records
    builder.seal({}).commit_to(again)
    assert again.head().height == 8
    again.close()


def test_checkpoints_prune_by_themselves_once_a_slice_has_gathered(file_place: Place):
    store = open_store(file_place)
    kept = 30
    builder = Builder()
    store.initialise(TAGS, builder.sealed[0].block, {})
    store.prune_below(lambda: store.head().height - kept)
    whole = []
    for height in range(1, 4 * SLICE_BLOCKS):
        builder.seal({b"%d" % height: b"1"}).commit_to(store)
        while store.checkpoint(force=True):
            pass
        whole.append(height - store.first_height)
    assert max(whole) < kept + SLICE_BLOCKS
    assert min(whole[kept:]) >= kept
    store.close()


def test_no_block_waits_for_the_pruning_of_many(file_place: Place, monkeypatch: pytest.MonkeyPatch):
    # As if each block were a large one.
    monkeypatch.setattr(summaries, "PART_BYTES", 1)
    store, builder = open_store(file_place), Builder()
    store.initialise(TAGS, builder.sealed[0].block, {})
    store.prune_below(lambda: store.head().height)
    whole, pruned = list[int](), list[int]()
    for height in range(1, 3 * SLICE_BLOCKS):
        builder.seal({}).commit_to(store)
        while store.checkpoint(force=True) or store.wants_checkpoint:
            pass
        pruned.append(store.first_height - sum(pruned))
        whole.append(height - store.first_height)
    assert max(pruned) == PRUNED_PER_COMMITTED
    assert max(whole) <= SLICE_BLOCKS
    assert min(whole[SLICE_BLOCKS:]) < 3, "a slice that was begun is pruned to its end"
    store.close()


def test_a_pruned_block_is_recognised_when_it_comes_again_and_another_one_refused(
    store: ChainStore,
):
    chain = grown(store, 6).sealed
    prune_all(store, 5)
    chain[3].commit_to(store)
    other = chain[4]
    strange = Sealed(
        other.block_id, chain[3].block, other.certificate, chain[3].outcomes, other.delta
    )
    with pytest.raises(BlockConflict):
        strange.commit_to(store)


def test_the_file_gets_smaller(tmp_path: Path):
    path = tmp_path / "chain.db"
    store = ChainStore.open(f"sqlite:///{path}")
    grown(store, 150, transfers=40)
    store.close()
    before = path.stat().st_size
    store = ChainStore.open(f"sqlite:///{path}")
    prune_all(store, 140)
    store.close()
    assert path.stat().st_size < before * 0.6


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cuts=st.lists(st.integers(0, 40), min_size=1, max_size=4))
def test_any_sequence_of_prunings_leaves_what_one_would(sqlite_places: NewPlace, cuts: list[int]):
    prune_twice(sqlite_places, cuts)


def test_so_it_does_on_a_server(server_places: NewPlace):
    prune_twice(server_places, [12, 40])


def prune_twice(new_place: NewPlace, cuts: list[int]) -> None:
    """Prune one chain step by step and another at once, and compare."""
    stores = [open_store(new_place()) for _ in range(2)]
    for store in stores:
        grown(store, 40, transfers=1, epoch=7)
    for cut in cuts:
        prune_all(stores[0], cut)
    prune_all(stores[1], max(cuts))
    first = stores[0].first_height
    assert first == stores[1].first_height == min(max(cuts), 40)
    for height in range(41):
        assert stores[0].summary_at(height) == stores[1].summary_at(height)
        assert stores[0].block_at(height) == stores[1].block_at(height)
    for store in stores:
        store.close()

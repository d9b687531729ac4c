"""The block store: what is committed comes back, and only what follows is committed."""

import threading
from contextlib import closing
from dataclasses import replace

import pytest
from msgspec.structs import replace as replace_fields
from sqlalchemy import select, update

from ledger.block import block_id
from ledger.codec import encode
from ledger.hashing import Purpose, Tags, sha256
from ledger.store import (
    BlockConflict,
    BlockGap,
    ChainReader,
    ChainStore,
    GenesisMismatch,
    NotInitialised,
    StoreMissing,
    StoreUnreadable,
)
from ledger.store.chain_tables import BLOCKS, RECENT_IDS
from tests.databases import CHAIN, Place
from tests.store.chains import CLIENT, MINERS, OTHER, TAGS, Builder, Sealed, random_history

RECORDS = {b"a": b"1", b"b": b"2"}


def open_store(place: Place) -> ChainStore:
    return ChainStore.open(place.url(CHAIN))


@pytest.fixture
def store(place: Place):
    opened = open_store(place)
    yield opened
    opened.close()


def started(store: ChainStore) -> Builder:
    """A store with genesis, and what builds on it."""
    builder = Builder()
    store.initialise(TAGS, builder.sealed[0].block, RECORDS)
    return builder


def block_of_everything(builder: Builder) -> Sealed:
    builder.register(MINERS[0], "gpu")
    builder.transfer(CLIENT, OTHER.address, 5)
    builder.submit()
    return builder.seal({b"a": None, b"c": b"3"})


def test_a_committed_block_comes_back_as_it_was_by_height_and_by_id(store: ChainStore):
    builder = started(store)
    sealed = block_of_everything(builder)
    sealed.commit_to(store)
    for found in (
        store.block_at(1),
        store.block_by_id(sealed.block_id),
        store.final_blocks(0, 10)[0],
    ):
        assert found is not None
        assert found.block_id == sealed.block_id
        assert found.header == sealed.block.header
        assert found.transactions == sealed.block.transactions
        assert found.signed == tuple(map(encode, sealed.block.transactions))
        assert found.transaction_ids == tuple(
            TAGS.digest(Purpose.TX, encode(each.transaction)) for each in sealed.block.transactions
        )
        assert found.outcomes == sealed.outcomes
        assert found.certificate == sealed.certificate


def test_a_reopened_store_has_the_same_head_state_and_blocks(store: ChainStore, place: Place):
    builder = started(store)
    block_of_everything(builder).commit_to(store)
    head, state, blocks = store.head(), store.load_records(), store.final_blocks(-1, 10)
    assert state[1] == {b"b": b"2", b"c": b"3"}
    store.close()
    with closing(open_store(place)) as again:
        assert again.head() == head
        assert again.tags.genesis_digest == TAGS.genesis_digest
        assert again.load_records() == state
        assert again.final_blocks(-1, 10) == blocks


def test_a_reader_beside_the_writer_sees_each_block_as_soon_as_it_is_committed(
    store: ChainStore, place: Place
):
    with closing(ChainReader.open_to_read(place.url(CHAIN))) as reader:
        assert reader.head() is None
        with pytest.raises(NotInitialised):
            _ = reader.tags
        builder = started(store)
        for height in range(4):
            assert reader.head() == store.head()
            assert reader.tags.genesis_digest == TAGS.genesis_digest
            assert reader.load_records() == store.load_records()
            assert [block.height for block in reader.final_blocks(-1, 9)] == [*range(height + 1)]
            builder.seal({b"a": b"%d" % height}).commit_to(store)


def test_a_reader_of_a_store_that_nobody_made_says_so(place: Place):
    place.forget(CHAIN)
    with pytest.raises(StoreMissing, match="start the node that writes it"):
        ChainReader.open_to_read(place.url(CHAIN))


def test_committing_a_stored_block_again_changes_nothing(store: ChainStore):
    builder = started(store)
    first, second = block_of_everything(builder), builder.seal({b"a": b"9"})
    for sealed in (first, second, first, second, builder.sealed[0]):
        sealed.commit_to(store)
    assert store.head().height == 2
    assert store.load_records()[1] == {b"a": b"9", b"b": b"2", b"c": b"3"}


def test_a_gap_is_refused(store: ChainStore):
    builder = started(store)
    builder.seal()
    with pytest.raises(BlockGap):
        builder.seal().commit_to(store)
    assert store.head().height == 0


def test_another_block_at_a_final_height_is_refused(store: ChainStore):
    builder = started(store)
    builder.seal().commit_to(store)
    fork = Builder()
    fork.transfer(CLIENT, OTHER.address, 1)
    with pytest.raises(BlockConflict, match="final at height 1"):
        fork.seal().commit_to(store)


def test_a_block_on_another_parent_is_refused(store: ChainStore):
    builder = started(store)
    builder.seal().commit_to(store)
    sealed = builder.seal()
    header = replace_fields(sealed.block.header, parent_id=sha256(b"another"))
    orphan = replace(
        sealed,
        block_id=block_id(TAGS, header),
        block=replace_fields(sealed.block, header=header),
    )
    with pytest.raises(BlockConflict, match="has parent"):
        orphan.commit_to(store)
    sealed.commit_to(store)


def test_nothing_can_be_done_before_genesis(store: ChainStore):
    builder = Builder()
    sealed = builder.seal()
    assert store.head() is None
    assert store.final_blocks(-1, 5) == []
    assert store.block_at(0) is None
    with pytest.raises(NotInitialised):
        sealed.commit_to(store)
    with pytest.raises(NotInitialised):
        store.load_records()
    with pytest.raises(NotInitialised):
        _ = store.tags


def test_another_genesis_is_refused_and_the_same_one_is_accepted(store: ChainStore):
    builder = started(store)
    builder.seal({b"a": b"9"}).commit_to(store)
    store.initialise(TAGS, builder.sealed[0].block, RECORDS)
    assert store.load_records()[1][b"a"] == b"9"
    with pytest.raises(GenesisMismatch, match=TAGS.genesis_digest.hex()):
        store.initialise(Tags(sha256(b"another")), builder.sealed[0].block, RECORDS)


def test_heights_and_ids_that_cannot_be_are_not_found(store: ChainStore):
    started(store)
    for height in (-1, 1, 2**62, 2**64):
        assert store.block_at(height) is None
        assert store.header_at(height) is None
    for wrong in (b"", bytes(8), bytes(32), bytes(33)):
        assert store.block_by_id(wrong) is None


def test_blocks_whose_ids_share_a_prefix_are_told_apart(store: ChainStore):
    # Nobody checks ids against contents here, so that a collision can be made up.
    builder = started(store)
    sealed = builder.seal()
    twin_id = sealed.block_id[:8] + bytes(24)
    sealed.commit_to(store)
    assert store.block_by_id(twin_id) is None
    assert not store.holds_block(twin_id)
    assert store.holds_block(sealed.block_id)


def test_final_blocks_come_in_order_and_bounded_by_count_and_size(store: ChainStore, monkeypatch):
    builder = started(store)
    for _ in range(5):
        block_of_everything(builder).commit_to(store)
    assert [block.height for block in store.final_blocks(1, 3)] == [2, 3, 4]
    assert [block.height for block in store.final_blocks(4, 100)] == [5]
    assert store.final_blocks(5, 100) == []
    monkeypatch.setattr("ledger.store.chain_reader.FETCH_BYTES_MAX", 600)
    assert [block.height for block in store.final_blocks(0, 100)] == [1]


def test_recent_ids_are_those_that_a_block_at_the_heads_time_may_not_repeat(store: ChainStore):
    builder = started(store)
    expected = []
    for _ in range(70):
        now_ms = builder.now_ms
        expected.append((builder.transfer(CLIENT, OTHER.address, 1), now_ms + 60_000))
        builder.seal().commit_to(store)
    head_ms = builder.sealed[-1].block.header.timestamp_ms
    live = {(each, until_ms) for each, until_ms in expected if until_ms >= head_ms}
    assert 60 <= len(live) < 70
    assert set(store.recent_ids(head_ms)) == live
    assert list(store.recent_ids(head_ms + 3_600_000)) == []


def test_ids_are_dropped_once_all_of_their_block_are_over(store: ChainStore):
    builder = started(store)
    for _ in range(70):
        builder.transfer(CLIENT, OTHER.address, 1)
        builder.seal().commit_to(store)
    builder.seal().commit_to(store)
    head_ms = builder.sealed[-1].block.header.timestamp_ms
    before = sorted(store.recent_ids(head_ms))
    with store._database.reading() as connection:
        assert len(connection.execute(select(RECENT_IDS)).all()) == 70
    while store.checkpoint(force=True):
        pass
    assert sorted(store.recent_ids(head_ms)) == before
    with store._database.reading() as connection:
        assert len(connection.execute(select(RECENT_IDS)).all()) == len(before) < 70


def test_a_start_reads_ids_without_bodies(store: ChainStore):
    builder = started(store)
    builder.transfer(CLIENT, OTHER.address, 1)
    builder.seal().commit_to(store)
    with store._database.writing() as connection:
        connection.execute(update(BLOCKS).values(body=b"no body"))
    assert len(list(store.recent_ids(builder.now_ms))) == 1


def test_headers_are_read_alone(store: ChainStore):
    builder = started(store)
    sealed = block_of_everything(builder)
    sealed.commit_to(store)
    found = store.header_at(1)
    assert found == store.head()
    assert (found.block_id, found.header) == (sealed.block_id, sealed.block.header)
    assert found.certificate == sealed.certificate
    assert store.header_at(2) is None


def test_readers_never_wait_for_a_writer_and_see_whole_blocks(store: ChainStore):
    builder = started(store)
    history = random_history(seed=1, blocks=60).builder
    assert history.sealed[0] == builder.sealed[0]
    failures: list[Exception] = []
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                head, records = store.load_records()
                expected = dict(RECORDS)
                for sealed in history.sealed[1 : head.height + 1]:
                    apply_delta(expected, sealed)
                assert records == expected
        except Exception as error:  # noqa: BLE001 - a thread's failure is the test's
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for sealed in history.sealed[1:]:
        sealed.commit_to(store)
        store.checkpoint(keys=3, force=True)
    done.set()
    for reader in readers:
        reader.join()
    assert failures == []


def test_a_missing_delta_is_reported_and_not_skipped(store: ChainStore):
    builder = started(store)
    for _ in range(3):
        builder.seal({b"a": b"x"}).commit_to(store)
    with store._database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM deltas WHERE height = 2")
    with pytest.raises(StoreUnreadable, match="only up to block 1"):
        store.load_records()


def apply_delta(records: dict[bytes, bytes], sealed: Sealed) -> None:
    for name, value in sealed.delta.items():
        if value is None:
            records.pop(name, None)
        else:
            records[name] = value

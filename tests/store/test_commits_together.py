"""Blocks that are made durable in one transaction: all of them, or none."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from msgspec.structs import replace as replace_fields

from ledger.block import block_id
from ledger.codec import encode
from ledger.hashing import sha256
from ledger.store import BlockConflict, BlockGap, ChainStore, NewBlock
from ledger.store.block_rows import transaction_ids
from tests.databases import CHAIN, Place
from tests.store.chains import CLIENT, OTHER, TAGS, Builder, Sealed

BLOCKS = 5
RECORDS = {b"a": b"1", b"b": b"2"}


def new(sealed: Sealed) -> NewBlock:
    return NewBlock(
        sealed.block_id,
        sealed.block,
        sealed.certificate,
        sealed.outcomes,
        sealed.delta,
        encode(sealed.block),
        transaction_ids(TAGS, sealed.block),
    )


def built() -> Builder:
    """Blocks that change the same state again and again; the fourth ends an epoch."""
    builder = Builder()
    for height in range(1, BLOCKS + 1):
        builder.transfer(CLIENT, OTHER.address, height)
        builder.seal({b"a": bytes([height]), b"%d" % height: b"x"}, ends_epoch=height == 4)
    return builder


def opened(place: Place, builder: Builder) -> ChainStore:
    store = ChainStore.open(place.url(CHAIN))
    store.initialise(TAGS, builder.sealed[0].block, RECORDS)
    return store


def contents(store: ChainStore) -> object:
    recent = sorted(store.recent_ids(0))
    blocks = store.final_blocks(0, 99)
    return (store.head(), store.load_records()[1], blocks, store.epoch_ends(), recent)


def orphaned(row: NewBlock) -> NewBlock:
    """Return a block with another parent."""
    header = replace_fields(row.block.header, parent_id=sha256(b"another"))
    block = replace_fields(row.block, header=header)
    return replace(row, block_id=block_id(TAGS, header), block=block, data=encode(block))


@pytest.mark.parametrize("size", [1, 2, 3, BLOCKS])
def test_blocks_committed_together_are_as_if_committed_one_by_one(
    new_place: Callable[[], Place], place: Place, size: int
) -> None:
    builder = built()
    store, other = opened(place, builder), opened(new_place(), builder)
    for sealed in builder.sealed[1:]:
        sealed.commit_to(store)
    rows = [new(sealed) for sealed in builder.sealed[1:]]
    for at in range(0, BLOCKS, size):
        other.commit_all(rows[at : at + size])
    assert contents(other) == contents(store)
    store.close()
    other.close()


def test_blocks_that_are_stored_already_are_passed_over(place: Place) -> None:
    builder = built()
    store = opened(place, builder)
    rows = [new(sealed) for sealed in builder.sealed[1:]]
    store.commit_all(rows[:3])
    store.commit_all(rows)
    store.commit_all([])
    assert [block.height for block in store.final_blocks(0, 99)] == list(range(1, BLOCKS + 1))
    store.close()


def test_a_gap_among_them_keeps_all_of_them_out(place: Place) -> None:
    builder = built()
    store = opened(place, builder)
    first, _, third, *_ = (new(sealed) for sealed in builder.sealed[1:])
    with pytest.raises(BlockGap):
        store.commit_all([first, third])
    head = store.head()
    assert head is not None
    assert (head.height, store.block_at(1)) == (0, None)
    store.close()


def test_a_block_on_another_parent_among_them_keeps_all_of_them_out(place: Place) -> None:
    builder = built()
    store = opened(place, builder)
    first, second = (new(sealed) for sealed in builder.sealed[1:3])
    with pytest.raises(BlockConflict, match="has parent"):
        store.commit_all([first, orphaned(second)])
    head = store.head()
    assert head is not None
    assert (head.height, store.block_at(1)) == (0, None)
    store.commit_all([first, second])
    store.close()

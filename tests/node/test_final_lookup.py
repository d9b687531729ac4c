"""Heights of final transactions, wherever the index has got to."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from ledger.store import IndexReader
from node import final_lookup
from node.final_lookup import FinalLookup
from tests.databases import INDEX, Files
from tests.store.chains import TAGS, Builder, random_history
from tests.store.indexes import Indexed, open_indexed


def store_all(indexed: Indexed, builder: Builder) -> dict[bytes, int]:
    """Store a chain; return the height of each transaction."""
    indexed.store.initialise(TAGS, builder.sealed[0].block, {})
    for sealed in builder.sealed:
        sealed.commit_to(indexed.store)
    blocks = indexed.store.final_blocks(-1, 10**6)
    return {each: block.height for block in blocks for each in block.transaction_ids}


@pytest.mark.parametrize("batches", [0, 1, 3, 100])
def test_a_final_transaction_is_found_however_far_the_index_is(tmp_path: Path, batches: int):
    with open_indexed(Files(tmp_path)) as indexed:
        heights = store_all(indexed, random_history(seed=4, blocks=20).builder)
        for _ in range(batches):
            indexed.indexer.advance(4)
        lookup = FinalLookup(indexed.store, indexed.reader)
        assert lookup([*heights, bytes(32)]) == heights
        assert {each: lookup([each])[each] for each in heights} == heights
        assert lookup([bytes(32)]) == {}


def test_only_the_newest_blocks_are_searched_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(final_lookup, "TAIL_BLOCKS_MAX", 5)
    with open_indexed(Files(tmp_path)) as indexed:
        heights = store_all(indexed, random_history(seed=4, blocks=20).builder)
        lookup = FinalLookup(indexed.store, indexed.reader)
        newest = {each: height for each, height in heights.items() if height > 14}
        assert lookup(list(heights)) == newest


class OvertakenReader(IndexReader):
    """An index that is written between two questions."""

    indexed: Indexed

    def transaction_heights(self, transaction_ids: Sequence[bytes]) -> dict[bytes, int]:
        found = super().transaction_heights(transaction_ids)
        self.indexed.catch_up()
        return found


def test_what_is_indexed_between_two_questions_is_not_missed(tmp_path: Path):
    place = Files(tmp_path)
    with open_indexed(place) as indexed:
        heights = store_all(indexed, random_history(seed=4, blocks=20).builder)
        reader = OvertakenReader(place.url(INDEX))
        reader.indexed = indexed
        transaction_id, height = next(iter(heights.items()))
        assert FinalLookup(indexed.store, reader)([transaction_id]) == {transaction_id: height}
        assert FinalLookup(indexed.store, reader)([transaction_id]) == {transaction_id: height}
        reader.close()

"""Pruning waits for whoever has yet to read a block: the index, and the coordinator."""

from pathlib import Path

from node.kept_blocks import KeptBlocks
from tests.databases import Files
from tests.store.chains import random_history
from tests.store.indexes import open_indexed


def test_what_a_reader_has_not_taken_in_stays_whole(tmp_path: Path) -> None:
    with open_indexed(Files(tmp_path)) as indexed:
        indexed.take(random_history(seed=4, blocks=20).builder)
        store, reached = indexed.store, {"index": 20, "coordinator": None}
        while store.checkpoint(force=True):
            pass
        head = store.head()
        assert head is not None
        kept = KeptBlocks(store, 5)
        assert kept.first_kept() == head.height - 5
        kept.wait_for(lambda: reached["index"])
        kept.wait_for(lambda: reached["coordinator"])
        assert kept.first_kept() == 0, "nobody knows how far the coordinator is"
        reached["coordinator"] = 7
        assert kept.first_kept() == 7
        while store.prune(kept.first_kept()):
            pass
        assert store.first_height == 7, "the block that was followed last stays"
        reached |= {"index": 3, "coordinator": 20}
        assert kept.first_kept() == 3

"""Finds the heights of final transactions that the node no longer remembers itself."""

import threading
from collections.abc import Sequence
from typing import Final

from ledger.store import ChainStore, IndexReader
from ledger.types import Hash, Height

TAIL_BLOCKS_MAX: Final = 64
"""Newest blocks that are searched themselves while the index has not reached them."""


class FinalLookup:
    """Looks in the index, and in the newest blocks that it lacks (K1: no 404 after a write).

    It reads databases, so it is called in threads and never on the event loop. What the newest
    blocks hold is read once, and kept until the index has it.
    """

    def __init__(self, store: ChainStore, index: IndexReader) -> None:
        """Look in these."""
        self._store = store
        self._index = index
        self._tail: dict[Height, frozenset[Hash]] = {}
        self._turn = threading.Lock()

    def __call__(self, transaction_ids: Sequence[Hash]) -> dict[Hash, Height]:
        """Return the heights of those among some transactions that are known to be final."""
        # Asked first: what is indexed between the two questions is then looked for in both places.
        indexed = self._index.indexed_height()
        found = self._index.transaction_heights(transaction_ids)
        missing = set(transaction_ids).difference(found)
        if missing:
            with self._turn:
                found |= self._in_tail(missing, indexed)
        return found

    def _in_tail(self, missing: set[Hash], indexed: int) -> dict[Hash, Height]:
        """Return the heights of those that are in blocks above what is indexed."""
        head = self._store.head()
        assert head is not None, "a node starts with an initialised store"
        first = max(indexed, head.height - TAIL_BLOCKS_MAX) + 1
        for height in [height for height in self._tail if height < first]:
            del self._tail[height]
        found: dict[Hash, Height] = {}
        for height in range(head.height, first - 1, -1):
            found |= dict.fromkeys(missing & self._ids_at(height), height)
            if len(found) == len(missing):
                break
        return found

    def _ids_at(self, height: Height) -> frozenset[Hash]:
        """Return the ids of a final block, which are read once."""
        if height not in self._tail:
            block = self._store.block_at(height)
            self._tail[height] = frozenset(block.transaction_ids if block else ())
        return self._tail[height]

"""Finds the height of a final transaction that the node no longer remembers itself."""

from typing import Final

from ledger.store import ChainStore, IndexReader
from ledger.types import Hash, Height

TAIL_BLOCKS_MAX: Final = 64
"""Newest blocks that are searched themselves while the index has not reached them."""


class FinalLookup:
    """Looks in the index, and in the newest blocks that it lacks (K1: no 404 after a write).

    Called on the event loop, so it reads each of those blocks once, and one at a time.
    """

    def __init__(self, store: ChainStore, index: IndexReader) -> None:
        """Look in these."""
        self._store = store
        self._index = index
        self._tail: dict[Height, frozenset[Hash]] = {}

    def __call__(self, transaction_id: Hash) -> Height | None:
        """Return the height of a final transaction, None if none is known."""
        # Asked first: what is indexed between the two questions is then looked for in both places.
        indexed = self._index.indexed_height()
        row = self._index.transaction(transaction_id)
        if row is not None:
            return row.height
        head = self._store.head()
        assert head is not None, "a node starts with an initialised store"
        first = max(indexed, head.height - TAIL_BLOCKS_MAX) + 1
        for height in [height for height in self._tail if height < first]:
            del self._tail[height]
        newest_first = range(head.height, first - 1, -1)
        return next((at for at in newest_first if transaction_id in self._ids_at(at)), None)

    def _ids_at(self, height: Height) -> frozenset[Hash]:
        """Return the ids of a final block, which are read once."""
        if height not in self._tail:
            block = self._store.block_at(height)
            self._tail[height] = frozenset(block.transaction_ids if block else ())
        return self._tail[height]

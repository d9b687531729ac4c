"""Finds the height of a final transaction that the node no longer remembers itself."""

from typing import Final

from ledger.store import ChainStore, IndexReader
from ledger.types import Hash, Height

TAIL_BLOCKS_MAX: Final = 64
"""Newest blocks that are searched themselves while the index has not reached them."""


class FinalLookup:
    """Looks in the index, and in the newest blocks that it lacks (K1: no 404 after a write)."""

    def __init__(self, store: ChainStore, index: IndexReader) -> None:
        """Look in these."""
        self._store = store
        self._index = index

    def __call__(self, transaction_id: Hash) -> Height | None:
        """Return the height of a final transaction, None if none is known."""
        row = self._index.transaction(transaction_id)
        if row is not None:
            return row.height
        head = self._store.head()
        assert head is not None, "a node starts with an initialised store"
        indexed = max(self._index.indexed_height(), head.height - TAIL_BLOCKS_MAX)
        if indexed >= head.height:
            return None
        for block in self._store.final_blocks(indexed, TAIL_BLOCKS_MAX):
            if transaction_id in block.transaction_ids:
                return block.height
        return None

"""The indexer: follows the block store and writes the rows that `IndexReader` reads."""

from ledger.store.chain_store import ChainStore


class Indexer:
    """Writes the index of one chain, at its own pace, with its own cursor.

    One indexer per index; it may run in a thread of its own.
    """

    def __init__(self, chain: ChainStore, url: str) -> None:
        """Open the index at an SQLAlchemy URL, making or upgrading it.

        Raises:
            StoreUnusable: a subclass that says what to do.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Give the connections back."""
        raise NotImplementedError

    def advance(self, limit: int = 64) -> int:
        """Index the next blocks; returns how many, 0 when there are none.

        Raises:
            IndexRefused: a stored block does not hash to what its header claims (K2).
        """
        raise NotImplementedError

    def indexed_height(self) -> int:
        """Return the height of the cursor; -1 before genesis."""
        raise NotImplementedError

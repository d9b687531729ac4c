"""Which blocks stay whole where old ones are pruned: those that somebody has yet to read."""

from collections.abc import Callable

from ledger.store import ChainStore
from ledger.types import Height


class KeptBlocks:
    """Says how far the chain may be pruned; asked by the thread that writes it."""

    def __init__(self, store: ChainStore, keep_blocks: int) -> None:
        """Keep so many of the newest blocks, whoever reads them."""
        self._store = store
        self._keep_blocks = keep_blocks
        self._readers: list[Callable[[], Height | None]] = []

    def wait_for(self, reached: Callable[[], Height | None]) -> None:
        """Keep the blocks from the one on that a reader of the chain took in last.

        Args:
            reached: its height; None while the reader does not know: all is kept then. Called in
                another thread.
        """
        self._readers.append(reached)

    def first_kept(self) -> Height:
        """Return the lowest height that has to stay whole."""
        head = self._store.head()
        assert head is not None, "a node starts with an initialised store"
        reached = [reached() or 0 for reached in self._readers]
        return max(0, min([head.height - self._keep_blocks, *reached]))

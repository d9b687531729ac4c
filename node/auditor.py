"""The invariant checker beside a running node: no block is committed that it does not agree with.

It follows every final block a second time with arithmetic of its own (`ledger.checker`), on the
store's thread, before the commit. What it finds is a fault of this program: the node stops, and the
block that broke an invariant is not in the store.
"""

from ledger import ChainView
from ledger.checker import Checker
from ledger.store import ChainStore
from node.block_tree import TreeBlock


class Auditor:
    """Checks final blocks in order; to be used by one thread."""

    def __init__(self, store: ChainStore, view: ChainView, buckets: int) -> None:
        """Start at the store's head, and check its state in full.

        Args:
            store: the durable chain, whose newest block is `view`'s.
            view: that block and the state after it.
            buckets: size of the state tree.

        Raises:
            InvariantBroken: the stored state contradicts an invariant.
        """
        head, records = store.load_records()
        assert head.header == view.header, "an auditor starts at the store's head"
        self._height = head.header.height
        self._checker = Checker(
            store.tags,
            head.header,
            records,
            buckets,
            epoch_start_ms=view.epoch_start_ms,
            seen=store.recent_ids(head.header.timestamp_ms),
        )

    def check(self, block: TreeBlock) -> None:
        """Check the next final block; one that was checked before is passed over.

        Raises:
            InvariantBroken: the block must not be committed, and the node must stop.
        """
        if block.block.header.height <= self._height:
            return
        self._checker.after_block(block.block, block.outcomes, block.delta)
        self._height = block.block.header.height

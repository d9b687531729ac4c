"""The newest final blocks, as who follows the chain reads them.

Nobody at the head reads a database for what this node executed a moment ago.
"""

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final

from coordinator.ports import FinalBlock
from ledger.types import Height
from node.block_tree import TreeBlock

KEPT_TRANSACTIONS_MAX: Final = 1_024
"""Transactions of all blocks that are kept, about a megabyte; a fuller block is read from disk."""

KEPT_BLOCKS_MAX: Final = 64
"""Blocks that are kept; who is further behind reads from disk."""


class NewestBlocks:
    """Blocks without a gap up to the final head, or none."""

    def __init__(self) -> None:
        """Begin without any."""
        self._blocks: deque[FinalBlock] = deque()
        self._transactions = 0

    def add(self, block: TreeBlock) -> None:
        """Keep the block that has become the final head; the oldest make room for it."""
        self._blocks.append(
            FinalBlock(
                block_id=block.view.block_id,
                header=block.block.header,
                transactions=block.block.transactions,
                transaction_ids=block.transaction_ids,
                outcomes=block.outcomes,
            )
        )
        self._transactions += len(block.block.transactions)
        while len(self._blocks) > KEPT_BLOCKS_MAX or self._transactions > KEPT_TRANSACTIONS_MAX:
            self._transactions -= len(self._blocks.popleft().transactions)

    def after(self, height: Height, limit: int) -> Sequence[FinalBlock]:
        """Return blocks height+1 …, at most `limit`, in order; none if the first is not here."""
        if not self._blocks:
            return ()
        start = height + 1 - self._blocks[0].header.height
        return tuple(islice(self._blocks, start, start + limit)) if start >= 0 else ()

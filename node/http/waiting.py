"""Waiting for what became of a batch: by what memory knows, block by block.

Whether a transaction became final long ago is asked of the databases in a thread, once for each,
and of memory after each block; a batch is looked through in pieces, with turns of others between.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from coordinator.ports import SubmitOutcome, TransactionStatus
from ledger.types import Hash, Height
from node.chain import ChainNode
from node.http.chain_bodies import TURN
from node.http.chain_views import SubmittedView, dropped_view, included_view
from node.mempool import Mempool

_WAITING: Final = frozenset({TransactionStatus.POOLED, TransactionStatus.DUPLICATE})


class Waiting:
    """A request that waits for transactions."""

    def __init__(
        self,
        chain: ChainNode,
        pool: Mempool,
        outcomes: Sequence[SubmitOutcome],
        decided: dict[int, SubmittedView],
    ) -> None:
        """Wait for those that the pool holds, or that were known before.

        Args:
            chain: tells of final blocks.
            pool: tells what was dropped.
            outcomes: what the pool said of each.
            decided: gets the answer of each that is decided, by its place.
        """
        self._chain = chain
        self._pool = pool
        self._decided = decided
        self._open: list[tuple[int, Hash]] = [
            (at, outcome.transaction_id)
            for at, outcome in enumerate(outcomes)
            if outcome.status in _WAITING
        ]
        self._asked: set[Hash] = set()

    async def run(self) -> None:
        """Return when all are final or dropped."""
        async for _ in self._chain.follow():
            lost = await self._look()
            await self._ask(lost)
            if not self._open:
                return

    async def _look(self) -> list[Hash]:
        """Decide what memory can; return what it knows nothing of."""
        looked, self._open = self._open, []
        lost: list[Hash] = []
        for count, (at, transaction_id) in enumerate(looked):
            if count % TURN == TURN - 1:
                await asyncio.sleep(0)
            height = self._chain.recent_height(transaction_id)
            if height is not None:
                self._decided[at] = included_view(transaction_id, height)
                continue
            if not self._pool.contains(transaction_id):
                reason = self._pool.drop_of(transaction_id)
                if reason is not None:
                    self._decided[at] = dropped_view(transaction_id, reason)
                    continue
                lost.append(transaction_id)
            self._open.append((at, transaction_id))
        return lost

    async def _ask(self, lost: Sequence[Hash]) -> None:
        """Have it looked up what became final before this node remembers, once for each."""
        unknown = [each for each in dict.fromkeys(lost) if each not in self._asked]
        if not unknown:
            return
        self._asked.update(unknown)
        heights = await self._chain.heights_of(unknown)
        if heights:
            self._open = [each for each in self._open if not self._take(*each, heights)]

    def _take(self, at: int, transaction_id: Hash, heights: dict[Hash, Height]) -> bool:
        """Decide a transaction whose height was found; return whether it was."""
        height = heights.get(transaction_id)
        if height is not None:
            self._decided[at] = included_view(transaction_id, height)
        return height is not None

"""From final by consensus to final for everybody: one writer thread, in order.

A block counts as final for readers only after the store's commit is durable. Meanwhile consensus
goes on: the next block is built while this one is written.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final

from ledger.store import ChainStore
from node.auditor import Auditor
from node.block_tree import TreeBlock
from node.chain import ChainNode
from node.failpoints import Failpoint, Failpoints

PENDING_MAX: Final = 8
"""Final blocks that wait for the writer; beyond this the driver waits, and so do new blocks."""

CHECKPOINT_EVERY: Final = 16
"""Commits after which a slice of the state is carried over although more commits wait."""


@dataclass(frozen=True, slots=True)
class FinalisedBlock:
    """A block that consensus made final."""

    block: TreeBlock
    """The block."""
    certificate: bytes
    """Its own finalization; empty if only a descendant's makes it final."""


class Committer:
    """Writes final blocks to the store and publishes them."""

    def __init__(
        self,
        chain: ChainNode,
        store: ChainStore,
        writer: Executor,
        failpoints: Failpoints,
        published: Callable[[TreeBlock], None],
        *,
        auditor: Auditor | None = None,
    ) -> None:
        """Prepare.

        Args:
            chain: gets the blocks that are durable.
            store: the durable chain; only `writer` writes it.
            writer: an executor of one thread.
            failpoints: where tests kill the process.
            published: is told after each block.
            auditor: checks each block before it is written; nobody by default.
        """
        self._chain = chain
        self._store = store
        self._writer = writer
        self._failpoints = failpoints
        self._published = published
        self._auditor = auditor
        self._queue: asyncio.Queue[FinalisedBlock] = asyncio.Queue(PENDING_MAX)
        self._since_checkpoint = 0

    async def put(self, final: FinalisedBlock) -> None:
        """Hand over the next final block; waits while too many are pending."""
        await self._queue.put(final)

    async def drain(self) -> None:
        """Wait until everything handed over is published."""
        await self._queue.join()

    async def run(self) -> None:
        """Commit and publish until cancelled; anything that fails here is fatal for the node."""
        loop = asyncio.get_running_loop()
        while True:
            final = await self._queue.get()
            await loop.run_in_executor(self._writer, self._commit, final)
            self._failpoints.reached(Failpoint.BEFORE_PUBLISH)
            async with self._chain.tree.turn:
                self._chain.publish(final.block)
            self._published(final.block)
            self._queue.task_done()
            self._since_checkpoint += 1
            if self._queue.empty() or self._since_checkpoint >= CHECKPOINT_EVERY:
                self._since_checkpoint = 0
                await loop.run_in_executor(self._writer, self._store.checkpoint)

    def _commit(self, final: FinalisedBlock) -> None:
        self._failpoints.reached(Failpoint.BEFORE_STORE_COMMIT)
        block = final.block
        if self._auditor is not None:
            self._auditor.check(block)
        self._store.commit(
            block.view.block_id, block.block, final.certificate, block.outcomes, block.delta
        )
        self._failpoints.reached(Failpoint.AFTER_STORE_COMMIT)

"""From final by consensus to final for everybody: one writer thread, in order.

A block counts as final for readers only after the store's commit is durable. Meanwhile consensus
goes on: the next block is built while this one is written. Blocks that wait are written together,
with one sync, so a node that catches up is not held to the pace of its disk.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final

from ledger.store import ChainStore, NewBlock
from node.auditor import Auditor
from node.block_tree import TreeBlock
from node.chain import ChainNode
from node.failpoints import Failpoint, Failpoints
from node.pacing import paced

PENDING_MAX: Final = 8
"""Final blocks that wait for the writer, and are then written together; beyond this the driver
waits, and so do new blocks."""


@dataclass(frozen=True, slots=True)
class FinalisedBlock:
    """A block that consensus made final."""

    block: TreeBlock
    """The block."""
    certificate: bytes
    """Its own finalization; empty if only a descendant's makes it final."""
    journaled: asyncio.Future[None] | None = None
    """Done once the journal has the votes; None if it had them when the block was handed over."""


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
            batch = [await self._queue.get()]
            while not self._queue.empty():
                batch.append(self._queue.get_nowait())
            await loop.run_in_executor(self._writer, self._commit, batch)
            for final in batch:
                if final.journaled is not None:
                    await asyncio.wait([final.journaled])
                    final.journaled.result()
                await self._publish(final.block)
            # Whatever waits: the table that falls behind now would have to be caught up with by
            # the next start. Mostly nothing is due, and then no thread is asked.
            while self._store.wants_checkpoint:
                await loop.run_in_executor(self._writer, self._store.checkpoint)

    async def _publish(self, block: TreeBlock) -> None:
        self._failpoints.reached(Failpoint.BEFORE_PUBLISH)
        async with self._chain.tree.turn:
            await paced(self._chain.publish(block))
        self._published(block)
        self._queue.task_done()

    def _commit(self, batch: Sequence[FinalisedBlock]) -> None:
        self._failpoints.reached(Failpoint.BEFORE_STORE_COMMIT)
        if self._auditor is not None:
            for final in batch:
                self._auditor.check(final.block)
        self._store.commit_all([_row_of(final) for final in batch])
        self._failpoints.reached(Failpoint.AFTER_STORE_COMMIT)


def _row_of(final: FinalisedBlock) -> NewBlock:
    block = final.block
    return NewBlock(
        block.view.block_id,
        block.block,
        final.certificate,
        block.outcomes,
        block.delta,
        block.data,
        [(each.transaction_id, each.content.transaction.valid_until_ms) for each in block.body],
    )

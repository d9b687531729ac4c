"""From final by consensus to the committer: blocks in order of height, each once."""

import asyncio

from consensus import Certificate, Finalize
from ledger.codec import encode
from ledger.types import Hash, Height, View
from node.application import Application
from node.block_tree import TreeBlock
from node.committer import Committer, FinalisedBlock


class HandOver:
    """Knows what the committer has, and which finalization waits for blocks."""

    def __init__(self, height: Height) -> None:
        """Start at the durable head."""
        self.height = height
        """Height of the newest block that the committer was given."""
        self.block_id: Hash = b""
        """Its id; empty until this process has given one."""
        self._wanted: Certificate | None = None
        self._view: View = 0

    @property
    def wanted(self) -> Certificate | None:
        """The finalization whose blocks are not all here."""
        return self._wanted

    def start_epoch(self) -> None:
        """Forget what was pending for the epoch before."""
        self._wanted = None
        self._view = 0

    def want(self, certificate: Certificate) -> None:
        """Note the newest finalization; `take` acts on it."""
        if self._wanted is None or certificate.view >= self._wanted.view:
            self._wanted = certificate

    async def take(
        self,
        application: Application,
        committer: Committer,
        journaled: asyncio.Future[None] | None = None,
    ) -> None:
        """Give the committer the wanted block and its ancestors, or ask for what is missing.

        Args:
            application: has the blocks.
            committer: takes them.
            journaled: done once the journal has the votes, if it is being written.

        Raises:
            FinalBlockInvalid: this node's ledger refuses what a quorum made final.
        """
        certificate = self._wanted
        if certificate is None:
            return
        final = certificate.statement
        assert isinstance(final, Finalize)
        if final.block_id != self.block_id and final.view > self._view:
            blocks = await application.finalised(final)
            if blocks is None:
                return
            for block in blocks:
                is_named = block.view.block_id == final.block_id
                await self.give(block, certificate if is_named else None, committer, journaled)
        self._wanted = None

    async def give(
        self,
        block: TreeBlock,
        certificate: Certificate | None,
        committer: Committer,
        journaled: asyncio.Future[None] | None = None,
    ) -> None:
        """Give the committer a final block, unless it has it; waits while many are pending.

        Args:
            block: executed; its parent was given before.
            certificate: its own finalization, if it has one.
            committer: takes it.
            journaled: see `take`.
        """
        header = block.view.header
        if header.height <= self.height:
            return
        assert header.height == self.height + 1, "final blocks are committed in order"
        self.height, self.block_id = header.height, block.view.block_id
        self._view = max(self._view, header.view)
        own = encode(certificate) if certificate else b""
        await committer.put(FinalisedBlock(block, own, journaled))

"""Final blocks that were fetched by height, on their way into the driver.

A range waits here until the driver's epoch is the range's. Then its certificate is checked against
the committee, goes through consensus like any other (so that the journal knows what the store will
hold), and its blocks are executed and committed one by one, with everything else on the event loop
getting its turn between two blocks.

The certificate may be of a descendant that is not here yet. Consensus then knows, as whenever it
hears of finality before it has the block, and the blocks between come with the next ranges.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import ClassVar

from consensus import Certificate, Committee, EpochWrong, Finalize, MessageInvalid
from ledger import IsVerified
from ledger.errors import BlockInvalid
from ledger.types import Epoch, Height
from node.application import FinalBlockInvalid
from node.arrived_block import ArrivedBlock
from node.block_tree import BlockTree, TreeBlock
from node.committer import Committer
from node.final_range import FinalRange, RangeBlock
from node.handover import HandOver
from node.pacing import paced


class RangeRefused(Exception):
    """A range is not proved by the committee of the epoch it belongs to: the sender is at fault."""

    code: ClassVar[str] = "RANGE_UNPROVED"

    def __init__(self, fault: MessageInvalid) -> None:
        """State what is wrong with its certificate, or with the epoch that it claims."""
        super().__init__(f"certificate of a range: {fault}")


class FinalityForked(Exception):
    """A quorum made a block final that does not extend what is final here."""

    def __init__(self, block: RangeBlock) -> None:
        """State the block."""
        super().__init__(
            f"block {block.block_id.hex()} at height {block.block.header.height} is final by its "
            "certificate and does not extend this node's final chain: more than f validators are "
            "faulty"
        )


class ImportStopped(Exception):
    """The node stops, and the range was not committed completely."""


@dataclass(eq=False, slots=True)
class Import:
    """A range that is on its way."""

    content: FinalRange
    """The blocks."""
    verified: IsVerified
    """Which signatures were verified before."""
    done: asyncio.Future[None]
    """Resolves when all blocks are handed to the committer."""
    has_begun: bool = False
    """Whether its certificate was checked and taken."""

    def next_above(self, height: Height) -> RangeBlock | None:
        """Return the block above a height that the committer has; None when there are no more."""
        at = max(0, height + 1 - self.content.first_height)
        return self.content.blocks[at] if at < len(self.content.blocks) else None

    def proof_of(self, block: RangeBlock) -> Certificate | None:
        """Return a block's own finalization: no other than the range's was checked."""
        final = self.content.certificate.statement
        assert isinstance(final, Finalize)
        return self.content.certificate if final.block_id == block.block_id else None


class Importer:
    """Ranges in order of height, and what the driver does with the first of them."""

    def __init__(self, tree: BlockTree, handover: HandOver) -> None:
        """Execute on a tree, and hand over to the committer behind `handover`."""
        self._tree = tree
        self._handover = handover
        self._waiting: deque[Import] = deque()

    def add(self, content: FinalRange, verified: IsVerified) -> asyncio.Future[None]:
        """Queue a range; the future resolves, or fails with `RangeRefused` or `ImportStopped`."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(Import(content, verified, done))
        return done

    def current(self, committee: Committee) -> Import | None:
        """Return the range that can go on in a committee's epoch; ends those that never can.

        What an earlier epoch made final was committed before this one was opened, and the next one
        begins only behind a block that ends this one. A range that says otherwise is refused: its
        epoch is a claim that no certificate has proved yet.
        """
        while self._waiting:
            content = self._waiting[0].content
            if content.epoch == committee.epoch:
                return self._waiting[0]
            if content.epoch < committee.epoch and content.last_height <= self._handover.height:
                self._end()
                continue
            if content.epoch > committee.epoch and content.epoch == self.next_epoch(committee):
                return None
            self._end(RangeRefused(EpochWrong(content.epoch, committee.epoch)))
        return None

    def next_epoch(self, committee: Committee) -> Epoch:
        """Return the epoch of the block above what was handed over; it may not be open yet."""
        handed_over = self._tree.view_of(self._handover.block_id)
        return committee.epoch if handed_over is None else handed_over.next_epoch

    def begin(self, item: Import, committee: Committee) -> bool:
        """Check the certificate of the first range completely (E7); ends it if that is refused.

        Returns:
            Whether to go on: consensus is to take the certificate, then `step` is called.
        """
        try:
            committee.check_certificate(item.content.certificate)
        except MessageInvalid as fault:
            self._end(RangeRefused(fault))
            return False
        item.has_begun = True
        return True

    async def step(self, item: Import, committer: Committer) -> bool:
        """Execute and hand over the next block of the first range.

        Returns:
            Whether the range is complete, and was taken out.

        Raises:
            FinalityForked: more than f validators are faulty.
            FinalBlockInvalid: this node's ledger refuses what a quorum made final.
        """
        block = item.next_above(self._handover.height)
        if block is not None:
            executed = await self._execute(block, item)
            await self._handover.give(executed, item.proof_of(block), committer)
        if item.next_above(self._handover.height) is None:
            self._end()
            return True
        return False

    async def _execute(self, block: RangeBlock, item: Import) -> TreeBlock:
        arrived = ArrivedBlock(block.block, block.data, block.body)
        try:
            async with self._tree.turn:
                if self._tree.view_of(block.block.header.parent_id) is None:
                    raise FinalityForked(block)
                steps = self._tree.execute_final(block.block_id, arrived, item.verified)
                return await paced(steps)
        except BlockInvalid as reason:
            final = item.content.certificate.statement
            assert isinstance(final, Finalize)
            raise FinalBlockInvalid(final) from reason

    def stop(self) -> None:
        """Fail everything that waits: the node stops."""
        while self._waiting:
            self._end(ImportStopped())

    def _end(self, error: Exception | None = None) -> None:
        done = self._waiting.popleft().done
        if done.done():
            return  # Nobody waits any more.
        if error:
            done.set_exception(error)
        else:
            done.set_result(None)

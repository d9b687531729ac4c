"""What peers ask for: blocks by id, final blocks by height. Read off the event loop."""

import asyncio
from typing import Final

from ledger.store import ChainStore, EncodedBlock
from ledger.types import Hash
from node.block_tree import BlockTree
from node.p2p import BlockAnswer, FinalBlock, Peer, RangeAnswer, RangeRequest
from node.p2p.messages import BLOCKS_PER_RANGE_MAX, RANGE_BYTES_MAX

READS_AT_ONCE: Final = 2
"""Reads for peers at once: the node's own work comes first."""


class Answers:
    """Answers of one node; each peer has one question at a time."""

    def __init__(self, tree: BlockTree, store: ChainStore) -> None:
        """Answer from these."""
        self._tree = tree
        self._store = store
        self._reading = asyncio.Semaphore(READS_AT_ONCE)

    async def block(self, peer: Peer, block_id: Hash) -> None:
        """Send a block that is executed or final here; nothing if it is not known."""
        executed = self._tree.get(block_id)
        if executed is not None:
            peer.send(BlockAnswer(executed.data))
            return
        async with self._reading:
            data = await asyncio.to_thread(self._store.encoded_block, block_id)
        if data is not None:
            peer.send(BlockAnswer(data))

    async def final_range(self, peer: Peer, request: RangeRequest) -> None:
        """Send final blocks from a height on, as many as there are and fit; always answers."""
        async with self._reading:
            blocks = await asyncio.to_thread(self._read, request)
        peer.send(RangeAnswer(request.number, blocks))

    def _read(self, request: RangeRequest) -> tuple[FinalBlock, ...]:
        """Return a range that its last block's certificate proves; longer if none does before."""
        above = request.first_height - 1
        found = self._store.encoded_blocks(above, request.blocks_max, request.bytes_max)
        proved = _proved(found)
        if found and not proved:
            proved = _proved(
                self._store.encoded_blocks(above, BLOCKS_PER_RANGE_MAX, RANGE_BYTES_MAX),
                first_only=True,
            )
        if sum(len(block.data) for block in proved) > RANGE_BYTES_MAX:
            return ()
        last = len(proved) - 1
        return tuple(
            FinalBlock(block.data, block.certificate if at == last else b"")
            for at, block in enumerate(proved)
        )


def _proved(blocks: list[EncodedBlock], *, first_only: bool = False) -> list[EncodedBlock]:
    """Return blocks up to the last, or first, that has a certificate, within one epoch."""
    end = 0
    for at, block in enumerate(blocks, start=1):
        if block.certificate:
            end = at
        if block.ends_epoch or (end and first_only):
            break
    return blocks[:end]

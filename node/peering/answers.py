"""What peers ask for: blocks by id, final blocks by height. Read off the event loop."""

import asyncio
from typing import Final

from ledger.store import ChainStore, EncodedBlock, EncodedProof
from ledger.types import Hash, PublicKey
from node.block_tree import BlockTree
from node.p2p import BlockAnswer, FinalBlock, Peer, RangeAnswer, RangeRequest, Role
from node.p2p.messages import ENCODED_BLOCK_BYTES_MAX, HEADERS_PER_RANGE_MAX

READS_AT_ONCE: Final = 2
"""Reads for peers at once: the node's own work comes first."""


BYTES_PER_SECOND: Final = {Role.FOLLOWER: 16 * 1_048_576, Role.VALIDATOR: 64 * 1_048_576}
"""Bytes of blocks that a peer of a role is given in a second."""

QUESTION_BYTES: Final = 16_384
"""What a question costs besides the bytes of its answer."""

PACED_MAX: Final = 1_024
"""Peers whose pace is remembered."""


class Answers:
    """Answers of one node; each peer has one question at a time.

    A peer that asks for much waits between its answers, and since its messages are read one after
    another, so does whatever else it says. A follower that catches up is served several times
    faster than a chain can grow; one that only wants to keep this node busy does not.
    """

    def __init__(self, tree: BlockTree, store: ChainStore) -> None:
        """Answer from these."""
        self._tree = tree
        self._store = store
        self._reading = asyncio.Semaphore(READS_AT_ONCE)
        self._paid_until_s: dict[PublicKey, float] = {}

    async def block(self, peer: Peer, block_id: Hash) -> None:
        """Send a block that is executed or final here; nothing if it is not known."""
        await self._pace(peer)
        executed = self._tree.get(block_id)
        data = executed.data if executed else None
        if data is None:
            async with self._reading:
                data = await asyncio.to_thread(self._store.encoded_block, block_id)
        self._charge(peer, len(data or b""))  # A search in vain costs a read, too.
        if data is not None:
            peer.send(BlockAnswer(data))

    async def final_range(self, peer: Peer, request: RangeRequest) -> None:
        """Send final blocks from a height on, as many as there are and fit; always answers."""
        await self._pace(peer)
        async with self._reading:
            answer = await asyncio.to_thread(self._read, request)
        size = sum(len(block.block) for block in answer.blocks) + sum(map(len, answer.headers))
        self._charge(peer, size)
        peer.send(answer)

    def forget(self, peer: Peer) -> None:
        """Note that a peer is gone."""
        self._paid_until_s.pop(peer.key, None)

    async def _pace(self, peer: Peer) -> None:
        """Wait until the peer has waited for what it got before."""
        until_s = self._paid_until_s.get(peer.key, 0.0)
        delay_s = until_s - asyncio.get_running_loop().time()
        if delay_s > 0:
            await asyncio.sleep(delay_s)

    def _charge(self, peer: Peer, size: int) -> None:
        now_s = asyncio.get_running_loop().time()
        rate = BYTES_PER_SECOND[peer.role]
        self._paid_until_s[peer.key] = now_s + (size + QUESTION_BYTES) / rate
        if len(self._paid_until_s) > PACED_MAX:  # Peers that left while they were answered.
            self._paid_until_s = {k: at for k, at in self._paid_until_s.items() if at > now_s}

    def _read(self, request: RangeRequest) -> RangeAnswer:
        """Return blocks up to the last that has a certificate, or all and headers up to one."""
        above, bytes_max = request.first_height - 1, min(request.bytes_max, ENCODED_BLOCK_BYTES_MAX)
        found = _of_one_epoch(self._store.encoded_blocks(above, request.blocks_max, bytes_max))
        for end in range(len(found), 0, -1):
            certificate = found[end - 1].certificate
            if certificate:
                return _answer(request, found[:end], EncodedProof((), certificate))
        # An epoch's last block has a certificate, since no other block can follow it there.
        proof = None
        if found and not found[-1].ends_epoch:
            proof = self._store.encoded_proof(above + len(found), HEADERS_PER_RANGE_MAX)
        return _answer(request, found, proof) if proof else RangeAnswer(request.number, (), ())


def _of_one_epoch(blocks: list[EncodedBlock]) -> list[EncodedBlock]:
    """Return blocks up to the first that ends its epoch."""
    ends = (at for at, block in enumerate(blocks, start=1) if block.ends_epoch)
    return blocks[: next(ends, len(blocks))]


def _answer(request: RangeRequest, blocks: list[EncodedBlock], proof: EncodedProof) -> RangeAnswer:
    """Return an answer whose last block bears the certificate."""
    final = [FinalBlock(block.data, b"") for block in blocks[:-1]]
    final.append(FinalBlock(blocks[-1].data, proof.certificate))
    return RangeAnswer(request.number, tuple(final), proof.headers)

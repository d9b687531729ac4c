"""What peers ask for: blocks by id, final blocks by height. Read off the event loop."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from ledger.store import ChainReader
from ledger.types import Hash, PublicKey
from node.block_tree import BlockTree
from node.p2p import BlockAnswer, Peer, RangeAnswer, RangeProof, RangeRequest, Role
from node.p2p.buckets import Allowance, TokenBucket
from node.peering.final_ranges import FinalRanges, size_of

READS_AT_ONCE: Final = {Role.VALIDATOR: 2, Role.FOLLOWER: 1}
"""Reads for peers of a role at once: the node's own work comes first, and no validator's question
waits behind those of followers."""

VALIDATOR_BYTES_PER_SECOND: Final = 64 * 1_048_576
"""Bytes of blocks that each validator is given in a second."""

FOLLOWER_BYTES_PER_SECOND: Final = 262_144
"""Bytes of blocks that each follower is given in a second, whatever others ask for."""

FOLLOWERS_BYTES_PER_SECOND: Final = 16 * 1_048_576
"""Bytes beyond these that all followers together are given in a second: one that catches up while
nobody else asks gets all of it, several times what a chain can grow by."""

QUESTION_BYTES: Final = 16_384
"""What a question costs besides the bytes of its answer."""

T = TypeVar("T")


class Answers:
    """Answers of one node; each peer has one question at a time.

    A peer that asks for much waits between its answers, and since its messages are read one after
    another, so does whatever else it says. A follower that wants to keep this node busy uses up
    what followers share, and then gets what it is sure of, as all others do.
    """

    def __init__(self, tree: BlockTree, store: ChainReader) -> None:
        """Answer from these."""
        self._tree = tree
        self._store = store
        self._ranges = FinalRanges(store)
        self._reading = {role: asyncio.Semaphore(most) for role, most in READS_AT_ONCE.items()}
        self._allowances: dict[tuple[PublicKey, Role], Allowance] = {}
        rate = FOLLOWERS_BYTES_PER_SECOND
        self._shared = TokenBucket(rate, rate, 0)

    async def block(self, peer: Peer, block_id: Hash) -> None:
        """Send a block that is executed or final here; nothing if it is not known."""

        async def read() -> bytes | None:
            executed = self._tree.get(block_id)
            if executed:
                return executed.data
            return await asyncio.to_thread(self._store.encoded_block, block_id)

        # A search in vain costs a read, too.
        data = await self._read_for(peer, read, lambda data: len(data or b""))
        if data is not None:
            peer.send(BlockAnswer(data))

    async def final_range(self, peer: Peer, request: RangeRequest) -> None:
        """Send final blocks from a height on, or what leads to their proof; always answers."""

        async def read() -> RangeAnswer | RangeProof:
            return await asyncio.to_thread(self._ranges.answer, request)

        answer: RangeAnswer | RangeProof = await self._read_for(peer, read, size_of)
        peer.send(answer)

    def forget(self, peer: Peer) -> None:
        """Note that a peer is gone."""
        for role in Role:
            self._allowances.pop((peer.key, role), None)

    async def _read_for(
        self, peer: Peer, read: Callable[[], Awaitable[T]], size: Callable[[T], int]
    ) -> T:
        """Read when it is the peer's turn, and have it pay for what was found."""
        allowance, reading = self._allowance(peer), self._reading[peer.role]
        while True:
            wait_ms = allowance.wait_ms(_now_ms())
            if wait_ms:
                await asyncio.sleep(wait_ms / 1_000)
            async with reading:
                # Others may have used it up while this one waited.
                if allowance.wait_ms(_now_ms()) == 0:
                    payer = allowance.payer(_now_ms())
                    found = await read()
                    payer.take(QUESTION_BYTES + size(found), _now_ms())
                    return found

    def _allowance(self, peer: Peer) -> Allowance:
        allowance = self._allowances.get((peer.key, peer.role))
        if allowance is None:
            is_validator = peer.role is Role.VALIDATOR
            rate = VALIDATOR_BYTES_PER_SECOND if is_validator else FOLLOWER_BYTES_PER_SECOND
            own = TokenBucket(rate, rate, 0)
            allowance = Allowance(own) if is_validator else Allowance(own, self._shared)
            self._allowances[peer.key, peer.role] = allowance
        return allowance


def _now_ms() -> int:
    return int(asyncio.get_running_loop().time() * 1_000)

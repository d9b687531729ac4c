"""Transactions that peers sent, on their way into the pool.

They wait in a line for each peer, so that the votes behind them on the same connection are read
meanwhile, and the lines are served in turn, so that one peer that sends much delays no other. A
line is bounded; what does not fit is dropped, and whoever answers for it announces it again.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from coordinator.ports import SubmitOutcome
from ledger.hashing import sha256_each
from ledger.types import Hash
from node.gossip.ports import Pool
from node.p2p import Peer, Role
from node.references import REFERENCE_BYTES

BATCH_MAX: Final = 512
"""Transactions that the pool is given at once; about 25 ms of a verifying process."""

BATCHES_AT_ONCE: Final = 2
"""Batches that the pool works on at once: one is screened here while another is verified."""

LINE_BYTES_MAX: Final = {Role.VALIDATOR: 1_048_576, Role.FOLLOWER: 262_144}
"""Bytes that may wait in the line of a peer, by its role."""

VALIDATOR_SOURCE: Final = "validator "
"""Begins the source of what a validator sent."""

Judged = Callable[[Peer | None, Sequence[SubmitOutcome]], None]
"""Is told what the pool said of a batch of a peer, or of this node itself."""


def source_of(peer: Peer) -> str:
    """Return what the pool calls a peer: by role and key, so that its addresses do not matter."""
    prefix = VALIDATOR_SOURCE if peer.role is Role.VALIDATOR else "follower "
    return prefix + peer.key.hex()


@dataclass(eq=False, slots=True)
class _Line:
    """What waits of one peer."""

    peer: Peer | None
    bytes_max: int
    waiting: deque[tuple[Hash, bytes]] = field(default_factory=deque)
    """Digest and bytes of each."""
    size: int = 0


class Arrivals:
    """Lines of transactions by peer; used on the event loop."""

    def __init__(self, pool: Pool, judged: Judged, count_dropped: Callable[[int], None]) -> None:
        """Prepare; `run` serves the lines.

        Args:
            pool: takes them.
            judged: is told the outcomes.
            count_dropped: is told how many did not fit.
        """
        self._pool = pool
        self._judged = judged
        self._count_dropped = count_dropped
        self._lines: dict[Peer | None, _Line] = {}
        self._served: deque[_Line] = deque()
        self._held: dict[bytes, bytes] = {}
        self._wake = asyncio.Event()

    def put(self, peer: Peer | None, transactions: Sequence[bytes]) -> None:
        """Take transactions of a peer, or of this node, unless they are here or pooled already."""
        line = self._lines.get(peer)
        if line is None:
            role = Role.VALIDATOR if peer is None else peer.role
            line = self._lines[peer] = _Line(peer, LINE_BYTES_MAX[role])
        was_empty = not line.waiting
        digests = sha256_each(transactions)
        for at, (digest, data) in enumerate(zip(digests, transactions, strict=True)):
            if line.size + len(data) > line.bytes_max:
                self._count_dropped(len(transactions) - at)
                break
            reference = digest[:REFERENCE_BYTES]
            if reference not in self._held and self._pool.lacks(reference):
                self._held[reference] = data
                line.waiting.append((digest, data))
                line.size += len(data)
        if was_empty and line.waiting:
            self._served.append(line)
            self._wake.set()

    def holding(self, reference: bytes) -> bytes | None:
        """Return the bytes, not judged yet, that are on their way into the pool."""
        return self._held.get(reference)

    def forget(self, peer: Peer) -> None:
        """Drop what waits of a peer that is gone."""
        line = self._lines.pop(peer, None)
        if line:
            for digest, _ in line.waiting:
                self._held.pop(digest[:REFERENCE_BYTES], None)
            line.waiting.clear()

    async def run(self) -> None:
        """Serve the lines until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(BATCHES_AT_ONCE):
                group.create_task(self._serve())

    async def _serve(self) -> None:
        while True:
            while not self._served:
                self._wake.clear()
                await self._wake.wait()
            line = self._served.popleft()
            batch = [line.waiting.popleft() for _ in range(min(BATCH_MAX, len(line.waiting)))]
            line.size -= sum(len(data) for _, data in batch)
            if line.waiting:
                self._served.append(line)
            if batch:
                await self._admit(line.peer, batch)

    async def _admit(self, peer: Peer | None, batch: list[tuple[Hash, bytes]]) -> None:
        digests = [digest for digest, _ in batch]
        transactions = [data for _, data in batch]
        try:
            source = source_of(peer) if peer else ""
            outcomes = await self._pool.add(transactions, source, digests)
        finally:
            for digest in digests:
                self._held.pop(digest[:REFERENCE_BYTES], None)
        self._judged(peer, outcomes)

"""Signature verification off the event loop, each claim once however many ask for it.

A thread would not do: libsodium gives the interpreter lock back for 47 µs a signature and then
waits for it behind busy Python, which makes verification a hundred times slower. So batches go to
worker processes (`signature_process`); a handful is verified in place, since a trip to a worker
costs more. Where no process runs, and for what a failed one had, the loop does it, in slices.
"""

import asyncio
import os
from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec

from ledger.hashing import Purpose, Tags
from ledger.transaction import IdentifiedTransaction
from ledger.types import Hash, PublicKey, Signature
from node.signature_frames import Frame, Lanes
from node.signature_process import FRAMES_AT_ONCE, VerifyingProcess
from node.signature_worker import verify_record

INLINE_MAX: Final = 10
"""Up to here the loop verifies itself: half a millisecond."""

WORKERS_MAX: Final = 8
"""Processes that a node starts unasked: more than its one loop can feed."""


class SignatureClaim(msgspec.Struct, frozen=True, gc=False):
    """A signature that somebody claims to be the key's over a transaction's id."""

    public_key: PublicKey
    """The key."""
    transaction_id: Hash
    """What is signed, under the tag ``tx-sign`` (T5)."""
    signature: Signature
    """The signature."""

    def record(self) -> bytes:
        """Return it as workers read it."""
        return self.public_key + self.transaction_id + self.signature


def claim_of(signed: IdentifiedTransaction) -> SignatureClaim:
    """Return what a transaction's signature claims."""
    content = signed.content
    return SignatureClaim(
        content.transaction.sender_public_key, signed.transaction_id, content.signature
    )


def default_workers() -> int:
    """Return how many processes a node starts unasked: a core is left to the node itself."""
    return max(1, min(WORKERS_MAX, len(os.sched_getaffinity(0)) - 1))


class SignatureVerifier:
    """Verifies batches in worker processes, and where they fail, itself. Used on the event loop.

    A caller that is cancelled costs nobody else a verdict: see `signature_process`.

    Args:
        tags: tags of the chain.
        workers: processes; 0 verifies on the event loop, in slices.
    """

    def __init__(self, tags: Tags, workers: int) -> None:
        self._tag = tags[Purpose.TX_SIGN]
        self._lanes = Lanes(shares=max(1, workers))
        self._processes = [
            VerifyingProcess(self._tag, self._lanes, self._take_over) for _ in range(workers)
        ]
        self._taken_over: deque[Frame] = deque()
        self._working: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the workers; returns when they run, not when they are warm."""
        for process in self._processes:
            await process.start()

    async def stop(self) -> None:
        """End the workers."""
        for process in self._processes:
            await process.stop()

    async def verify(
        self, claims: Sequence[SignatureClaim], *, is_urgent: bool = False
    ) -> list[bool]:
        """Return for each claim whether its signature verifies.

        Args:
            claims: may hold the same one several times, and some that others ask for now; each is
                verified once.
            is_urgent: whether a vote waits for them; they go first.
        """
        records = [claim.record() for claim in claims]
        distinct = dict.fromkeys(records)
        if len(distinct) <= INLINE_MAX:
            verdicts = {record: verify_record(self._tag, record) for record in distinct}
            return [verdicts[record] for record in records]
        known, new = await self._verified(list(distinct), is_urgent=is_urgent)
        if not known and len(distinct) == len(records):
            return [verdict == 1 for frame in new for verdict in frame.verdicts.result()]
        found: dict[bytes, int] = {}
        for frame in (*known, *new):
            found.update(zip(frame.records, frame.verdicts.result(), strict=True))
        return [found[record] == 1 for record in records]

    async def _verified(
        self, records: Sequence[bytes], *, is_urgent: bool
    ) -> tuple[list[Frame], list[Frame]]:
        """Return what `Lanes.enlist` does, once all of it is verified."""
        known, new = self._lanes.enlist(records, is_urgent=is_urgent)
        try:
            self._feed()
            await asyncio.wait([frame.verdicts for frame in (*known, *new)])
        finally:
            self._lanes.leave((*known, *new))
        return known, new

    def _feed(self) -> None:
        """Have somebody work on what waits: each process gets one frame before any gets another."""
        for frames in range(1, FRAMES_AT_ONCE + 1):
            for process in self._processes:
                process.fill(frames)
        self._work_if_needed()

    def _take_over(self, frames: Sequence[Frame]) -> None:
        """Verify here what a process had that failed; it may be what made it fail."""
        for frame in frames:
            if frame.waiters:
                self._taken_over.append(frame)
            else:
                self._lanes.drop(frame)
        self._work_if_needed()

    def _work_if_needed(self) -> None:
        if self._working is None or self._working.done():
            frame = self._next_frame()
            if frame is not None:
                self._working = asyncio.create_task(self._work(frame))

    def _next_frame(self) -> Frame | None:
        """Return what is to be verified on the loop."""
        if self._taken_over:
            return self._taken_over.popleft()
        if any(process.running.is_set() for process in self._processes):
            return None
        return self._lanes.take()

    async def _work(self, first: Frame) -> None:
        """Verify on the loop, letting everything else run between slices."""
        frame: Frame | None = first
        while frame is not None:
            verdicts = b""
            for at in range(0, len(frame.records), INLINE_MAX):
                few = frame.records[at : at + INLINE_MAX]
                verdicts += bytes(verify_record(self._tag, record) for record in few)
                await asyncio.sleep(0)
            self._lanes.conclude(frame, verdicts)
            frame = self._next_frame()

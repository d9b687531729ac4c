"""Signature verification off the event loop.

A thread would not do: libsodium gives the interpreter lock back for 47 µs a signature and then
waits for it behind busy Python, which makes verification a hundred times slower. So batches go to
worker processes; a handful is verified in place, since a trip to a worker costs more.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from typing import Final

import msgspec
import structlog

from ledger.hashing import Purpose, Tags
from ledger.transaction import IdentifiedTransaction
from ledger.types import Hash, PublicKey, Signature
from node.signature_worker import COUNT_BYTES, verify_record

INLINE_MAX: Final = 10
"""Up to here the loop verifies itself: half a millisecond."""

FRAME_RECORDS_MAX: Final = 2_000
"""Records a message; a tenth of a second of work, so that batches interleave."""

STOP_SECONDS: Final = 5
"""How long a worker may take to notice that its input ended."""

log = structlog.get_logger(__name__)


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


class SignatureVerifier:
    """Verifies batches in worker processes, and where they fail, itself.

    Args:
        tags: tags of the chain.
        workers: processes; 0 verifies on the event loop, in slices.
    """

    def __init__(self, tags: Tags, workers: int) -> None:
        self._tag = tags[Purpose.TX_SIGN]
        self._workers = [_Worker(self._tag) for _ in range(workers)]
        self._next = 0

    async def start(self) -> None:
        """Start the workers; returns when they run, not when they are warm."""
        for worker in self._workers:
            await worker.start()

    async def stop(self) -> None:
        """End the workers."""
        for worker in self._workers:
            await worker.stop()

    async def verify(self, claims: Sequence[SignatureClaim]) -> list[bool]:
        """Return for each claim whether its signature verifies."""
        if len(claims) <= INLINE_MAX:
            return [verify_record(self._tag, claim.record()) for claim in claims]
        share = -(-len(claims) // max(1, len(self._workers)))
        size = min(FRAME_RECORDS_MAX, share)
        frames = [claims[at : at + size] for at in range(0, len(claims), size)]
        verdicts = await asyncio.gather(*(self._verify_frame(frame) for frame in frames))
        return [verdict for frame in verdicts for verdict in frame]

    async def _verify_frame(self, frame: Sequence[SignatureClaim]) -> list[bool]:
        records = [claim.record() for claim in frame]
        if self._workers:
            worker = self._workers[self._next % len(self._workers)]
            self._next += 1
            verdicts = await worker.verify(records)
            if verdicts is not None:
                return verdicts
        return await self._verify_in_slices(records)

    async def _verify_in_slices(self, records: Sequence[bytes]) -> list[bool]:
        """Verify on the loop, letting everything else run between slices."""
        verdicts: list[bool] = []
        for at in range(0, len(records), INLINE_MAX):
            verdicts += [verify_record(self._tag, r) for r in records[at : at + INLINE_MAX]]
            await asyncio.sleep(0)
        return verdicts


class _Worker:
    """One process and the turn-taking on its pipe."""

    def __init__(self, tag: bytes) -> None:
        self._tag = tag
        self._process: Process | None = None
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "node.signature_worker", stdin=PIPE, stdout=PIPE
        )
        assert self._process.stdin is not None
        self._process.stdin.write(self._tag)

    async def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def verify(self, records: Sequence[bytes]) -> list[bool] | None:
        """Return the verdicts; None when the process has failed, which starts another."""
        async with self._turn:
            process = self._process
            if process is None:
                return None
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(len(records).to_bytes(COUNT_BYTES, "big") + b"".join(records))
                await process.stdin.drain()
                answer = await process.stdout.readexactly(len(records))
            except (ConnectionError, asyncio.IncompleteReadError):
                log.warning("signature_worker_lost", pid=process.pid)
                await self.stop()
                await self.start()
                return None
            return [verdict == 1 for verdict in answer]

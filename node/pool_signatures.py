"""What the pool knows of signatures: which it verified, which wait, and who sent wrong ones."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from ledger.hashing import sha256
from ledger.transaction import IdentifiedTransaction
from ledger.types import Hash
from node.pool_index import PooledTransaction
from node.pool_rejections import PoolFull, SignatureBudgetSpent
from node.ports import Clock
from node.signature_budget import FAILURES_MAX, SignatureBudget
from node.signature_cache import DigestCache
from node.signatures import SignatureVerifier, claim_of

UNVERIFIED_MAX: Final = 20_000
"""Transactions that may wait for their signatures; a second of one core's work."""

PORTION_MAX: Final = FAILURES_MAX
"""Transactions of one batch that are verified before its source is judged by them: as many wrong
ones as it may send, so that a batch of nothing else costs no more than that."""

TURN_TRANSACTIONS: Final = 200
"""Transactions that are looked at before everything else on the loop has a turn: about 4 ms."""


class PoolSignatures:
    """Verifies each signature once, by the full signed bytes (T3)."""

    def __init__(self, verifier: SignatureVerifier, clock: Clock) -> None:
        """Remember nothing yet."""
        self._verifier = verifier
        self._clock = clock
        self._budget = SignatureBudget()
        self._good = DigestCache()
        self.waiting = 0
        """Transactions that wait for their signatures; who adds some takes them off again."""

    def check_open(self, source: str) -> None:
        """Check that one more transaction of a source may wait for its signature (T7).

        Raises:
            PoolFull: too many wait.
            SignatureBudgetSpent: the source sent too many wrong ones.
        """
        if self.waiting >= UNVERIFIED_MAX:
            raise PoolFull(f"{UNVERIFIED_MAX} transactions wait for their signatures: send later")
        self.check_budget(source)

    def is_open(self, source: str) -> bool:
        """Return whether `check_open` would pass for a source that sent nothing wrong lately."""
        return self.waiting < UNVERIFIED_MAX and not self._budget.knows(source)

    def check_budget(self, source: str) -> None:
        """Check that a source did not send too many wrong signatures lately (T7).

        Raises:
            SignatureBudgetSpent: it did.
        """
        if not self._budget.knows(source):
            return
        failures = self._budget.spent_by(source, self._clock.monotonic_ms())
        if failures:
            raise SignatureBudgetSpent(failures, self._budget.window_s)

    def count_wrong(self, source: str) -> None:
        """Count a wrong signature of a source."""
        self._budget.count(source, self._clock.monotonic_ms())

    def remember(self, encoded_digest: Hash) -> None:
        """Note that exactly these signed bytes verified, whether they are pooled or not."""
        self._good.add(encoded_digest)

    def is_good(self, encoded_digest: Hash) -> bool:
        """Return whether exactly these signed bytes are remembered as verified."""
        return encoded_digest in self._good

    async def verify(self, entries: Sequence[PooledTransaction]) -> list[bool]:
        """Return for each whether its signature verifies; a remembered one costs nothing."""
        unknown = [entry for entry in entries if not self.is_good(entry.encoded_digest)]
        verdicts = await self._verifier.verify(list(map(claim_of, unknown)))
        if len(unknown) == len(entries):
            return verdicts
        wrong = {
            entry.encoded_digest
            for entry, is_good in zip(unknown, verdicts, strict=True)
            if not is_good
        }
        return [entry.encoded_digest not in wrong for entry in entries]

    async def verify_ahead(
        self,
        transactions: Sequence[IdentifiedTransaction],
        is_known: Callable[[IdentifiedTransaction], bool],
    ) -> None:
        """Verify and remember what is not known, so that the block that holds it executes quickly.

        A vote waits for the block, so this goes before all else that is verified.

        A wrong signature is nobody's fault yet: whoever executes the block finds it again.
        """
        unknown: list[IdentifiedTransaction] = []
        for number, signed in enumerate(transactions, start=1):
            if not is_known(signed):
                unknown.append(signed)
            if number % TURN_TRANSACTIONS == 0:
                await asyncio.sleep(0)
        claims = [claim_of(signed) for signed in unknown]
        verdicts = await self._verifier.verify(claims, is_urgent=True)
        for signed, is_good in zip(unknown, verdicts, strict=True):
            if is_good:
                self.remember(sha256(signed.data))

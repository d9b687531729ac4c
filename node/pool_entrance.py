"""From the bytes that somebody sent to an outcome for each: who gets into the pool (T7).

What needs the signature's cost comes last, and everything that depends on the chain or on the pool
is judged again after it, since both went on meanwhile. A large batch is verified in portions, so
that its source is judged by the first before more is spent on the rest.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from coordinator.ports import SubmitOutcome, TransactionStatus
from ledger.errors import LedgerError, SignatureInvalid, TransactionRejected
from ledger.governance_rejections import EvidenceSignatureInvalid
from ledger.rejections import AlreadyIncluded
from ledger.types import Hash
from node.pool_admission import (
    Moment,
    PoolLimits,
    check_admissible,
    has_room,
    moment_of,
    victims_for,
)
from node.pool_glance import Glance
from node.pool_index import PooledTransaction, PoolIndex
from node.pool_reading import Read, read_entries
from node.pool_rejections import Evicted, PoolFull, SignatureBudgetSpent, fault_of
from node.pool_signatures import PORTION_MAX, TURN_TRANSACTIONS, PoolSignatures
from node.ports import Clock, Views

_Screened = tuple[int, PooledTransaction, Moment]
"""Position in a batch, what was read there, and the moment at which it passed."""

_Verdict = bool | SignatureBudgetSpent
"""Whether a signature verifies, or why it was not looked at."""


@dataclass(frozen=True, slots=True)
class PoolBehind:
    """The pool that an entrance is of."""

    index: PoolIndex
    """What it holds; changed through `take` and `drop` only."""
    limits: PoolLimits
    """Its bounds."""
    take: Callable[[PooledTransaction], None]
    """Takes in a transaction that was admitted."""
    drop: Callable[[Hash, TransactionRejected], None]
    """Drops one that makes room."""
    count_refused: Callable[[str], None]
    """Is told the code of each refusal."""


class PoolEntrance:
    """Judges what comes in; used on the event loop.

    Args:
        views: states that it is judged by.
        signatures: what is known of signatures.
        clock: time of the next block.
        pool: where it goes.
    """

    def __init__(
        self,
        views: Views,
        signatures: PoolSignatures,
        clock: Clock,
        pool: PoolBehind,
    ) -> None:
        self._views = views
        self._signatures = signatures
        self._clock = clock
        self._pool = pool

    async def add(
        self, signed: Sequence[bytes], source: str, digests: Sequence[Hash] | None
    ) -> list[SubmitOutcome]:
        """Judge signed transactions, each with an outcome, in order; see `Mempool.add`."""
        outcomes: dict[int, SubmitOutcome] = {}
        screened: list[_Screened] = []
        done = 0
        try:
            for start in range(0, len(signed), TURN_TRANSACTIONS):
                moment = await self._next_moment(start)
                few = slice(start, start + TURN_TRANSACTIONS)
                known = None if digests is None else digests[few]
                entries = read_entries(moment.head.tags, signed[few], known, source)
                glance = self._glance(moment)
                for position, read in enumerate(entries, start):
                    verdict = self._screen(read, source, moment, glance)
                    if isinstance(verdict, SubmitOutcome):
                        outcomes[position] = verdict
                    else:
                        screened.append((position, verdict, moment))
                        self._signatures.waiting += 1
            # What passed waits until its own portion is verified.
            while done < len(screened):
                portion = screened[done : done + PORTION_MAX]
                verdicts = await self._verify(portion, source)
                self._signatures.waiting -= len(portion)
                done += len(portion)
                await self._conclude_each(portion, verdicts, outcomes)
        finally:
            self._signatures.waiting -= len(screened) - done
        return [outcomes[position] for position in range(len(signed))]

    async def _verify(self, portion: Sequence[_Screened], source: str) -> Sequence[_Verdict]:
        """Return what is known of the signatures of a part of a batch, or why nothing is (T7)."""
        try:
            self._signatures.check_budget(source)
        except SignatureBudgetSpent as spent:
            return [spent] * len(portion)
        return await self._signatures.verify([entry for _, entry, _ in portion])

    async def _conclude_each(
        self,
        portion: Sequence[_Screened],
        verdicts: Sequence[_Verdict],
        outcomes: dict[int, SubmitOutcome],
    ) -> None:
        """Note the outcomes of a part of a batch; others on the loop have their turns."""
        for start in range(0, len(portion), TURN_TRANSACTIONS):
            moment = await self._next_moment(start)
            glance = self._glance(moment)
            for at in range(start, min(start + TURN_TRANSACTIONS, len(portion))):
                position, entry, passed = portion[at]
                if verdicts[at] is True and glance.is_fine(entry):
                    self._pool.take(entry)
                    outcomes[position] = SubmitOutcome(
                        entry.transaction_id, TransactionStatus.POOLED
                    )
                else:
                    outcomes[position] = self._conclude(entry, passed, moment, verdicts[at])

    async def _next_moment(self, done: int) -> Moment:
        """Return what to judge the next few by; others on the loop have their turn before."""
        if done:
            await asyncio.sleep(0)
        return moment_of(self._views, self._clock)

    def _glance(self, moment: Moment) -> Glance:
        return Glance(moment, self._pool.index, self._pool.limits)

    def _screen(
        self, entry: Read, source: str, moment: Moment, glance: Glance
    ) -> SubmitOutcome | PooledTransaction:
        """Judge all but the signature; return the outcome if it is clear already."""
        if (
            not isinstance(entry, Exception)
            and glance.is_fine(entry)
            and self._signatures.is_open(source)
        ):
            return entry
        transaction_id = bytes(32)
        try:
            if isinstance(entry, Exception):
                raise entry
            transaction_id = entry.transaction_id
            if entry.slot is not None:  # Judging these may mean to verify signatures inside them.
                self._signatures.check_open(source)
            check_admissible(entry, moment, self._pool.index)
            self._victims_for(entry)
            if not self._signatures.is_good(entry.encoded_digest):
                self._signatures.check_open(source)
        except LedgerError as error:
            if isinstance(error, EvidenceSignatureInvalid):
                self._signatures.count_wrong(source)
            return self._refused(transaction_id, error)
        except Exception as crash:  # noqa: BLE001
            return self._refused(transaction_id, fault_of(transaction_id, crash))
        return entry

    def _conclude(
        self,
        entry: PooledTransaction,
        passed: Moment,
        moment: Moment,
        verdict: _Verdict,
    ) -> SubmitOutcome:
        """Pool a transaction whose signature is known, unless something changed meanwhile."""
        if isinstance(verdict, SignatureBudgetSpent):
            return self._refused(entry.transaction_id, verdict)
        try:
            if not verdict:
                self._signatures.count_wrong(entry.source)
                raise SignatureInvalid(
                    "signature: not the sender's over this transaction and chain"
                )
            check_admissible(entry, moment, self._pool.index, passed)
            for victim in self._victims_for(entry):
                self._pool.drop(victim.transaction_id, Evicted())
        except LedgerError as error:
            if verdict:  # A block may hold it all the same.
                self._signatures.remember(entry.encoded_digest)
            return self._refused(entry.transaction_id, error)
        except Exception as crash:  # noqa: BLE001
            return self._refused(entry.transaction_id, fault_of(entry.transaction_id, crash))
        self._pool.take(entry)
        return SubmitOutcome(entry.transaction_id, TransactionStatus.POOLED)

    def _victims_for(self, entry: PooledTransaction) -> Sequence[PooledTransaction]:
        """Return what has to be evicted for a transaction to fit.

        Raises:
            PoolFull: there is no room for it, and nothing in the pool pays less.
        """
        if has_room(entry, self._pool.index, self._pool.limits):
            return ()
        return victims_for(entry, self._pool.index, self._pool.limits)

    def _refused(self, transaction_id: Hash, reason: LedgerError) -> SubmitOutcome:
        """Return the outcome that a refusal is answered with."""
        if isinstance(reason, AlreadyIncluded):
            return SubmitOutcome(transaction_id, TransactionStatus.DUPLICATE)
        self._pool.count_refused(reason.code)
        is_full = isinstance(reason, PoolFull)
        status = TransactionStatus.FULL if is_full else TransactionStatus.REJECTED
        return SubmitOutcome(transaction_id, status, reason.code, str(reason))

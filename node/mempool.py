"""Transactions that wait for a block: who gets in, who leaves, and what became of each.

Admission follows T7: size, canonical form, time, known id, ability to pay, signature; every
transaction gets an explicit outcome. What needs the signature's cost comes last, and everything
that depends on the chain or on the pool is judged again after it, since both went on meanwhile.

The state that pays is the final one: an unfinal block may yet be abandoned, and its transactions
are pooled until it is final, so a sender's pooled spends and its final balance are disjoint sides
of one account. Fee-free transactions are bounded by their job instead: they must apply to the
head's state, one per (job, action, attempt, signer).

What a block's state refuses is set aside (`doubt`) until the final state has judged it: it is no
work, and no candidate, but it keeps its place, since the block that made the difference may yet be
abandoned.

A transaction leaves (T8) when it is final, when the final state refuses it, when its time is over,
or when it is evicted; `drop_of` says which of the last three.

A transaction on which the ledger itself fails is refused, or leaves, as `InternalFault`, and the
node goes on: no single transaction may stop it.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from typing import Final

import structlog

from coordinator.ports import SubmitOutcome, TransactionStatus
from ledger.admission import check_applies, check_transaction_time
from ledger.errors import LedgerError, SignatureInvalid, TransactionRejected
from ledger.governance_rejections import EvidenceSignatureInvalid
from ledger.hashing import sha256
from ledger.proposal import block_time
from ledger.rejections import AlreadyIncluded
from ledger.transaction import IdentifiedTransaction
from ledger.types import Address, Amount, Hash
from ledger.views import ChainView
from node.pool_admission import (
    Moment,
    PoolLimits,
    check_admissible,
    has_room,
    moment_of,
    victims_for,
)
from node.pool_index import PooledTransaction, PoolIndex
from node.pool_reading import Read, read_entries
from node.pool_rejections import Evicted, InternalFault, NotIncluded, PoolFull
from node.pool_signatures import TURN_TRANSACTIONS, PoolSignatures
from node.ports import Clock, FoundWork, Views
from node.signature_cache import DigestCache
from node.signatures import SignatureVerifier

RECHECKED_MAX: Final = 256
"""Doubted transactions that are judged after a final block; the rest follows after later ones."""

LOOKED_AT_MAX: Final = 16
"""Others that are judged after a final block, in turn: less than a millisecond."""

WORK_CHECKS_MAX: Final = 32
"""Transactions that one search for work tries on a state, at most; about a millisecond."""

DROPS_MAX: Final = 20_000
"""Dropped transactions that are remembered with their reason."""

log = structlog.get_logger(__name__)


_Screened = tuple[int, PooledTransaction, Moment]
"""Position in a batch, what was read there, and the moment at which it passed."""


class Mempool:
    """The pool of one node; used on its event loop only.

    Args:
        views: states that admission is judged by.
        verifier: verifies signatures.
        clock: time of the next block.
        limits: bounds.
        count_refused: is told the code of each refusal.
    """

    def __init__(
        self,
        views: Views,
        verifier: SignatureVerifier,
        clock: Clock,
        limits: PoolLimits,
        count_refused: Callable[[str], None] = lambda _code: None,
    ) -> None:
        self._views = views
        self._signatures = PoolSignatures(verifier, clock)
        self._clock = clock
        self._limits = limits
        self._count_refused = count_refused
        self._index = PoolIndex()
        self._doubted: OrderedDict[Hash, None] = OrderedDict()
        self._drops: OrderedDict[Hash, TransactionRejected] = OrderedDict()
        self._included = DigestCache()

    # ------------------------------------------------------------ admission

    async def add(
        self, signed: Sequence[bytes], source: str = "", digests: Sequence[Hash] | None = None
    ) -> list[SubmitOutcome]:
        """Admit canonical signed transactions, each with an outcome, in order (T7).

        Args:
            signed: the bytes of each; hostile.
            source: who sent them, for the budget of wrong signatures; empty for this node itself.
            digests: SHA-256 of each, if the caller has them.
        """
        outcomes: dict[int, SubmitOutcome] = {}
        screened: list[_Screened] = []
        try:
            for start in range(0, len(signed), TURN_TRANSACTIONS):
                moment = await self._next_moment(start)
                few = slice(start, start + TURN_TRANSACTIONS)
                known = None if digests is None else digests[few]
                entries = read_entries(moment.head.tags, signed[few], known, source)
                for position, read in enumerate(entries, start):
                    verdict = self._screen(read, source, moment)
                    if isinstance(verdict, SubmitOutcome):
                        outcomes[position] = verdict
                    else:
                        screened.append((position, verdict, moment))
                        self._signatures.waiting += 1
            verdicts = await self._signatures.verify([entry for _, entry, _ in screened])
        finally:
            self._signatures.waiting -= len(screened)
        for start in range(0, len(screened), TURN_TRANSACTIONS):
            moment = await self._next_moment(start)
            for at in range(start, min(start + TURN_TRANSACTIONS, len(screened))):
                position, entry, passed = screened[at]
                outcomes[position] = self._conclude(entry, passed, moment, is_good=verdicts[at])
        return [outcomes[position] for position in range(len(signed))]

    async def _next_moment(self, done: int) -> Moment:
        """Return what to judge the next few by; others on the loop have their turn before."""
        if done:
            await asyncio.sleep(0)
        return moment_of(self._views, self._clock)

    def _screen(
        self, entry: Read, source: str, moment: Moment
    ) -> SubmitOutcome | PooledTransaction:
        """Judge all but the signature; return the outcome if it is clear already."""
        transaction_id = bytes(32)
        try:
            if isinstance(entry, Exception):
                raise entry
            transaction_id = entry.transaction_id
            if entry.slot is not None:  # Judging these may mean to verify signatures inside them.
                self._signatures.check_open(source)
            check_admissible(entry, moment, self._index)
            if not self._signatures.is_good(entry.encoded_digest):
                self._signatures.check_open(source)
        except LedgerError as error:
            if isinstance(error, EvidenceSignatureInvalid):
                self._signatures.count_wrong(source)
            return self._refused(transaction_id, error)
        except Exception as crash:  # noqa: BLE001
            return self._refused(transaction_id, _fault(transaction_id, crash))
        return entry

    def _conclude(
        self, entry: PooledTransaction, passed: Moment, moment: Moment, *, is_good: bool
    ) -> SubmitOutcome:
        """Pool a transaction whose signature is known, unless something changed meanwhile."""
        try:
            if not is_good:
                self._signatures.count_wrong(entry.source)
                raise SignatureInvalid(
                    "signature: not the sender's over this transaction and chain"
                )
            check_admissible(entry, moment, self._index, passed)
            if not has_room(entry, self._index, self._limits):
                for victim in victims_for(entry, self._index, self._limits):
                    self._drop(victim.transaction_id, Evicted())
        except LedgerError as error:
            if is_good:  # A block may hold it all the same.
                self._signatures.remember(entry.encoded_digest)
            return self._refused(entry.transaction_id, error)
        except Exception as crash:  # noqa: BLE001
            return self._refused(entry.transaction_id, _fault(entry.transaction_id, crash))
        if entry.transaction_id in self._drops:
            del self._drops[entry.transaction_id]
        self._index.add(entry)
        return SubmitOutcome(entry.transaction_id, TransactionStatus.POOLED)

    def _refused(self, transaction_id: Hash, reason: LedgerError) -> SubmitOutcome:
        """Return the outcome that a refusal is answered with."""
        if isinstance(reason, AlreadyIncluded):
            return SubmitOutcome(transaction_id, TransactionStatus.DUPLICATE)
        self._count_refused(reason.code)
        is_full = isinstance(reason, PoolFull)
        status = TransactionStatus.FULL if is_full else TransactionStatus.REJECTED
        return SubmitOutcome(transaction_id, status, reason.code, str(reason))

    # ------------------------------------------------------------ for the proposer

    def candidates(self, limit: int, excluded: Collection[Hash]) -> list[PooledTransaction]:
        """Return at most `limit` transactions for a block, best first; none that is in doubt.

        Args:
            limit: most to return.
            excluded: ids of transactions in the block's unfinal ancestors.
        """
        return list(islice(self._waiting(excluded), limit))

    def find_work(self, view: ChainView, excluded: Collection[Hash]) -> FoundWork:
        """Look for a transaction that a block on a view could contain now (E12).

        Args:
            view: the block's parent.
            excluded: ids of transactions in the parent and its unfinal ancestors.
        """
        now_ms = block_time(view, self._clock.wall_ms())
        tried = list(islice(self._waiting(excluded), WORK_CHECKS_MAX))
        for entry in tried:
            transaction = entry.content.transaction
            try:
                check_transaction_time(view.parameters, transaction, now_ms)
                check_applies(view, transaction, entry.transaction_id, entry.size, now_ms)
            except TransactionRejected as reason:
                if view.block_id == self._views.final_view.block_id:
                    self._drop(entry.transaction_id, reason)
                else:
                    self._doubted[entry.transaction_id] = None
            except Exception as crash:  # noqa: BLE001
                self._drop(entry.transaction_id, _fault(entry.transaction_id, crash))
            else:
                return FoundWork(entry.reference, entry.source)
        return FoundWork(is_unsure=len(tried) == WORK_CHECKS_MAX)

    def _waiting(self, excluded: Collection[Hash]) -> Iterator[PooledTransaction]:
        """Yield what is neither excluded nor in doubt, best first."""
        for entry in self._index.best_first():
            identity = entry.transaction_id
            if identity not in excluded and identity not in self._doubted:
                yield entry

    def doubt(self, refused: Sequence[Hash]) -> None:
        """Set aside what the state of a block that is being built refuses; see `settle` (T8)."""
        for transaction_id in refused:
            if self._index.get(transaction_id):
                self._doubted[transaction_id] = None

    def settle(self, final_ids: Sequence[Hash]) -> None:
        """Drop what a new final block contains, what its state refuses, and what it outlived.

        Call it after `Views.final_view` has moved to that block (T8).
        """
        remove, note = self._index.remove, self._included.add
        for transaction_id in final_ids:
            entry = remove(transaction_id)
            if entry is not None:
                note(entry.reference)
            if self._doubted:
                self._doubted.pop(transaction_id, None)
        final = self._views.final_view
        for transaction_id in self._index.expired(final.header.timestamp_ms + 1):
            expired = self._index.get(transaction_id)
            assert expired is not None
            self._drop(transaction_id, NotIncluded(expired.valid_until_ms))
        moment = moment_of(self._views, self._clock)
        for _ in range(min(RECHECKED_MAX, len(self._doubted))):
            doubted = self._index.get(self._doubted.popitem(last=False)[0])
            if doubted:
                self._judge(doubted, moment)
        for entry in self._index.next_in_turn(LOOKED_AT_MAX):
            self._judge(entry, moment)

    def _judge(self, entry: PooledTransaction, moment: Moment) -> None:
        """Drop what head and final state refuse, unless an unfinal block holds it already."""
        identity, transaction = entry.transaction_id, entry.content.transaction
        if moment.head.seen.contains(identity, transaction.valid_until_ms):
            return
        reason: TransactionRejected | None = None
        views = {view.block_id: view for view in (moment.head, moment.final)}
        for view in views.values():
            try:
                check_applies(view, transaction, identity, entry.size, moment.now_ms)
            except TransactionRejected as refusal:
                reason = refusal
            except Exception as crash:  # noqa: BLE001
                reason = _fault(identity, crash)
                break
            else:
                return
        assert reason is not None
        self._drop(identity, reason)

    # ------------------------------------------------------------ questions

    def __len__(self) -> int:
        """Return how many transactions are pooled."""
        return len(self._index)

    @property
    def bytes_total(self) -> int:
        """Bytes of all pooled transactions."""
        return self._index.bytes_total

    def contains(self, transaction_id: Hash) -> bool:
        """Return whether a transaction is pooled."""
        return self._index.get(transaction_id) is not None

    def get(self, transaction_id: Hash) -> PooledTransaction | None:
        """Return a pooled transaction."""
        return self._index.get(transaction_id)

    def referred_to(self, reference: bytes) -> PooledTransaction | None:
        """Return the pooled transaction that peers call by a reference."""
        return self._index.referred_to(reference)

    def referred_to_each(self, references: Sequence[bytes]) -> list[PooledTransaction | None]:
        """Return the pooled transaction of each of several references."""
        return self._index.referred_to_each(references)

    def lacks(self, reference: bytes) -> bool:
        """Return whether a reference is of nothing that is pooled or lately became final here."""
        return self._index.referred_to(reference) is None and reference not in self._included

    def is_verified(self, signed: IdentifiedTransaction) -> bool:
        """Return whether exactly these signed bytes were verified before (T3)."""
        entry = self._index.get(signed.transaction_id)
        if entry is not None and entry.data == signed.data:
            return True
        return self._signatures.is_good(sha256(signed.data))

    async def verify_ahead(self, transactions: Sequence[IdentifiedTransaction]) -> None:
        """Verify, off the event loop, signatures of a block that is about to be executed.

        `is_verified` knows the good ones afterwards. A wrong one is not reported: whoever executes
        the block finds it again.
        """
        await self._signatures.verify_ahead(transactions, self.is_verified)

    def pooled_spend(self, address: Address) -> Amount:
        """Return what the pooled transactions of a sender would spend."""
        return self._index.totals_of(address)[1]

    def drop_of(self, transaction_id: Hash) -> TransactionRejected | None:
        """Return why a transaction was dropped; None if it was not, or too long ago."""
        return self._drops.get(transaction_id)

    # ------------------------------------------------------------

    def _drop(self, transaction_id: Hash, reason: TransactionRejected) -> None:
        dropped = self._index.remove(transaction_id)
        if dropped:  # A block may hold it all the same.
            self._signatures.remember(dropped.encoded_digest)
        self._doubted.pop(transaction_id, None)
        self._drops[transaction_id] = reason
        if len(self._drops) > DROPS_MAX:
            self._drops.popitem(last=False)


def _fault(transaction_id: Hash, crash: Exception) -> InternalFault:
    """Report that the ledger failed on a transaction; return what it is refused with."""
    log.error("transaction_crashed", transaction_id=transaction_id.hex(), exc_info=crash)
    return InternalFault()

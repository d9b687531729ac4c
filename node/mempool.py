"""Transactions that wait for a block: who gets in, who leaves, and what became of each.

Admission (`pool_entrance`) follows T7: size, canonical form, time, known id, ability to pay, room,
signature; every transaction gets an explicit outcome.

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

from coordinator.ports import SubmitOutcome
from ledger.admission import check_transaction_time
from ledger.errors import TransactionRejected
from ledger.hashing import sha256
from ledger.proposal import block_time
from ledger.transaction import IdentifiedTransaction
from ledger.types import Address, Amount, Hash
from ledger.views import ChainView
from node.pool_admission import Moment, PoolLimits, check_applies_on, moment_of
from node.pool_entrance import PoolBehind, PoolEntrance
from node.pool_index import PooledTransaction, PoolIndex
from node.pool_rejections import NotIncluded, fault_of
from node.pool_signatures import PoolSignatures
from node.ports import Clock, FoundWork, Views
from node.signature_cache import DigestCache
from node.signatures import SignatureVerifier

RECHECKED_MAX: Final = 256
"""Doubted transactions that are judged after a final block; the rest follows after later ones."""

LOOKED_AT_MAX: Final = 16
"""Others that are judged after a final block, in turn: less than a millisecond. What came since the
block before is not: it was judged when it came."""

WORK_CHECKS_MAX: Final = 32
"""Transactions that one search for work tries on a state, at most; about a millisecond."""

EXPIRED_MAX: Final = 1_000
"""Expired transactions that are dropped at once, in 4 ms; the rest follows turn by turn."""

DROPS_MAX: Final = 20_000
"""Dropped transactions that are remembered with their reason."""


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
        self._index = PoolIndex()
        self._new: set[Hash] = set()
        self._doubted: OrderedDict[Hash, None] = OrderedDict()
        self._drops: OrderedDict[Hash, TransactionRejected] = OrderedDict()
        self._included = DigestCache()
        behind = PoolBehind(self._index, limits, self._take, self._drop, count_refused)
        self._entrance = PoolEntrance(views, self._signatures, clock, behind)

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
        return await self._entrance.add(signed, source, digests)

    def _take(self, entry: PooledTransaction) -> None:
        self._drops.pop(entry.transaction_id, None)
        self._index.add(entry)
        self._new.add(entry.transaction_id)

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
                check_applies_on(entry, view, now_ms)
            except TransactionRejected as reason:
                if view.block_id == self._views.final_view.block_id:
                    self._drop(entry.transaction_id, reason)
                else:
                    self._doubted[entry.transaction_id] = None
            except Exception as crash:  # noqa: BLE001
                self._drop(entry.transaction_id, fault_of(entry.transaction_id, crash))
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

    def release(self, final_ids: Sequence[Hash]) -> None:
        """Let go what a block contains that is about to be the final one; `settle` comes next."""
        remove, note = self._index.remove, self._included.add
        for transaction_id in final_ids:
            entry = remove(transaction_id)
            if entry is not None:
                note(entry.reference)
            if self._doubted:
                self._doubted.pop(transaction_id, None)

    def settle(self) -> None:
        """Drop what the state of a new final block refuses, and what it outlived.

        Call it after `Views.final_view` has moved to that block (T8).
        """
        self._expire()
        moment = moment_of(self._views, self._clock)
        for _ in range(min(RECHECKED_MAX, len(self._doubted))):
            doubted = self._index.get(self._doubted.popitem(last=False)[0])
            if doubted:
                self._judge(doubted, moment)
        new, self._new = self._new, set()
        for entry in self._index.next_in_turn(LOOKED_AT_MAX):
            if entry.transaction_id not in new:
                self._judge(entry, moment)

    def _expire(self) -> None:
        """Drop what no block may contain any more; after a pause of the chain that is much."""
        after_ms = self._views.final_view.header.timestamp_ms + 1
        expired = self._index.expired(after_ms, EXPIRED_MAX)
        for entry in expired:
            self._drop(entry.transaction_id, NotIncluded(entry.valid_until_ms))
        if len(expired) == EXPIRED_MAX:
            asyncio.get_running_loop().call_soon(self._expire)

    def _judge(self, entry: PooledTransaction, moment: Moment) -> None:
        """Drop what head and final state refuse, unless an unfinal block holds it already."""
        identity = entry.transaction_id
        if moment.head.seen.contains(identity, entry.valid_until_ms):
            return
        reason: TransactionRejected | None = None
        views = {view.block_id: view for view in (moment.head, moment.final)}
        for view in views.values():
            try:
                check_applies_on(entry, view, moment.now_ms)
            except TransactionRejected as refusal:
                reason = refusal
            except Exception as crash:  # noqa: BLE001
                reason = fault_of(identity, crash)
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
        self._new.discard(transaction_id)
        self._doubted.pop(transaction_id, None)
        # Where it was raised would keep alive what was looked at there, such as a block's state.
        reason.__cause__ = reason.__context__ = None
        self._drops[transaction_id] = reason.with_traceback(None)
        if len(self._drops) > DROPS_MAX:
            self._drops.popitem(last=False)

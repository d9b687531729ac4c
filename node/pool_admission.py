"""Judging one transaction for the pool, in the order of T7; nothing here changes the pool.

size, canonical, of this chain   `pool_reading`
time, id, ability to pay         check_admissible
room                             has_room, victims_for
signature                        `signatures`, because it costs most; then the two above once more
"""

from dataclasses import dataclass
from typing import Final

from ledger.accounts import balance_of
from ledger.admission import (
    check_applies,
    check_transaction_sanity,
    check_transaction_time,
    check_transaction_unseen,
)
from ledger.fast_transfer import check_payable
from ledger.params import Parameters
from ledger.proposal import block_time
from ledger.rejections import AlreadyIncluded, InsufficientBalance
from ledger.types import Amount, TimestampMs
from ledger.views import ChainView
from node.pool_index import PooledTransaction, PoolIndex
from node.pool_rejections import FeeFreeAlreadyPooled, PoolFull, SenderPoolLimit
from node.ports import Clock, Views

SENDER_TRANSACTIONS_MAX: Final = 256
"""Pooled transactions of one sender (T7)."""

FEE_FREE_SHARE: Final = 8
"""Fee-free transactions may take one part in this many of the pool (T7)."""


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Bounds of the pool."""

    transactions_max: int = 50_000
    """Transactions held."""
    bytes_max: int = 33_554_432
    """Bytes held."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Chain and clock until something else runs on the event loop."""

    head: ChainView
    """The block that the next one would extend."""
    head_parameters: Parameters
    """Parameters that the next block is judged by."""
    final: ChainView
    """The newest final block; its state pays."""
    now_ms: TimestampMs
    """Time that an honest leader would stamp (S5)."""

    def is_same_chain(self, other: "Moment") -> bool:
        """Return whether nothing but time and the pool can have changed between the two."""
        return self.head is other.head and self.final is other.final


def moment_of(views: Views, clock: Clock) -> Moment:
    """Return what admission is judged by now; valid until the next `await`."""
    head = views.head_view
    return Moment(head, head.parameters, views.final_view, block_time(head, clock.wall_ms()))


def check_admissible(
    entry: PooledTransaction, moment: Moment, index: PoolIndex, passed: Moment | None = None
) -> None:
    """Check all but the signature against the chain and the pool.

    Args:
        entry: what was read.
        moment: now.
        index: the pool.
        passed: when it passed before, if it did; what cannot have changed is not judged again.

    Raises:
        AlreadyIncluded: a block or the pool has it.
        TransactionRejected: another subclass says why it cannot be pooled.
    """
    head, transaction = moment.head, entry.content.transaction
    is_new = passed is None or not passed.is_same_chain(moment)
    if is_new:
        check_transaction_sanity(head.header.chain_id, transaction)
    check_transaction_time(moment.head_parameters, transaction, moment.now_ms)
    if is_new:
        check_transaction_unseen(head.seen, entry.transaction_id, transaction.valid_until_ms)
    if index.get(entry.transaction_id):
        raise AlreadyIncluded(entry.transaction_id)
    count, spend = index.totals_of(entry.sender)
    if is_new:
        check_payable(moment.final.state, moment.head_parameters, entry, spend)
    elif entry.spend:
        _check_balance(moment, entry, entry.spend + spend)
    if entry.slot is None:
        if count >= SENDER_TRANSACTIONS_MAX:
            raise SenderPoolLimit(SENDER_TRANSACTIONS_MAX)
        return
    holder = index.holder(entry.slot)
    if holder is not None:
        raise FeeFreeAlreadyPooled(holder.transaction_id)
    if is_new:
        # Nothing but the job bounds a transaction without a fee, so the job must want it now. What
        # only time can have changed since it did, who builds the next block will see.
        check_applies_on(entry, head, moment.now_ms)


def check_applies_on(entry: PooledTransaction, view: ChainView, now_ms: TimestampMs) -> None:
    """Check that a block at `now_ms` on a view could contain a transaction.

    Raises:
        TransactionRejected: the view's state refuses it.
    """
    identity, size = entry.transaction_id, len(entry.data)
    transaction = entry.content.transaction
    check_applies(view, transaction, identity, size, now_ms, sender=entry.sender)


def _check_balance(moment: Moment, entry: PooledTransaction, needed: Amount) -> None:
    balance = balance_of(moment.final.state, entry.sender)
    if balance < needed:
        raise InsufficientBalance(needed, balance)


def has_room(entry: PooledTransaction, index: PoolIndex, limits: PoolLimits) -> bool:
    """Return whether a paying transaction fits without an eviction, as most do."""
    return entry.slot is None and index.has_room(
        len(entry.data), limits.transactions_max, limits.bytes_max
    )


def victims_for(
    entry: PooledTransaction, index: PoolIndex, limits: PoolLimits
) -> list[PooledTransaction]:
    """Return what has to be evicted for a transaction to fit: no more than must be (T7).

    Raises:
        PoolFull: nothing in the pool pays less per byte, or the fee-free share is taken.
    """
    if entry.slot is not None and (
        (index.free_count + 1) * FEE_FREE_SHARE > limits.transactions_max
        or (index.free_bytes + entry.size) * FEE_FREE_SHARE > limits.bytes_max
    ):
        raise PoolFull("fee-free transactions have taken their share of the pool: send later")
    victims: list[PooledTransaction] = []
    count, size = len(index) + 1, index.bytes_total + entry.size
    cheapest = index.cheapest_first()
    while count > limits.transactions_max or size > limits.bytes_max:
        victim = next(cheapest, None)
        if victim is None or (entry.slot is None and victim.rate >= entry.rate):
            raise PoolFull("the pool is full and nothing in it pays less per byte: send later")
        victims.append(victim)
        count, size = count - 1, size - victim.size
    return victims

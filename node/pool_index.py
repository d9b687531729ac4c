"""The pooled transactions by everything that the pool asks for: bookkeeping without decisions.

By id, by a reference to the full signed bytes (T3), by fee per byte, by sender, by fee-free slot,
by expiry. What an operation costs does not grow with the number of transactions, only, and little,
with the number of different fee rates.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from ledger.actions import Transfer
from ledger.fees import FeeFreeSlot, fee_free_slot, spend_of
from ledger.hashing import Tags, sha256_each
from ledger.keys import ADDRESS_BYTES
from ledger.transaction import (
    IdentifiedTransaction,
    SignedTransaction,
    transaction_ids_of_bytes,
)
from ledger.types import Address, Amount, Hash, TimestampMs
from node.references import REFERENCE_BYTES

EXPIRY_SLICE_MS: Final = 1_000
"""Width of a slice of `valid_until_ms`: how exactly expiry is tracked."""

RATE_UNIT: Final = 1_000_000
"""Fee rates are nait per this many bytes, so that they are integers."""


class PooledTransaction(IdentifiedTransaction, frozen=True, gc=False):
    """A transaction that was admitted; its signature verified."""

    encoded_digest: Hash
    """SHA-256 of its full signed bytes (T3)."""
    reference: bytes
    """What peers call it by; see `node.references`."""
    rate: int
    """Fee per byte, in nait per `RATE_UNIT` bytes; decides order and eviction (T7)."""
    spend: Amount
    """Nait that it takes out of the sender's balance."""
    valid_until_ms: TimestampMs
    """Last block time at which it may be included."""
    slot: FeeFreeSlot | None
    """What it occupies if it is fee-free."""
    source: str
    """Who sent it; empty for this node itself."""

    @property
    def size(self) -> int:
        """Bytes of it."""
        return len(self.data)


def pooled(
    tags: Tags,
    contents: Sequence[SignedTransaction],
    signed: Sequence[bytes],
    digests: Sequence[Hash],
    source: str,
) -> list[PooledTransaction]:
    """Return transactions with all that the pool asks of them.

    Args:
        tags: of the chain.
        contents: what was decoded.
        signed: the bytes of each.
        digests: SHA-256 of the bytes of each.
        source: who sent them.
    """
    keys = sha256_each([content.transaction.sender_public_key for content in contents])
    ids = transaction_ids_of_bytes(tags, signed)
    entries = []
    for content, data, identity, key_digest, digest in zip(
        contents, signed, ids, keys, digests, strict=True
    ):
        transaction = content.transaction
        action, slot = transaction.action, None
        if type(action) is Transfer:
            spend = transaction.fee + action.amount
        else:
            spend, slot = spend_of(transaction), fee_free_slot(transaction)
        entry = PooledTransaction(
            content,
            data,
            identity,
            key_digest[:ADDRESS_BYTES],
            digest,
            digest[:REFERENCE_BYTES],
            transaction.fee * RATE_UNIT // len(data),
            spend,
            transaction.valid_until_ms,
            slot,
            source,
        )
        entries.append(entry)
    return entries


class SenderTotals:
    """What the paying transactions of one sender sum to."""

    __slots__ = ("count", "spend")

    def __init__(self) -> None:
        self.count = 0
        self.spend: Amount = 0


class PoolIndex:
    """Pooled transactions; fee-free ones have a lane of their own."""

    def __init__(self) -> None:
        self._by_id: dict[Hash, PooledTransaction] = {}
        self._by_reference: dict[bytes, PooledTransaction] = {}
        self._free: dict[FeeFreeSlot, PooledTransaction] = {}
        self._by_rate: dict[int, dict[Hash, PooledTransaction]] = {}
        self._rates: list[int] = []
        self._senders: dict[Address, SenderTotals] = {}
        self._expiries: dict[int, set[Hash]] = {}
        self.bytes_total = 0
        """Bytes of all."""
        self.free_bytes = 0
        """Bytes of the fee-free ones."""

    def __len__(self) -> int:
        return len(self._by_id)

    @property
    def free_count(self) -> int:
        """Fee-free transactions held."""
        return len(self._free)

    def get(self, transaction_id: Hash) -> PooledTransaction | None:
        """Return a pooled transaction."""
        return self._by_id.get(transaction_id)

    def has_room(self, size: int, transactions_max: int, bytes_max: int) -> bool:
        """Return whether one more of this size fits within bounds."""
        return len(self._by_id) < transactions_max and self.bytes_total + size <= bytes_max

    def has_bytes(self, encoded_digest: Hash) -> bool:
        """Return whether exactly these signed bytes are pooled."""
        entry = self._by_reference.get(encoded_digest[:REFERENCE_BYTES])
        return entry is not None and entry.encoded_digest == encoded_digest

    def referred_to(self, reference: bytes) -> PooledTransaction | None:
        """Return the pooled transaction that peers call by a reference.

        Of two whose references collide, which somebody has to work for, the earlier one.
        """
        return self._by_reference.get(reference)

    def referred_to_each(self, references: Sequence[bytes]) -> list[PooledTransaction | None]:
        """Return the pooled transaction of each of several references."""
        return list(map(self._by_reference.get, references))

    def holder(self, slot: FeeFreeSlot) -> PooledTransaction | None:
        """Return what occupies a fee-free slot."""
        return self._free.get(slot)

    def totals_of(self, sender: Address) -> tuple[int, Amount]:
        """Return how many paying transactions of a sender are pooled, and what they spend."""
        totals = self._senders.get(sender)
        return (totals.count, totals.spend) if totals else (0, 0)

    def add(self, entry: PooledTransaction) -> None:
        """Take in a transaction that is not there yet; the caller has checked all limits."""
        identity = entry.transaction_id
        assert identity not in self._by_id
        self._by_id[identity] = entry
        self._by_reference.setdefault(entry.reference, entry)
        self.bytes_total += len(entry.data)
        if entry.slot is None:
            self._add_paying(entry)
        else:
            assert entry.slot not in self._free
            self._free[entry.slot] = entry
            self.free_bytes += len(entry.data)
        number = entry.valid_until_ms // EXPIRY_SLICE_MS
        expiring = self._expiries.get(number)
        if expiring is None:
            expiring = self._expiries[number] = set()
        expiring.add(identity)

    def remove(self, transaction_id: Hash) -> PooledTransaction | None:
        """Take out a transaction; None if it is not there."""
        entry = self._by_id.pop(transaction_id, None)
        if entry is None:
            return None
        if self._by_reference.get(entry.reference) is entry:
            del self._by_reference[entry.reference]
        self.bytes_total -= len(entry.data)
        if entry.slot is None:
            self._remove_paying(entry)
        else:
            del self._free[entry.slot]
            self.free_bytes -= entry.size
        number = entry.valid_until_ms // EXPIRY_SLICE_MS
        expiring = self._expiries[number]
        expiring.remove(transaction_id)
        if not expiring:
            del self._expiries[number]
        return entry

    def next_in_turn(self, count: int) -> list[PooledTransaction]:
        """Return some of all, others each time, until every one has had its turn."""
        chosen = list(islice(self._by_id.items(), count))
        for transaction_id, entry in chosen:
            del self._by_id[transaction_id]
            self._by_id[transaction_id] = entry
        return [entry for _, entry in chosen]

    def best_first(self) -> Iterator[PooledTransaction]:
        """Yield fee-free ones, which jobs bound, then by fee per byte, then by arrival."""
        yield from self._free.values()
        for rate in reversed(self._rates):
            yield from self._by_rate[rate].values()

    def cheapest_first(self) -> Iterator[PooledTransaction]:
        """Yield the paying ones as they are evicted: least fee per byte first, then newest."""
        for rate in self._rates:
            yield from reversed(self._by_rate[rate].values())

    def expired(self, now_ms: TimestampMs, count_max: int) -> list[PooledTransaction]:
        """Return what no block from `now_ms` on may contain, at most so many."""
        limit = now_ms // EXPIRY_SLICE_MS
        expiring = (
            self._by_id[transaction_id]
            for number in sorted(n for n in self._expiries if n <= limit)
            for transaction_id in self._expiries[number]
        )
        return list(islice((each for each in expiring if each.valid_until_ms < now_ms), count_max))

    def _add_paying(self, entry: PooledTransaction) -> None:
        totals = self._senders.get(entry.sender)
        if totals is None:
            totals = self._senders[entry.sender] = SenderTotals()
        totals.count += 1
        totals.spend += entry.spend
        rate = entry.rate
        if rate not in self._by_rate:
            self._by_rate[rate] = {}
            insort(self._rates, rate)
        self._by_rate[rate][entry.transaction_id] = entry

    def _remove_paying(self, entry: PooledTransaction) -> None:
        totals = self._senders[entry.sender]
        totals.count -= 1
        totals.spend -= entry.spend
        if totals.count == 0:
            del self._senders[entry.sender]
        rate = entry.rate
        del self._by_rate[rate][entry.transaction_id]
        if not self._by_rate[rate]:
            del self._by_rate[rate]
            del self._rates[bisect_left(self._rates, rate)]

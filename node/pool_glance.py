"""Transfers that can be pooled, at a glance: a faster twin of what `pool_admission` asks of them.

Most of what arrives are transfers that nothing is wrong with. What a slice of a batch has in common
is looked up once for all of them, and what `pool_admission` asks one function after another is one
condition here. It only ever says yes: whatever it is not sure of is judged there, where each rule
stands with its error, and a property test holds the two together (tests/node/test_pool_glance.py).
"""

from typing import Final

from ledger.actions import Transfer
from ledger.params import TRANSACTION_VERSION
from ledger.records import Account, Table
from node.pool_admission import SENDER_TRANSACTIONS_MAX, Moment, PoolLimits
from node.pool_index import PooledTransaction, PoolIndex

_ACCOUNT: Final = bytes((Table.ACCOUNT,))


class Glance:
    """Looks at transactions at one moment; valid until the next `await`."""

    __slots__ = (
        "_account_fee",
        "_chain_id",
        "_fee_base",
        "_fee_per_byte",
        "_index",
        "_latest_ms",
        "_limits",
        "_now_ms",
        "_record_of",
        "_seen",
    )

    def __init__(self, moment: Moment, index: PoolIndex, limits: PoolLimits) -> None:
        """Look up what all have in common.

        Args:
            moment: what they are judged by.
            index: the pool; may change in between.
            limits: its bounds.
        """
        parameters = moment.head_parameters
        self._chain_id = moment.head.header.chain_id
        self._now_ms = moment.now_ms
        self._latest_ms = moment.now_ms + parameters.horizon_ms
        self._fee_base = parameters.fee_base
        self._fee_per_byte = parameters.fee_per_byte
        self._account_fee = parameters.account_fee
        self._seen = moment.head.seen.contains
        self._record_of = moment.final.state.get
        self._index = index
        self._limits = limits

    def is_fine(self, entry: PooledTransaction) -> bool:
        """Return whether a transaction is a transfer that passes `check_admissible` and has room.

        No says nothing. The signature is not looked at.
        """
        transaction = entry.content.transaction
        action, until_ms, size = transaction.action, entry.valid_until_ms, len(entry.data)
        index = self._index
        if (
            type(action) is not Transfer
            or action.amount <= 0
            or transaction.version != TRANSACTION_VERSION
            or transaction.chain_id != self._chain_id
            or not self._now_ms <= until_ms <= self._latest_ms
            or not index.has_room(size, self._limits.transactions_max, self._limits.bytes_max)
            or index.get(entry.transaction_id) is not None
            or self._seen(entry.transaction_id, until_ms)
        ):
            return False
        required = self._fee_base + self._fee_per_byte * size
        if self._record_of(_ACCOUNT + action.to) is None:
            required += self._account_fee
        account = self._record_of(_ACCOUNT + entry.sender)
        count, spend = index.totals_of(entry.sender)
        return (
            type(account) is Account
            and transaction.fee >= required
            and account.balance >= entry.spend + spend
            and count < SENDER_TRANSACTIONS_MAX
        )

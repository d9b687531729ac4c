"""A batch of blocks becomes rows of the index.

Nothing here touches the database: rows to insert are collected, entries that change are changed in
a `History` that was loaded before.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from ledger.actions import Action, Transfer
from ledger.codec import encode
from ledger.keys import address_of
from ledger.outcomes import JOB_ENDS, Outcome, OutcomeKind
from ledger.store.ballot_history import follow_ballot
from ledger.store.bulk import Row
from ledger.store.columns import id_prefix, pack_position
from ledger.store.entries import BallotEntry, OfferEntry
from ledger.store.governance_models import CHANGE_KINDS
from ledger.store.history import Event, History
from ledger.store.offer_history import follow_offer
from ledger.store.stored import StoredBlock
from ledger.transaction import Transaction
from ledger.types import Address, Amount, Hash, Height, PublicKey

_LOCKS: Final = frozenset(
    {OutcomeKind.JOB_LOCKED, OutcomeKind.RECEIPT_DISPUTED, OutcomeKind.MINER_REGISTERED}
)
"""Kinds whose amounts left their party's balance."""

_CREDITS: Final = JOB_ENDS | {OutcomeKind.BOND_RETURNED, OutcomeKind.UNITS_ISSUED}
"""Kinds whose amounts were credited to their party."""

_NOTHING: Final[tuple[int, Sequence[Outcome]]] = (0, ())
"""First outcome and outcomes of a transaction without any."""


class Fold:
    """Collects the rows of blocks that are given in order."""

    def __init__(
        self,
        history: History,
        ballots: dict[Hash, BallotEntry],
        offers: dict[Hash, OfferEntry],
    ) -> None:
        """Begin with the entries that the blocks concern."""
        self.history = history
        self.ballots = ballots
        """Entries of `BALLOTS` by id; all are written back."""
        self.offers = offers
        """Entries of `OFFERS` by id, likewise."""
        self.changes: list[Row] = []
        """Rows of `CHANGES`."""
        self.blocks: list[Row] = []
        """Rows of the partition's `blocks`."""
        self.transactions: list[Row] = []
        """Rows of its `transactions`."""
        self.outcomes: list[Row] = []
        """Rows of its `outcomes`."""
        self.activity: list[Row] = []
        """Rows of its `activity`."""

    def add(self, block: StoredBlock) -> None:
        """Take in the next block."""
        tally = self.history.tally
        tally.begin_block(block.header.timestamp_ms)
        self.blocks.append(_block_row(block))
        tally.add("blocks")
        tally.add("transactions", len(block.transactions))
        tally.add("outcomes", len(block.outcomes))
        tally.add("fees", sum(each.transaction.fee for each in block.transactions))
        by_cause = self._add_outcomes(block)
        position = pack_position(block.height, 0)
        for signed, transaction_id, content in zip(
            block.signed, block.transaction_ids, block.transactions, strict=True
        ):
            first, done = by_cause.get(transaction_id, _NOTHING)
            prefix = id_prefix(transaction_id)
            self.transactions.append((position, prefix, first, len(done), transaction_id, signed))
            for address, received, spent in _effects(content.transaction, done):
                self.activity.append((address, 0, position, received, spent))
            position += 1

    def _add_outcomes(self, block: StoredBlock) -> dict[Hash, tuple[int, list[Outcome]]]:
        """Take in the outcomes; return each transaction's, with the index of the first."""
        positions = {each: index for index, each in enumerate(block.transaction_ids)}
        by_cause: dict[Hash, tuple[int, list[Outcome]]] = {}
        for index, outcome in enumerate(block.outcomes):
            self.outcomes.append(_outcome_row(block.height, index, outcome))
            sender: Address = b""
            action: Action | None = None
            if outcome.cause:
                cause_index = positions[outcome.cause]
                transaction = block.transactions[cause_index].transaction
                sender, action = _address_of(transaction.sender_public_key), transaction.action
                by_cause.setdefault(outcome.cause, (index, []))[1].append(outcome)
                position = pack_position(block.height, cause_index)
            else:
                position = pack_position(block.height, index)
                self._add_automatic(position, outcome)
            timestamp_ms = block.header.timestamp_ms
            event = Event(outcome, block.height, timestamp_ms, position, sender, action)
            self.history.follow(event)
            follow_ballot(self.ballots, event)
            follow_offer(self.offers, event)
            if outcome.kind in CHANGE_KINDS:
                place = pack_position(block.height, index)
                self.changes.append((place, timestamp_ms, encode(outcome)))
        return by_cause

    def _add_automatic(self, position: int, outcome: Outcome) -> None:
        for address, (received, spent) in _sums([outcome]).items():
            self.activity.append((address, 1, position, received, spent))


def concerned_ids(blocks: Sequence[StoredBlock]) -> set[Hash]:
    """Return the ids that outcomes of some blocks name, jobs and ballots among them."""
    return {outcome.object_id for block in blocks for outcome in block.outcomes}


def concerned_miners(blocks: Sequence[StoredBlock]) -> set[Address]:
    """Return the addresses that outcomes of some blocks name, miners among them."""
    return {party for block in blocks for outcome in block.outcomes for party in outcome.parties}


def _block_row(block: StoredBlock) -> Row:
    return (
        block.height,
        id_prefix(block.block_id),
        block.header.timestamp_ms,
        sum(map(len, block.signed)),
        block.block_id,
        encode(block.header),
        block.certificate,
    )


def _outcome_row(height: Height, index: int, outcome: Outcome) -> Row:
    return (
        pack_position(height, index),
        id_prefix(outcome.object_id),
        outcome.object_id,
        encode(outcome),
    )


def _effects(
    transaction: Transaction, outcomes: Sequence[Outcome]
) -> Iterable[tuple[Address, Amount, Amount]]:
    """Return (account, received, spent) of each account that a transaction concerns.

    A proposer's fees are left out: they would enter every transaction into its activity.
    """
    sender, action, fee = (
        _address_of(transaction.sender_public_key),
        transaction.action,
        transaction.fee,
    )
    if isinstance(action, Transfer) and not outcomes:
        # Nearly all transactions; what follows gives the same for them.
        if action.to == sender:
            return ((sender, action.amount, action.amount + fee),)
        return ((sender, 0, action.amount + fee), (action.to, action.amount, 0))
    effects = _sums(outcomes)
    _add(effects, sender, 0, fee)
    if isinstance(action, Transfer):
        _add(effects, sender, 0, action.amount)
        _add(effects, action.to, action.amount, 0)
    return [(address, received, spent) for address, (received, spent) in effects.items()]


@lru_cache(maxsize=65_536)
def _address_of(public_key: PublicKey) -> Address:
    """Return the address of a key; who sends, sends again."""
    return address_of(public_key)


def _sums(outcomes: Sequence[Outcome]) -> dict[Address, tuple[int, int]]:
    sums: dict[Address, tuple[int, int]] = {}
    for outcome in outcomes:
        for party, amount in zip(outcome.parties, outcome.amounts, strict=True):
            received = amount if outcome.kind in _CREDITS else 0
            spent = amount if outcome.kind in _LOCKS else 0
            _add(sums, party, received, spent)
    return sums


def _add(sums: dict[Address, tuple[int, int]], address: Address, received: int, spent: int) -> None:
    before = sums.get(address, (0, 0))
    sums[address] = before[0] + received, before[1] + spent

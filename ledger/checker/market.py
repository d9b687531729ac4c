"""A block's effect on offers, followed from its transactions (invariants 2, 3, 9).

The second writing of `ledger.offers` and `ledger.open_offers`: no slot is sold twice, an offer
changes only by losing slots, and a miner's list names what it offers.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from ledger.actions import AcceptOffer, PostOffer
from ledger.checker.broken import Invariant, require, require_equal
from ledger.outcomes import Outcome, OutcomeKind
from ledger.records import MinerOffers, Offer, Record, Table, state_key
from ledger.types import Address, Amount, Hash, TimestampMs

K = OutcomeKind

DAYS_30_MS = 30 * 24 * 3_600_000
"""Furthest expiry of an offer."""


class Market:
    """Offers during one block; untouched ones are those of the parent's state."""

    def __init__(self, records: Mapping[bytes, Record], now_ms: TimestampMs) -> None:
        """Start from the parent's records, which are read only."""
        self._records = records
        self._now_ms = now_ms
        self.touched: dict[bytes, Record | None] = {}
        """Offers and lists that the block touched, as they must be by now, by state key."""

    def post(self, cause: Hash, miner: Address, action: PostOffer, floor: Amount) -> list[Outcome]:
        """Enter an offer; return the outcome that it must leave.

        Raises:
            InvariantBroken: its time or its price is not in the bounds.
        """
        what = f"offer {cause.hex()}"
        until_ms, now_ms = action.expires_ms, self._now_ms
        in_bounds = now_ms <= until_ms <= now_ms + DAYS_30_MS
        require(Invariant.FIELDS, what, in_bounds, "an expiry within 30 days", until_ms)
        require(Invariant.FIELDS, what, action.price >= floor, f"≥ {floor}", action.price)
        offer = Offer(
            miner,
            action.service,
            action.price,
            action.capacity,
            action.requirements_digest,
            until_ms,
        )
        self.touched[state_key(Table.OFFER, cause)] = offer
        self._list(miner, sorted([*self._listed(miner), cause]))
        return [self._told(K.OFFER_POSTED, cause, cause, offer)]

    def take(self, cause: Hash, action: AcceptOffer) -> tuple[Address, Outcome]:
        """Take a slot; return the offer's miner, and the outcome that it must leave.

        Raises:
            InvariantBroken: the offer is not open, or has another price.
        """
        offer_id = action.offer_id
        offer = self._open(offer_id)
        what = f"price of offer {offer_id.hex()}"
        require_equal(Invariant.FIELDS, what, offer.price, action.price)
        if offer.capacity == 1:
            self._leave(offer_id, offer)
            told = (offer.miner,), (offer.price,)
            return offer.miner, Outcome(K.OFFER_ACCEPTED, cause, offer_id, 0, *told)
        smaller = replace(offer, capacity=offer.capacity - 1)
        self.touched[state_key(Table.OFFER, offer_id)] = smaller
        return offer.miner, self._told(K.OFFER_ACCEPTED, cause, offer_id, smaller)

    def withdraw(self, cause: Hash, sender: Address, offer_id: Hash) -> list[Outcome]:
        """Take an offer back; return the outcome that it must leave.

        Raises:
            InvariantBroken: it is not open, or another's.
        """
        offer = self._open(offer_id)
        what = f"who withdraws offer {offer_id.hex()}"
        require_equal(Invariant.FIELDS, what, offer.miner, sender)
        self._leave(offer_id, offer)
        return [self._told(K.OFFER_WITHDRAWN, cause, offer_id, offer)]

    def withdraw_all(self, cause: Hash, miner: Address) -> list[Outcome]:
        """Take all offers of a miner that retires back (J23); return the outcomes."""
        told = []
        for offer_id in self._listed(miner):
            offer = self._known(offer_id)
            self._leave(offer_id, offer)
            told.append(self._told(K.OFFER_WITHDRAWN, cause, offer_id, offer))
        return told

    def expire(self, offer_id: Hash) -> Outcome:
        """End an offer whose time is over; return the outcome that it must leave."""
        offer = self._known(offer_id)
        self._leave(offer_id, offer)
        return self._told(K.OFFER_EXPIRED, b"", offer_id, offer)

    def _told(self, kind: OutcomeKind, cause: bytes, offer_id: Hash, offer: Offer) -> Outcome:
        return Outcome(kind, cause, offer_id, offer.capacity, (offer.miner,), (offer.price,))

    def _open(self, offer_id: Hash) -> Offer:
        """Return an offer that can be acted on now (J16)."""
        offer, what = self._known(offer_id), f"offer {offer_id.hex()}"
        last_ms = offer.expires_ms
        require(Invariant.DUE, what, self._now_ms <= last_ms, f"time ≤ {last_ms}", self._now_ms)
        return offer

    def _known(self, offer_id: Hash) -> Offer:
        offer, what = self._get(state_key(Table.OFFER, offer_id)), f"offer {offer_id.hex()}"
        require(Invariant.FIELDS, what, isinstance(offer, Offer), "an open offer", offer)
        assert isinstance(offer, Offer)
        return offer

    def _leave(self, offer_id: Hash, offer: Offer) -> None:
        self.touched[state_key(Table.OFFER, offer_id)] = None
        self._list(offer.miner, [one for one in self._listed(offer.miner) if one != offer_id])

    def _listed(self, miner: Address) -> list[Hash]:
        known = self._get(state_key(Table.MINER_OFFERS, miner))
        return list(known.offers) if isinstance(known, MinerOffers) else []

    def _list(self, miner: Address, ids: list[Hash]) -> None:
        key = state_key(Table.MINER_OFFERS, miner)
        self.touched[key] = MinerOffers(tuple(ids)) if ids else None

    def _get(self, key: bytes) -> Record | None:
        return self.touched[key] if key in self.touched else self._records.get(key)

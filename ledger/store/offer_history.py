"""What outcome records of offers mean for the rows of offers. Part of `history`."""

from typing import Final

from ledger.actions import PostOffer
from ledger.outcomes import OutcomeKind
from ledger.store.columns import id_prefix
from ledger.store.entries import OfferEntry
from ledger.store.history import Event
from ledger.store.work_models import OfferStatus
from ledger.types import Hash

_ENDS: Final = {
    OutcomeKind.OFFER_WITHDRAWN: OfferStatus.WITHDRAWN,
    OutcomeKind.OFFER_EXPIRED: OfferStatus.EXPIRED,
}


def follow_offer(offers: dict[Hash, OfferEntry], event: Event) -> None:
    """Open, lessen or close an offer; those that an index began after are passed over.

    Args:
        offers: entries by id; changed.
        event: the outcome; any kind.
    """
    outcome = event.outcome
    if outcome.kind is OutcomeKind.OFFER_POSTED:
        offers[outcome.object_id] = _posted(event)
        return
    offer = offers.get(outcome.object_id)
    if offer is None:
        return
    if outcome.kind is OutcomeKind.OFFER_ACCEPTED:
        # The code says how many jobs it can still take; the last one takes it out (J25).
        offer.remaining = outcome.code
        if not offer.remaining:
            _close(offer, event, OfferStatus.TAKEN)
    elif outcome.kind in _ENDS:
        _close(offer, event, _ENDS[outcome.kind])


def _posted(event: Event) -> OfferEntry:
    action = event.action
    assert isinstance(action, PostOffer)
    return OfferEntry(
        position=event.position,
        id_prefix=id_prefix(event.outcome.object_id),
        offer_id=event.outcome.object_id,
        miner=event.sender,
        service=action.service,
        price=action.price,
        capacity=action.capacity,
        remaining=action.capacity,
        posted_ms=event.timestamp_ms,
        expires_ms=action.expires_ms,
        status=OfferStatus.OPEN,
    )


def _close(offer: OfferEntry, event: Event, status: OfferStatus) -> None:
    offer.status = status
    offer.closed_height, offer.closed_ms = event.height, event.timestamp_ms

"""The open offers of the state: finding them, taking a slot, and how they leave (J25).

An offer is one record; each miner has a list of the ids of its own, so that retiring finds them
(J23). An offer leaves with its last slot, by withdrawal, with its miner, or by the clock; whoever
takes it out also takes it off the list.
"""

from msgspec.structs import replace

from ledger.actions import WithdrawOffer
from ledger.environment import Cause, Environment
from ledger.job_rejections import DeadlinePassed
from ledger.offer_rejections import NotOfferMiner, OfferUnknown
from ledger.outcomes import OutcomeKind
from ledger.records import MinerOffers, Offer, Table, state_key
from ledger.state import Overlay, State
from ledger.types import Address, Hash


def find_offer(state: State, offer_id: Hash) -> Offer:
    """Return an open offer.

    Raises:
        OfferUnknown: none has this id.
    """
    offer = state.get(state_key(Table.OFFER, offer_id))
    if offer is None:
        raise OfferUnknown(offer_id)
    assert isinstance(offer, Offer)
    return offer


def offers_of(state: State, miner: Address) -> tuple[Hash, ...]:
    """Return the ids of a miner's open offers, ascending."""
    known = state.get(state_key(Table.MINER_OFFERS, miner))
    if known is None:
        return ()
    assert isinstance(known, MinerOffers)
    return known.offers


def put_new(state: Overlay, offer_id: Hash, offer: Offer) -> None:
    """Enter an offer that is not there."""
    listed = tuple(sorted((*offers_of(state, offer.miner), offer_id)))
    state.put(state_key(Table.OFFER, offer_id), offer)
    state.put(state_key(Table.MINER_OFFERS, offer.miner), MinerOffers(listed))


def take_slot(env: Environment, cause: bytes, offer_id: Hash, offer: Offer) -> None:
    """Let an offer take one job less; with the last one it leaves."""
    left = offer.capacity - 1
    if left:
        env.state.put(state_key(Table.OFFER, offer_id), replace(offer, capacity=left))
    else:
        _take_out(env.state, offer_id, offer)
    share = (offer.miner, offer.price)
    env.record(OutcomeKind.OFFER_ACCEPTED, cause, offer_id, left, share)


def apply_withdraw_offer(env: Environment, cause: Cause, action: WithdrawOffer) -> None:
    """Take the sender's offer back.

    Raises:
        OfferUnknown, NotOfferMiner, DeadlinePassed: as they say.
    """
    offer = find_offer(env.state, action.offer_id)
    if cause.sender != offer.miner:
        raise NotOfferMiner(cause.sender)
    if env.now_ms > offer.expires_ms:
        raise DeadlinePassed(offer.expires_ms, env.now_ms)
    _take_out(env.state, action.offer_id, offer)
    _record_withdrawal(env, cause, action.offer_id, offer)


def withdraw_all(env: Environment, cause: Cause) -> None:
    """Take back what the sender, who retires, still offers (J23)."""
    listed = offers_of(env.state, cause.sender)
    for offer_id in listed:
        _record_withdrawal(env, cause, offer_id, find_offer(env.state, offer_id))
        env.state.put(state_key(Table.OFFER, offer_id), None)
    if listed:
        env.state.put(state_key(Table.MINER_OFFERS, cause.sender), None)


def expire_offer(env: Environment, offer_id: Hash, offer: Offer) -> None:
    """Take out an offer whose time is over: automatic work."""
    _take_out(env.state, offer_id, offer)
    share = (offer.miner, offer.price)
    env.record(OutcomeKind.OFFER_EXPIRED, b"", offer_id, offer.capacity, share)


def _record_withdrawal(env: Environment, cause: Cause, offer_id: Hash, offer: Offer) -> None:
    share = (offer.miner, offer.price)
    kind = OutcomeKind.OFFER_WITHDRAWN
    env.record(kind, cause.transaction_id, offer_id, offer.capacity, share)


def _take_out(state: Overlay, offer_id: Hash, offer: Offer) -> None:
    state.put(state_key(Table.OFFER, offer_id), None)
    left = tuple(known for known in offers_of(state, offer.miner) if known != offer_id)
    key = state_key(Table.MINER_OFFERS, offer.miner)
    state.put(key, MinerOffers(left) if left else None)

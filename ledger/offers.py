"""Making an offer: a registered miner names a price, how many jobs it takes, and until when (J25).

Accepting one is a row of the job table (`ledger.jobs`): it binds the client's queued job to the
miner in one step, so that escrow and assignment cannot come apart. Where offers are kept and how
they leave is in `ledger.open_offers`.
"""

from ledger.actions import PostOffer
from ledger.environment import Cause, Environment
from ledger.miners import find_miner
from ledger.offer_rejections import OfferBelowFloor, OfferExpiryInvalid, TooManyOffers
from ledger.open_offers import offers_of, put_new
from ledger.outcomes import OutcomeKind
from ledger.params import OFFER_MS_MAX, OFFERS_PER_MINER_MAX
from ledger.records import Offer


def apply_post_offer(env: Environment, cause: Cause, action: PostOffer) -> None:
    """Enter an offer of the sender, which is a miner; the transaction's id is its id (J27).

    Raises:
        MinerUnknown, OfferExpiryInvalid, OfferBelowFloor, TooManyOffers: as they say.
    """
    _check_post(env, cause, action)
    offer = Offer(
        miner=cause.sender,
        service=action.service,
        price=action.price,
        capacity=action.capacity,
        requirements_digest=action.requirements_digest,
        expires_ms=action.expires_ms,
    )
    put_new(env.state, cause.transaction_id, offer)
    share = (cause.sender, action.price)
    offer_id = cause.transaction_id
    env.record(OutcomeKind.OFFER_POSTED, offer_id, offer_id, action.capacity, share)


def _check_post(env: Environment, cause: Cause, action: PostOffer) -> None:
    """Check an offer against its miner, the clock and the miner's other offers."""
    miner = find_miner(env.state, cause.sender)
    latest_ms = env.now_ms + OFFER_MS_MAX
    if not env.now_ms <= action.expires_ms <= latest_ms:
        raise OfferExpiryInvalid(action.expires_ms, env.now_ms, latest_ms)
    if action.price < miner.price_floor:
        raise OfferBelowFloor(action.price, miner.price_floor)
    if len(offers_of(env.state, cause.sender)) >= OFFERS_PER_MINER_MAX:
        raise TooManyOffers(OFFERS_PER_MINER_MAX)

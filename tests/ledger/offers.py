"""Offers of a test's chain: making, accepting and taking them back."""

from ledger.actions import AcceptOffer, PostOffer, WithdrawOffer
from ledger.keys import KeyPair
from ledger.open_offers import find_offer
from ledger.types import Amount, Hash
from tests.ledger.worlds import AITBC, PEOPLE, World

PRICE = AITBC // 2


def offering(world: World, **changes: object) -> PostOffer:
    """Return an offer of 10 jobs for half an AITBC each, open for an hour."""
    fields: dict[str, object] = {
        "service": "llm_inference",
        "price": PRICE,
        "capacity": 10,
        "requirements_digest": bytes(32),
        "expires_ms": world.now_ms + 3_600_000,
    }
    return PostOffer(**(fields | changes))  # type: ignore[arg-type]


def offer(world: World, miner: KeyPair | None = None, **changes: object) -> Hash:
    """Make an offer, as the miner unless another is given; return its id."""
    return world.act(miner or PEOPLE.miner, offering(world, **changes))


def withdraw(
    world: World, offer_id: Hash, key: KeyPair | None = None, *, after_ms: int = 1
) -> Hash:
    """Take an offer back, as the miner unless another key is given."""
    return world.act(key or PEOPLE.miner, WithdrawOffer(offer_id), after_ms=after_ms)


def acceptance(
    world: World, job_id: Hash, offer_id: Hash, price: Amount | None = None
) -> AcceptOffer:
    """Return the acceptance of an open offer at its price, unless another is given."""
    told = find_offer(world.head.state, offer_id).price
    return AcceptOffer(job_id, offer_id, told if price is None else price)


def accept(
    world: World, job_id: Hash, offer_id: Hash, *, after_ms: int = 1, price: Amount | None = None
) -> Hash:
    """Accept an offer for a job as the client."""
    action = acceptance(world, job_id, offer_id, price)
    return world.act(PEOPLE.client, action, after_ms=after_ms)

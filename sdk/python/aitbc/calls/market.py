"""The marketplace: offers of miners, and acceptances; miners; counts of the network."""

from collections.abc import Mapping
from typing import Final

from aitbc.answers import (
    AcceptedOffer,
    Health,
    MarketplaceStats,
    Miner,
    MinerStats,
    NetworkStats,
    NewOffer,
    Offer,
    OfferDetails,
)
from aitbc.calls.jobs import Money, amount
from aitbc.calls.paging import PAGE_MAX
from aitbc.exchange import Emit, Flow, Query, Request, Session, Stream, ask, ask_page, segment
from aitbc.json_values import Answer, JsonValue, read_object, typed_list

_OFFERS: Final = "/v1/marketplace/offers"


def create_offer(
    session: Session,
    job_type: str,
    price: Money,
    *,
    max_jobs: int = 1,
    requirements: Mapping[str, JsonValue] | None = None,
    duration: int = 3_600,
    miner_id: str | None = None,
    transaction: bytes | None = None,
) -> Flow[NewOffer]:
    """Offer, as the key's miner, to do jobs at a price; answers when the chain has it.

    Args:
        session: the client's.
        job_type: kind of job, a slug; clients find the offer by it.
        price: AITBC of each job.
        max_jobs: jobs that it takes.
        requirements: what it asks of a job.
        duration: seconds that it is open.
        miner_id: the miner; needed where the key has several.
        transaction: signed ``post_offer`` of a miner with its own key.
    """
    body: dict[str, JsonValue] = {
        "job_type": job_type,
        "price": amount(price),
        "max_jobs": max_jobs,
        "requirements": requirements or {},
        "duration": duration,
    }
    if miner_id is not None:
        body["miner_id"] = miner_id
    if transaction is not None:
        body["transaction"] = transaction.hex()
    return (yield from ask(session, Request("POST", _OFFERS, json=body), NewOffer))


def list_offers(
    session: Session,
    *,
    job_type: str | None = None,
    max_price: str | None = None,
    limit: int = 50,
) -> Flow[list[Offer]]:
    """Return offers that can be accepted now, the cheapest first.

    Args:
        session: the client's.
        job_type: only those of this kind of job.
        max_price: only those of at most so many AITBC a job, a decimal text.
        limit: most to return, at most 100.
    """
    offers, _ = yield from _page(session, _query(job_type, max_price, limit))
    return offers


def iterate_offers(
    session: Session, *, job_type: str | None = None, max_price: str | None = None
) -> Stream[Offer]:
    """Iterate over all offers that can be accepted now, the cheapest first; see `list_offers`."""
    query: Query | None = _query(job_type, max_price, PAGE_MAX)
    while query is not None:
        offers, query = yield from _page(session, query)
        for offer in offers:
            yield Emit(offer)


def get_offer(session: Session, offer_id: str) -> Flow[OfferDetails]:
    """Return all about an offer, open or over."""
    return (yield from ask(session, Request("GET", f"{_OFFERS}/{segment(offer_id)}"), OfferDetails))


def accept_offer(
    session: Session, offer_id: str, job_id: str, *, bid_price: Money | None = None
) -> Flow[AcceptedOffer]:
    """Bind a job to the miner of an offer, at the offer's price.

    Args:
        session: the client's.
        offer_id: the offer.
        job_id: the caller's job; it waits for this if it was submitted with ``hold``.
        bid_price: most that the caller pays, in AITBC; the offer's price is what is charged.

    Raises:
        OfferNotAvailable: others took its last slot, or it is over.
        Conflict: the job is not queued, or the offer's price is above `bid_price`.
    """
    body: dict[str, JsonValue] = {"job_id": job_id}
    if bid_price is not None:
        body["bid_price"] = amount(bid_price)
    request = Request("POST", f"{_OFFERS}/{segment(offer_id)}/accept", json=body)
    return (yield from ask(session, request, AcceptedOffer))


def withdraw_offer(
    session: Session, offer_id: str, *, transaction: bytes | None = None
) -> Flow[OfferDetails]:
    """Withdraw an offer; answers when that is final. What was accepted stays with the miner.

    Args:
        session: the client's.
        offer_id: the offer.
        transaction: signed ``withdraw_offer`` of a miner with its own key.
    """
    body: dict[str, JsonValue] = {} if transaction is None else {"transaction": transaction.hex()}
    request = Request("POST", f"{_OFFERS}/{segment(offer_id)}/withdraw", json=body)
    return (yield from ask(session, request, OfferDetails))


def get_marketplace_stats(session: Session) -> Flow[MarketplaceStats]:
    """Return counts over the marketplace."""
    return (yield from ask(session, Request("GET", "/v1/marketplace/stats"), MarketplaceStats))


def list_miners(session: Session) -> Flow[list[Miner]]:
    """Return all registered miners, newest first, page by page."""
    found: list[Miner] = []
    query: Query | None = {"limit": PAGE_MAX}
    while query is not None:
        body, query = yield from ask_page(session, Request("GET", "/v1/miners", params=query))
        found += typed_list(read_object(body, Answer)["miners"], Miner)
    return found


def get_miner(session: Session, miner_id: str) -> Flow[Miner]:
    """Return a miner."""
    return (yield from ask(session, Request("GET", f"/v1/miners/{segment(miner_id)}"), Miner))


def get_miner_stats(session: Session, miner_id: str) -> Flow[MinerStats]:
    """Return what a miner did."""
    path = f"/v1/miners/{segment(miner_id)}/stats"
    return (yield from ask(session, Request("GET", path), MinerStats))


def get_network_stats(session: Session) -> Flow[NetworkStats]:
    """Return counts of the network."""
    return (yield from ask(session, Request("GET", "/v1/stats"), NetworkStats))


def get_health(session: Session) -> Flow[Health]:
    """Return whether the node serves."""
    return (yield from ask(session, Request("GET", "/v1/health"), Health))


def _query(job_type: str | None, max_price: str | None, limit: int) -> Query:
    named = {"job_type": job_type, "max_price": max_price}
    return {"limit": limit} | {name: text for name, text in named.items() if text is not None}


def _page(session: Session, query: Query) -> Flow[tuple[list[Offer], Query | None]]:
    body, following = yield from ask_page(session, Request("GET", _OFFERS, params=query))
    return typed_list(read_object(body, Answer)["offers"], Offer), following

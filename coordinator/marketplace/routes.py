"""Routes of offers: make, list, read, withdraw, accept."""

from typing import Final

from litestar import Response, delete, get, post
from litestar.params import FromPath

from coordinator.errors import (
    Forbidden,
    InsufficientBalance,
    JobAlreadyClaimed,
    JobAlreadyCompleted,
    JobAlreadyFinished,
    JobNotClaimable,
    JobNotForMiner,
    JobNotFound,
    MinerNotFound,
    SponsorshipExhausted,
    TransactionInvalid,
    Unavailable,
)
from coordinator.http import (
    PUBLIC,
    Answer,
    HttpRequest,
    Operation,
    Parameter,
    answer,
    declared,
    exchange_of,
    location,
    same,
)
from coordinator.http.bodies import announced_bytes, read_object, typed
from coordinator.http.context import Given
from coordinator.http.faults import FieldInvalid
from coordinator.http.money import MoneyInvalid, parse_amount_text
from coordinator.http.operation import CLIENT, MINER
from coordinator.http.paging import give_cursor, next_link, read_cursor
from coordinator.http.query import (
    CURSOR,
    limit_declaration,
    number_parameter,
    text_parameter,
)
from coordinator.marketplace.errors import (
    BidTooLow,
    MinerNotRegistered,
    OfferForOtherJobs,
    OfferNotAvailable,
    OfferNotFound,
    PriceAboveMaximum,
    TooManyOpenOffers,
)
from coordinator.marketplace.schemas import (
    AcceptedOffer,
    AcceptRequest,
    CreatedOffer,
    OfferDetails,
    OfferList,
    OfferRequest,
    WithdrawalRequest,
    accepted_view,
    amount_of,
    created_view,
    details_view,
    list_view,
    parse_offer_id,
    wish_of,
)
from coordinator.values import ApiVersion
from coordinator.wire import offer_text, parse_job_id

_DOCUMENTED: Final[frozenset[ApiVersion]] = frozenset({"2024-01-01"})

_EXTENDED: Final[ApiVersion] = "2026-05-11"
"""The version that shows what no document has (V5)."""

_LIMIT_DEFAULT: Final = 50
_LIMIT_MAX: Final = 100

CREATE: Final = Operation(
    summary="Create a marketplace offer",
    tag="Marketplace",
    access=MINER,
    documents=_DOCUMENTED,
    description="The key's miner offers to do jobs at a price. Answers when the chain has it.",
    body=same(OfferRequest),
    answers={201: Answer("Offer created", same(CreatedOffer))},
    errors=(
        MinerNotFound,
        MinerNotRegistered,
        Forbidden,
        TransactionInvalid,
        TooManyOpenOffers,
        SponsorshipExhausted,
        Unavailable,
    ),
)

LIST: Final = Operation(
    summary="List marketplace offers",
    tag="Marketplace",
    access=PUBLIC,
    documents=_DOCUMENTED,
    description="Offers that can be accepted now, the cheapest first.",
    parameters=(
        Parameter("job_type", "Only offers of this kind of job.", {"type": "string"}),
        Parameter(
            "max_price",
            "Only offers of at most so many AITBC a job, compared exactly.",
            {"type": "string", "pattern": r"^(0|[1-9][0-9]*)(\.[0-9]{1,9})?$"},
        ),
        limit_declaration(_LIMIT_DEFAULT),
        CURSOR,
    ),
    answers={200: Answer("Open offers", same(OfferList))},
)

GET: Final = Operation(
    summary="Get a marketplace offer",
    tag="Marketplace",
    access=PUBLIC,
    answers={200: Answer("Offer", same(OfferDetails))},
    errors=(OfferNotFound,),
)

_WITHDRAWAL_ERRORS: Final = (
    OfferNotFound,
    OfferNotAvailable,
    Forbidden,
    TransactionInvalid,
    SponsorshipExhausted,
    Unavailable,
)

DELETE: Final = Operation(
    summary="Withdraw a managed miner's offer",
    tag="Marketplace",
    access=MINER,
    description="Answers when that is final. Jobs that were accepted stay with the miner.",
    answers={200: Answer("Offer withdrawn", same(OfferDetails))},
    errors=_WITHDRAWAL_ERRORS,
)

WITHDRAW: Final = Operation(
    summary="Withdraw an offer",
    tag="Marketplace",
    access=MINER,
    description="As DELETE; a miner with its own key signs the withdrawal.",
    body=same(WithdrawalRequest),
    answers={200: Answer("Offer withdrawn", same(OfferDetails))},
    errors=_WITHDRAWAL_ERRORS,
    takes_key=False,
)

ACCEPT: Final = Operation(
    summary="Accept a marketplace offer",
    tag="Marketplace",
    access=CLIENT,
    documents=_DOCUMENTED,
    description="Binds the caller's queued job to the offer's miner, at the offer's price. The "
    "job's service, type or name is the offer's `job_type`, and the miner declared what it asks "
    "for. The slot is taken at once; the transaction is final a moment later.",
    body=same(AcceptRequest),
    answers={200: Answer("Offer accepted", same(AcceptedOffer))},
    errors=(
        OfferNotFound,
        OfferNotAvailable,
        BidTooLow,
        PriceAboveMaximum,
        OfferForOtherJobs,
        JobNotForMiner,
        JobNotFound,
        JobAlreadyClaimed,
        JobAlreadyCompleted,
        JobAlreadyFinished,
        JobNotClaimable,
        InsufficientBalance,
        Unavailable,
    ),
)


@post("/v1/marketplace/offers", opt=declared(CREATE))
async def create_offer(request: HttpRequest, context: Given) -> Response[bytes]:
    """Make an offer."""
    wish = wish_of(typed(await read_object(request), OfferRequest))
    exchange = exchange_of(request)
    offer = await context.services.marketplace.post(exchange.caller, wish, exchange.claim)
    headers = location(request, f"/v1/marketplace/offers/{offer_text(offer.offer_id)}")
    return answer(request, created_view(offer), status=201, headers=headers)


@get("/v1/marketplace/offers", opt=declared(LIST))
async def list_offers(request: HttpRequest, context: Given) -> Response[bytes]:
    """List open offers."""
    asked = number_parameter(request, "limit", default=_LIMIT_DEFAULT, least=1, most=None)
    limit = min(asked, _LIMIT_MAX)
    page = await context.services.marketplace.list(
        job_type=text_parameter(request, "job_type"),
        max_price=_max_price(request),
        limit=limit,
        cursor=read_cursor(request, "offers"),
    )
    return answer(
        request,
        list_view(page),
        as_of_height=page.as_of_height,
        headers=next_link(request, give_cursor("offers", page.next_cursor)),
    )


@get("/v1/marketplace/offers/{offer_id:str}", opt=declared(GET))
async def get_offer(
    request: HttpRequest, context: Given, offer_id: FromPath[str]
) -> Response[bytes]:
    """Return an offer."""
    offer = await context.services.marketplace.get(parse_offer_id(offer_id))
    return answer(request, details_view(offer))


@delete("/v1/marketplace/offers/{offer_id:str}", opt=declared(DELETE), status_code=200)
async def delete_offer(
    request: HttpRequest, context: Given, offer_id: FromPath[str]
) -> Response[bytes]:
    """Withdraw an offer of a managed miner."""
    caller = exchange_of(request).caller
    offer = await context.services.marketplace.withdraw(caller, parse_offer_id(offer_id))
    return answer(request, details_view(offer))


@post("/v1/marketplace/offers/{offer_id:str}/withdraw", opt=declared(WITHDRAW), status_code=200)
async def withdraw_offer(
    request: HttpRequest, context: Given, offer_id: FromPath[str]
) -> Response[bytes]:
    """Withdraw an offer, by a signed transaction where the miner has its own key."""
    # A managed miner's withdrawal needs no body.
    is_empty = not announced_bytes(request) and "transfer-encoding" not in request.headers
    body = typed({} if is_empty else await read_object(request), WithdrawalRequest)
    signed = None if body.transaction is None else bytes.fromhex(body.transaction)
    caller = exchange_of(request).caller
    offer = await context.services.marketplace.withdraw(caller, parse_offer_id(offer_id), signed)
    return answer(request, details_view(offer))


@post("/v1/marketplace/offers/{offer_id:str}/accept", opt=declared(ACCEPT), status_code=200)
async def accept_offer(
    request: HttpRequest, context: Given, offer_id: FromPath[str]
) -> Response[bytes]:
    """Accept an offer for a job."""
    body = typed(await read_object(request), AcceptRequest)
    bid = None if body.bid_price is None else amount_of(body.bid_price, "/bid_price")
    exchange = exchange_of(request)
    accepted = await context.services.marketplace.accept(
        exchange.caller, parse_offer_id(offer_id), parse_job_id(body.job_id), bid, exchange.claim
    )
    return answer(request, accepted_view(accepted, extended=exchange.by_route() == _EXTENDED))


def _max_price(request: HttpRequest) -> int | None:
    text = text_parameter(request, "max_price")
    if text is None:
        return None
    try:
        return parse_amount_text(text)
    except MoneyInvalid as error:
        raise FieldInvalid("max_price", str(error)) from None


HANDLERS: Final = (
    create_offer,
    list_offers,
    get_offer,
    delete_offer,
    withdraw_offer,
    accept_offer,
)
"""The routes of this slice."""

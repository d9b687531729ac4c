"""Routes of transfers: sending, and looking at what was sent."""

from dataclasses import replace
from typing import Final, cast

from litestar import Response, get, post
from litestar.params import FromPath

from coordinator.clients import Scope
from coordinator.errors import Forbidden, InsufficientBalance, MinerNotFound, Unavailable
from coordinator.http import (
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
from coordinator.http.bodies import read_object, typed
from coordinator.http.context import Given
from coordinator.http.faults import FieldInvalid
from coordinator.http.money import MoneyInvalid, parse_amount
from coordinator.http.negotiation import WAIT_S_MAX, preferred_wait_s
from coordinator.http.paging import cursor_parameter, encode_cursor, next_link
from coordinator.http.query import (
    CURSOR,
    WAIT,
    limit_declaration,
    number_parameter,
    wait_parameter,
)
from coordinator.transfers.errors import MinerKeepsItsKey, TransferNotFound
from coordinator.transfers.model import TransferWish
from coordinator.transfers.schemas import (
    TransferList,
    TransferRequest,
    TransferView,
    parse_transfer_id,
    transfer_view,
)
from coordinator.transfers.service import READERS
from ledger.errors import AddressInvalid
from ledger.keys import parse_address

_LIST: Final = "transfers"
"""What the cursors of the list belong to."""

_LIMIT_DEFAULT: Final = 50
_LIMIT_MAX: Final = 100

_PREFER: Final = Parameter(
    "Prefer",
    f"`wait=N`: answer when the transfer is final, or after N seconds, at most {WAIT_S_MAX}.",
    {"type": "string"},
    place="header",
)

SEND: Final = Operation(
    summary="Send units from a wallet",
    tag="Accounts",
    access=frozenset({Scope.WALLET}),
    description="Moves units of the caller's wallet, or of its managed miner's account, to an "
    "address. Answers as soon as the transaction is pooled; `Prefer: wait=N` waits for the end. "
    "What is in escrow for open jobs cannot be sent. Send an `Idempotency-Key`: without one, a "
    "repeated request is a second transfer.",
    parameters=(_PREFER,),
    body=same(TransferRequest),
    answers={201: Answer("Transfer under way", same(TransferView))},
    errors=(InsufficientBalance, Forbidden, MinerNotFound, MinerKeepsItsKey, Unavailable),
)

LIST: Final = Operation(
    summary="List the caller's transfers",
    tag="Accounts",
    access=frozenset(READERS),
    description="What was sent by this API, the newest first. Statements have them, too, and all "
    "that came or went otherwise.",
    parameters=(limit_declaration(_LIMIT_DEFAULT, _LIMIT_MAX), CURSOR),
    answers={200: Answer("Transfers", same(TransferList))},
)

GET: Final = Operation(
    summary="Get a transfer",
    tag="Accounts",
    access=frozenset(READERS),
    parameters=(replace(WAIT, description="Seconds to wait until it is final or expired."),),
    answers={200: Answer("Transfer", same(TransferView))},
    errors=(TransferNotFound,),
)


@post("/v1/clients/me/transfers", opt=declared(SEND))
async def send_transfer(request: HttpRequest, context: Given) -> Response[bytes]:
    """Send units."""
    wish = _wish_of(typed(await read_object(request), TransferRequest))
    exchange = exchange_of(request)
    wait_s = preferred_wait_s(",".join(request.headers.getall("prefer", [])))
    transfer = await context.services.transfers.send(
        exchange.caller, wish, wait_s=wait_s or 0, once=exchange.claim
    )
    view = transfer_view(transfer, exchange.prefix)
    headers = location(request, f"/v1/clients/me/transfers/{view.transaction_id}")
    if wait_s is not None:
        headers["preference-applied"] = f"wait={wait_s}"
    return answer(request, view, status=201, headers=headers)


@get("/v1/clients/me/transfers", opt=declared(LIST))
async def list_transfers(request: HttpRequest, context: Given) -> Response[bytes]:
    """List transfers."""
    limit = number_parameter(request, "limit", default=_LIMIT_DEFAULT, least=1, most=_LIMIT_MAX)
    position = cursor_parameter(request, _LIST, [int])
    before = None if position is None else cast("int", position[0])
    exchange = exchange_of(request)
    page = await context.services.transfers.list(exchange.caller, limit, before)
    last = page.next_seq
    return answer(
        request,
        TransferList(transfers=[transfer_view(each, exchange.prefix) for each in page.transfers]),
        headers=next_link(request, None if last is None else encode_cursor(_LIST, (last,))),
    )


@get("/v1/clients/me/transfers/{transaction_id:str}", opt=declared(GET))
async def get_transfer(
    request: HttpRequest, context: Given, transaction_id: FromPath[str]
) -> Response[bytes]:
    """Return a transfer."""
    exchange, wait_s = exchange_of(request), wait_parameter(request)
    transfer = await context.services.transfers.get(
        exchange.caller, parse_transfer_id(transaction_id), wait_s
    )
    return answer(request, transfer_view(transfer, exchange.prefix))


def _wish_of(wanted: TransferRequest) -> TransferWish:
    try:
        to = parse_address(wanted.to)
    except AddressInvalid as error:
        raise FieldInvalid("/to", f"{error}: copy it whole, as its owner shows it") from None
    try:
        amount = parse_amount(wanted.amount)
    except MoneyInvalid as error:
        raise FieldInvalid("/amount", str(error)) from None
    return TransferWish(to, amount, wanted.miner_id)


HANDLERS: Final = (send_transfer, list_transfers, get_transfer)
"""The routes of this slice."""

"""Routes of receipts: public, because they hold neither prompt nor result (A4)."""

from typing import Final

from litestar import Response, get
from litestar.params import FromPath

from coordinator.errors import JobNotFound, ReceiptNotFound
from coordinator.http import (
    PUBLIC,
    Answer,
    HttpRequest,
    Operation,
    Parameter,
    answer,
    declared,
    exchange_of,
    same,
)
from coordinator.http.context import Given
from coordinator.http.faults import FieldInvalid
from coordinator.http.query import CURSOR, limit_declaration, number_parameter, text_parameter
from coordinator.presenters import presenter_of
from coordinator.receipts.model import ReceiptView
from coordinator.receipts.schemas import ReceiptTransaction, transaction_view
from coordinator.values import ApiVersion
from coordinator.wire import JOB_PREFIX, parse_job_id, parse_receipt_id
from ledger.errors import AddressInvalid
from ledger.keys import ADDRESS_PREFIX, parse_address
from ledger.types import Address

_DEFAULT: Final = 20
_MAXIMUM: Final = 100

LIST: Final = Operation(
    summary="List receipts",
    tag="Receipts",
    access=PUBLIC,
    documents=frozenset({"2026-01-24"}),
    description="Final receipts, newest first.",
    parameters=(
        Parameter("client", "Only receipts that this address pays.", {"type": "string"}),
        Parameter(
            "provider", "Only receipts of this miner, by name or address.", {"type": "string"}
        ),
        limit_declaration(_DEFAULT, _MAXIMUM),
        CURSOR,
    ),
    answers={200: Answer("List of receipts", lambda wire: wire.receipt_list)},
)

GET: Final = Operation(
    summary="Get receipt details",
    tag="Receipts",
    access=PUBLIC,
    documents=frozenset({"2024-01-01", "2026-01-24"}),
    description="By the id of the receipt or of its job.",
    answers={200: Answer("Receipt details", lambda wire: wire.receipt)},
    errors=(ReceiptNotFound, JobNotFound),
)

TRANSACTION: Final = Operation(
    summary="Get the signed transaction of a receipt",
    tag="Receipts",
    access=PUBLIC,
    answers={200: Answer("Transaction", same(ReceiptTransaction))},
    errors=(ReceiptNotFound, JobNotFound),
)


@get("/v1/receipts", opt=declared(LIST))
async def list_receipts(request: HttpRequest, context: Given) -> Response[bytes]:
    """List receipts."""
    presenter = presenter_of(exchange_of(request).by_route())
    client = text_parameter(request, "client")
    page = await context.services.receipts.list(
        client=None if client is None else _address(client, "client"),
        provider=_provider(text_parameter(request, "provider")),
        limit=number_parameter(request, "limit", default=_DEFAULT, least=1, most=_MAXIMUM),
        cursor=text_parameter(request, "cursor", length_max=512),
    )
    return answer(request, presenter.receipt_list(page.items), as_of_height=page.as_of_height)


@get("/v1/receipts/{receipt_id:str}", opt=declared(GET))
async def get_receipt(
    request: HttpRequest, context: Given, receipt_id: FromPath[str]
) -> Response[bytes]:
    """Return a receipt."""
    exchange = exchange_of(request)
    # The same path takes a job's id in one document and a receipt's in another (V1).
    created_in: ApiVersion = "2024-01-01" if receipt_id.startswith(JOB_PREFIX) else "2026-01-24"
    presenter = presenter_of(exchange.by_object(created_in))
    receipt = await _receipt(context, receipt_id)
    return answer(request, presenter.receipt(receipt), as_of_height=receipt.height)


@get("/v1/receipts/{receipt_id:str}/transaction", opt=declared(TRANSACTION))
async def get_transaction(
    request: HttpRequest, context: Given, receipt_id: FromPath[str]
) -> Response[bytes]:
    """Return the signed transaction of a receipt."""
    receipt = await _receipt(context, receipt_id)
    return answer(request, transaction_view(receipt), as_of_height=receipt.height)


async def _receipt(context: Given, text: str) -> ReceiptView:
    """Return a receipt by its own id or its job's.

    Raises:
        JobNotFound: no such job.
        ReceiptNotFound: no such receipt, or the job has none (E4).
    """
    receipts = context.services.receipts
    if not text.startswith(JOB_PREFIX):
        return await receipts.get(parse_receipt_id(text))
    receipt = await receipts.of_job(parse_job_id(text))
    if receipt is None:
        raise ReceiptNotFound("the job has no receipt")
    return receipt


def _provider(text: str | None) -> Address | str | None:
    if text is not None and text.lower().startswith(f"{ADDRESS_PREFIX}1"):
        return _address(text, "provider")
    return text


def _address(text: str, parameter: str) -> Address:
    try:
        return parse_address(text)
    except AddressInvalid as error:
        raise FieldInvalid(parameter, f"is no address: {error}") from None


HANDLERS: Final = (list_receipts, get_receipt, get_transaction)
"""The routes of this slice."""

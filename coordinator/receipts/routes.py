"""Routes of receipts: public, because they hold neither prompt nor result (A4)."""

import asyncio
from collections.abc import Mapping
from typing import Final

from litestar import Response, get, post
from litestar.params import FromPath
from msgspec import UNSET, UnsetType

from coordinator.errors import JobNotFound, NotFound, ReceiptNotFound, Unavailable
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
from coordinator.http.bodies import read_object, typed
from coordinator.http.context import Given
from coordinator.http.faults import FieldInvalid
from coordinator.http.paging import give_cursor, next_link, read_cursor
from coordinator.http.query import CURSOR, limit_declaration, number_parameter, text_parameter
from coordinator.http.times import format_time
from coordinator.presenters import PRESENTERS, presenter_of
from coordinator.receipts.model import ReceiptView
from coordinator.receipts.schemas import (
    ReceiptClaim,
    ReceiptTransaction,
    Verification,
    VerifyRequest,
    transaction_view,
)
from coordinator.receipts.verification import NOT_FOUND, fault_of, proved_receipt
from coordinator.values import ApiVersion
from coordinator.wire import (
    JOB_PREFIX,
    RECEIPT_PREFIX,
    TRANSACTION_PREFIX,
    parse_job_id,
    parse_receipt_id,
)
from ledger.errors import AddressInvalid
from ledger.keys import ADDRESS_PREFIX, parse_address
from ledger.proofs import Trust
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
    errors=(Unavailable,),
)

GET: Final = Operation(
    summary="Get receipt details",
    tag="Receipts",
    access=PUBLIC,
    documents=frozenset({"2024-01-01", "2026-01-24"}),
    description="By the id of the receipt or of its job.",
    answers={200: Answer("Receipt details", lambda wire: wire.receipt)},
    errors=(ReceiptNotFound, JobNotFound, Unavailable),
)

TRANSACTION: Final = Operation(
    summary="Get the signed transaction of a receipt",
    tag="Receipts",
    access=PUBLIC,
    answers={200: Answer("Transaction", same(ReceiptTransaction))},
    errors=(ReceiptNotFound, JobNotFound, Unavailable),
)

VERIFY: Final = Operation(
    summary="Verify a receipt",
    tag="Receipts",
    access=PUBLIC,
    documents=frozenset({"2024-01-01"}),
    description="Takes a receipt as any version shows it, its signed transaction, or a proof "
    "bundle of it. What is not authentic is answered with 200, `valid: false` and a reason.",
    body=same(VerifyRequest),
    takes_key=False,
    answers={200: Answer("Whether it is authentic", same(Verification))},
    errors=(Unavailable,),
)

_VERIFIED_BYTES_MAX: Final = 65_536
"""Of a receipt that somebody shows; ours have two kilobytes."""


@get("/v1/receipts", opt=declared(LIST))
async def list_receipts(request: HttpRequest, context: Given) -> Response[bytes]:
    """List receipts."""
    presenter = presenter_of(exchange_of(request).by_route())
    client = text_parameter(request, "client")
    page = await context.services.receipts.list(
        client=None if client is None else _address(client, "client"),
        provider=_provider(text_parameter(request, "provider")),
        limit=number_parameter(request, "limit", default=_DEFAULT, least=1, most=_MAXIMUM),
        cursor=read_cursor(request, "receipts"),
    )
    return answer(
        request,
        presenter.receipt_list(page.items),
        as_of_height=page.as_of_height,
        headers=next_link(request, give_cursor("receipts", page.next_cursor)),
    )


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


@post("/v1/receipts/verify", status_code=200, opt=declared(VERIFY))
async def verify_receipt(request: HttpRequest, context: Given) -> Response[bytes]:
    """Say whether a receipt that somebody shows is authentic."""
    body = await read_object(request, bytes_max=_VERIFIED_BYTES_MAX)
    wanted = typed(body, VerifyRequest)
    if (wanted.receipt is UNSET) == (wanted.bundle is UNSET):
        raise FieldInvalid("/receipt", "give either a receipt or a bundle", "REQUIRED")
    if wanted.bundle is UNSET:
        receipt, fault = await _judged_claim(context, wanted.receipt, body["receipt"])
    else:
        receipt, fault = await _judged_bundle(context, wanted.bundle)
    core = context.services.core
    is_valid = fault is None
    verification = Verification(
        valid=is_valid,
        miner_signature_valid=is_valid,
        coordinator_attestations=len(receipt.attestations) if receipt and is_valid else 0,
        verified_at=format_time(core.moments.now().now_ms),
        reason=UNSET if fault is None else fault,
    )
    return answer(request, verification)


_Judged = tuple[ReceiptView | None, str | None]
"""The final receipt, as far as it is known here, and what is wrong with what was shown."""


async def _judged_claim(context: Given, claim: ReceiptClaim | UnsetType, shown: object) -> _Judged:
    assert claim is not UNSET, "the caller has looked"
    assert isinstance(shown, Mapping), "`typed` has checked it"
    receipt = await _shown_receipt(context, claim)
    if receipt is None:
        return None, NOT_FOUND
    shapes = [each.receipt(receipt) for each in PRESENTERS.values()]
    shapes.append(transaction_view(receipt))
    return receipt, fault_of(context.services.core.chain.tags, shown, claim, receipt, shapes)


async def _judged_bundle(context: Given, bundle: Mapping[str, object]) -> _Judged:
    """Judge a bundle by nothing but itself and the genesis digest of this chain."""
    trust = Trust(context.services.core.chain.tags.genesis_digest)
    # As many signatures as there are in a bundle; the first that is wrong ends it.
    receipt_id, fault = await asyncio.to_thread(proved_receipt, bundle, trust)
    if receipt_id is None:
        return None, fault
    try:
        return await _receipt(context, f"{RECEIPT_PREFIX}{receipt_id.hex()}"), None
    except NotFound:
        return None, None


async def _shown_receipt(context: Given, claim: ReceiptClaim) -> ReceiptView | None:
    """Return the final receipt whose id is shown, None if there is none.

    Raises:
        FieldInvalid: no id is shown.
    """
    if isinstance(claim.receipt_id, str):
        text = claim.receipt_id
    elif isinstance(claim.transaction_id, str):
        text = RECEIPT_PREFIX + claim.transaction_id.removeprefix(TRANSACTION_PREFIX)
    elif isinstance(claim.job_id, str):
        text = claim.job_id
    else:
        raise FieldInvalid("/receipt", "needs receipt_id, transaction_id or job_id", "REQUIRED")
    try:
        return await _receipt(context, text)
    except NotFound:
        return None


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


HANDLERS: Final = (list_receipts, get_receipt, get_transaction, verify_receipt)
"""The routes of this slice."""

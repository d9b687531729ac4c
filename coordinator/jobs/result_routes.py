"""Routes of what a job left behind: its result, its payment, its receipt."""

from typing import Final

from litestar import Response, get
from litestar.params import FromPath

from coordinator.errors import (
    JobCancelled,
    JobExpired,
    JobFailed,
    JobNotCompleted,
    JobNotFound,
    PaymentNotFound,
    ReceiptNotFound,
    ResultExpired,
    ResultNotDelivered,
    Unavailable,
)
from coordinator.http import (
    Answer,
    HttpRequest,
    Operation,
    Policy,
    answer,
    declared,
    exchange_of,
    same,
)
from coordinator.http.context import Given
from coordinator.http.operation import READER
from coordinator.http.query import WAIT, wait_parameter
from coordinator.jobs.model import JobView
from coordinator.presenters import presenter_of
from coordinator.presenters.v2024_01_01 import JobResults, results_answer
from coordinator.values import ApiVersion
from coordinator.wire import parse_job_id

_V1: Final[ApiVersion] = "2024-01-01"
_V3: Final[ApiVersion] = "2026-05-11"

_NO_RESULT: Final = (
    JobNotFound,
    JobNotCompleted,
    JobFailed,
    JobCancelled,
    JobExpired,
    ResultNotDelivered,
    ResultExpired,
)
"""Why there may be no result."""

RESULTS: Final = Operation(
    summary="Get the results of a job",
    tag="Jobs",
    access=READER,
    policy=Policy.RESULT,
    documents=frozenset({_V1}),
    parameters=(WAIT,),
    answers={200: Answer("Results", same(JobResults))},
    errors=_NO_RESULT,
)

RESULT: Final = Operation(
    summary="Get the result of a job",
    tag="Jobs",
    access=READER,
    policy=Policy.RESULT,
    documents=frozenset({_V3}),
    parameters=(WAIT,),
    answers={200: Answer("Result and receipt", lambda wire: wire.result)},
    errors=(*_NO_RESULT, ReceiptNotFound, Unavailable),
)

PAYMENT: Final = Operation(
    summary="Get the payment of a job",
    tag="Jobs",
    access=READER,
    policy=Policy.STATUS,
    documents=frozenset({_V3}),
    answers={200: Answer("Payment", lambda wire: wire.payment)},
    errors=(JobNotFound, PaymentNotFound),
)

RECEIPT: Final = Operation(
    summary="Get the latest receipt of a job",
    tag="Jobs",
    access=READER,
    policy=Policy.RESULT,
    documents=frozenset({_V3}),
    answers={200: Answer("Receipt", lambda wire: wire.receipt)},
    errors=(JobNotFound, ReceiptNotFound, Unavailable),
)

RECEIPTS: Final = Operation(
    summary="List the receipts of a job",
    tag="Jobs",
    access=READER,
    policy=Policy.RESULT,
    documents=frozenset({_V3}),
    answers={200: Answer("Receipts; none is an empty list", lambda wire: wire.receipt_list)},
    errors=(JobNotFound, Unavailable),
)


@get("/v1/jobs/{job_id:str}/results", opt=declared(RESULTS))
async def get_results(
    request: HttpRequest, context: Given, job_id: FromPath[str]
) -> Response[bytes]:
    """Return the results of a job; only one version's document has this route, and a shape."""
    exchange = exchange_of(request)
    job = await context.services.jobs.result(
        exchange.caller, parse_job_id(job_id), wait_s=wait_parameter(request)
    )
    exchange.by_object(job.spec.api_version)
    return answer(request, results_answer(job), as_of_height=job.as_of_height)


@get("/v1/jobs/{job_id:str}/result", opt=declared(RESULT))
async def get_result(
    request: HttpRequest, context: Given, job_id: FromPath[str]
) -> Response[bytes]:
    """Return the result of a job."""
    exchange = exchange_of(request)
    job = await context.services.jobs.result(
        exchange.caller, parse_job_id(job_id), wait_s=wait_parameter(request)
    )
    receipt = await context.services.receipts.of_job(job.job_id)
    if receipt is None:
        raise ReceiptNotFound
    presenter = presenter_of(exchange.by_object(job.spec.api_version))
    return answer(request, presenter.result(job, receipt), as_of_height=job.as_of_height)


@get("/v1/jobs/{job_id:str}/payment", opt=declared(PAYMENT))
async def get_payment(
    request: HttpRequest, context: Given, job_id: FromPath[str]
) -> Response[bytes]:
    """Return the money of a job."""
    job = await _own_job(request, context, job_id)
    if job.payment is None:
        raise PaymentNotFound
    presenter = presenter_of(exchange_of(request).by_object(job.spec.api_version))
    return answer(request, presenter.payment(job.payment), as_of_height=job.as_of_height)


@get("/v1/jobs/{job_id:str}/receipt", opt=declared(RECEIPT))
async def get_receipt(
    request: HttpRequest, context: Given, job_id: FromPath[str]
) -> Response[bytes]:
    """Return the receipt of a job."""
    job = await _own_job(request, context, job_id)
    receipt = await context.services.receipts.of_job(job.job_id)
    if receipt is None:
        raise ReceiptNotFound
    presenter = presenter_of(exchange_of(request).by_object(job.spec.api_version))
    return answer(request, presenter.receipt(receipt), as_of_height=job.as_of_height)


@get("/v1/jobs/{job_id:str}/receipts", opt=declared(RECEIPTS))
async def list_receipts(
    request: HttpRequest, context: Given, job_id: FromPath[str]
) -> Response[bytes]:
    """Return all receipts of a job; the chain takes at most one."""
    job = await _own_job(request, context, job_id)
    receipt = await context.services.receipts.of_job(job.job_id)
    presenter = presenter_of(exchange_of(request).by_object(job.spec.api_version))
    receipts = [] if receipt is None else [receipt]
    return answer(request, presenter.receipt_list(receipts), as_of_height=job.as_of_height)


async def _own_job(request: HttpRequest, context: Given, job_id: FromPath[str]) -> JobView:
    """Return a job of the caller; another's is not found, whatever is public about it (A3)."""
    return await context.services.jobs.get(exchange_of(request).caller, parse_job_id(job_id))


HANDLERS: Final = (get_results, get_result, get_payment, get_receipt, list_receipts)
"""The routes of this module."""

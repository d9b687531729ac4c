"""Routes of a client's word on a receipt: it is disputed with a bond, or accepted."""

from typing import Final, Literal

from litestar import Response, post
from litestar.params import FromPath

from coordinator.errors import (
    Forbidden,
    InsufficientBalance,
    JobAlreadyFinished,
    JobNotCompleted,
    JobNotFound,
    ReceiptSettled,
    Unavailable,
)
from coordinator.http import Answer, HttpRequest, Operation, answer, declared, exchange_of, same
from coordinator.http.bodies import announced_bytes, read_object, typed
from coordinator.http.context import Given
from coordinator.http.operation import CLIENT
from coordinator.jobs.model import JobView
from coordinator.presenters import presenter_of
from coordinator.wire import Body, parse_job_id
from ledger.actions import Reason


class DisputeRequest(Body, kw_only=True, frozen=True):
    """An objection to a receipt."""

    reason: Literal[
        "UNSPECIFIED", "RESULT_NOT_DELIVERED", "RESULT_MALFORMED", "PAYLOAD_MISMATCH"
    ] = "UNSPECIFIED"
    """Why; the code goes on the chain."""


_ERRORS: Final = (
    JobNotFound,
    JobNotCompleted,
    JobAlreadyFinished,
    ReceiptSettled,
    InsufficientBalance,
    Unavailable,
)

DISPUTE: Final = Operation(
    summary="Dispute the receipt of a job",
    tag="Jobs",
    access=CLIENT,
    takes_key=False,
    description="Locks the job's bond and stops its settlement until authorities rule, or the time "
    "for that is over. The bond is lost to the miner if they rule for it, and comes back in every "
    "other case. A job that was submitted with `dispute_window_seconds` waits so long for it; one "
    "without settles as soon as its delivery is attested. Disputing again changes nothing.",
    body=same(DisputeRequest),
    answers={200: Answer("Payment, disputed", lambda wire: wire.payment)},
    errors=(*_ERRORS, Forbidden),
)

ACCEPT: Final = Operation(
    summary="Accept the receipt of a job",
    tag="Jobs",
    access=CLIENT,
    takes_key=False,
    description="Settles the job before its dispute window is over, or ends the client's dispute. "
    "Accepting again changes nothing.",
    answers={200: Answer("Payment, released", lambda wire: wire.payment)},
    errors=_ERRORS,
)


@post("/v1/jobs/{job_id:str}/dispute", status_code=200, opt=declared(DISPUTE))
async def dispute_receipt(
    request: HttpRequest, context: Given, job_id: FromPath[str]
) -> Response[bytes]:
    """Dispute the receipt of a job."""
    # Why may be left out, and the body with it.
    is_empty = not announced_bytes(request) and "transfer-encoding" not in request.headers
    body = typed({} if is_empty else await read_object(request), DisputeRequest)
    caller, reason = exchange_of(request).caller, Reason[body.reason]
    job = await context.services.jobs.dispute(caller, parse_job_id(job_id), reason)
    return _payment(request, job)


@post("/v1/jobs/{job_id:str}/accept", status_code=200, opt=declared(ACCEPT))
async def accept_receipt(
    request: HttpRequest, context: Given, job_id: FromPath[str]
) -> Response[bytes]:
    """Accept the receipt of a job."""
    caller = exchange_of(request).caller
    return _payment(request, await context.services.jobs.accept(caller, parse_job_id(job_id)))


def _payment(request: HttpRequest, job: JobView) -> Response[bytes]:
    assert job.payment is not None, "a job with a receipt was paid for"
    presenter = presenter_of(exchange_of(request).by_object(job.spec.api_version))
    return answer(request, presenter.payment(job.payment), as_of_height=job.as_of_height)


HANDLERS: Final = (dispute_receipt, accept_receipt)
"""The routes of this module."""

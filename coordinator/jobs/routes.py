"""Routes of jobs as their client sees them: submit, list, read, cancel."""

from dataclasses import replace
from typing import Final

from litestar import Response, delete, get, post
from litestar.params import FromPath

from coordinator.errors import (
    InsufficientBalance,
    JobAlreadyCompleted,
    JobAlreadyFinished,
    JobNotFound,
    Unavailable,
)
from coordinator.http import HttpRequest, Operation, Policy, answer, declared, exchange_of
from coordinator.http.bodies import read_object
from coordinator.http.context import Given
from coordinator.http.faults import FieldInvalid
from coordinator.http.operation import CLIENT, READER, Answer, Parameter
from coordinator.http.paging import give_cursor, next_link, read_cursor
from coordinator.http.query import (
    CURSOR,
    OFFSET,
    OFFSET_MAX,
    WAIT,
    limit_declaration,
    number_parameter,
    text_parameter,
    wait_parameter,
)
from coordinator.jobs.submission import ERRORS, OFFER_ERRORS, PREFER, submit
from coordinator.presenters import PageSize, presenter_of
from coordinator.presenters.states import (
    FILTER_SPELLINGS,
    STATE_2026_05_11,
    STATUS_2024_01_01,
    STATUS_2026_01_24,
)
from coordinator.values import ApiVersion
from coordinator.wire import parse_job_id

_V1: Final[ApiVersion] = "2024-01-01"
_V2: Final[ApiVersion] = "2026-01-24"
_V3: Final[ApiVersion] = "2026-05-11"

CREATE: Final = Operation(
    summary="Submit a new job",
    tag="Jobs",
    access=CLIENT,
    policy=Policy.SUBMIT,
    documents=frozenset({_V1, _V2, _V3}),
    description="Locks the price in escrow. The body's shape tells the version, if nothing else "
    "does. Answers as soon as the escrow transaction is pooled; `Prefer: wait=N` waits for the "
    "job's end.",
    parameters=(PREFER,),
    body=lambda wire: wire.job_request,
    answers={201: Answer("Job created", lambda wire: wire.created)},
    errors=ERRORS + OFFER_ERRORS,
)

_STATUS_FILTER: Final = "Only jobs in this state; the spellings of all versions are taken."

LIST: Final = Operation(
    summary="List jobs",
    tag="Jobs",
    access=READER,
    policy=Policy.STATUS,
    documents=frozenset({_V1, _V2}),
    description="The caller's jobs, newest first.",
    parameters=(
        Parameter("type", "Only jobs of this type or service.", {"type": "string"}),
        OFFSET,
        CURSOR,
    ),
    parameters_of={
        _V1: (
            Parameter(
                "status",
                _STATUS_FILTER,
                {"type": "string", "enum": [*dict.fromkeys(STATUS_2024_01_01.values())]},
            ),
            limit_declaration(50),
        ),
        _V2: (
            Parameter(
                "status",
                _STATUS_FILTER,
                {"type": "string", "enum": [*dict.fromkeys(STATUS_2026_01_24.values())]},
            ),
            limit_declaration(20, 100),
        ),
        _V3: (
            Parameter(
                "state",
                _STATUS_FILTER,
                {"type": "string", "enum": [*dict.fromkeys(STATE_2026_05_11.values())]},
            ),
            Parameter("status", _STATUS_FILTER, {"type": "string", "enum": [*FILTER_SPELLINGS]}),
            limit_declaration(50),
        ),
    },
    answers={200: Answer("List of jobs", lambda wire: wire.job_list)},
)

GET: Final = Operation(
    summary="Get job details",
    tag="Jobs",
    access=READER,
    policy=Policy.STATUS,
    documents=frozenset({_V1, _V2, _V3}),
    description="Answers in the version in which the job was submitted, unless asked otherwise.",
    parameters=(WAIT,),
    answers={200: Answer("Job details", lambda wire: wire.job)},
    errors=(JobNotFound,),
)

CANCEL: Final = Operation(
    takes_key=False,
    summary="Cancel a job",
    tag="Jobs",
    access=CLIENT,
    documents=frozenset({_V2, _V3}),
    description="Ends a queued or running job; answers when that is final. Cancelling again "
    "gives the same answer.",
    answers={200: Answer("Job cancelled", lambda wire: wire.cancelled)},
    errors=(
        JobNotFound,
        JobAlreadyCompleted,
        JobAlreadyFinished,
        InsufficientBalance,
        Unavailable,
    ),
)

DELETE: Final = replace(CANCEL, documents=frozenset({_V1}))


@post("/v1/jobs", opt=declared(CREATE))
async def create_job(request: HttpRequest, context: Given) -> Response[bytes]:
    """Submit a job."""
    exchange = exchange_of(request)
    body = await read_object(request)
    presenter = presenter_of(exchange.by_body(body))
    return await submit(request, context, presenter, presenter.job_spec(body))


@get("/v1/jobs", opt=declared(LIST))
async def list_jobs(request: HttpRequest, context: Given) -> Response[bytes]:
    """List the caller's jobs."""
    exchange = exchange_of(request)
    presenter = presenter_of(exchange.by_route())
    status, parameter = _status_parameter(request)
    wanted = presenter.job_filter(status, parameter, text_parameter(request, "type"))
    limit = _limit(request, presenter.page_size)
    offset = number_parameter(request, "offset", default=0, least=0, most=OFFSET_MAX)
    page = await context.services.jobs.list(
        exchange.caller,
        wanted,
        limit=limit,
        offset=offset,
        cursor=read_cursor(request, "jobs"),
    )
    return answer(
        request,
        presenter.job_list(page, limit, offset),
        headers=next_link(request, give_cursor("jobs", page.next_cursor)),
    )


@get("/v1/jobs/{job_id:str}", opt=declared(GET))
async def get_job(request: HttpRequest, context: Given, job_id: FromPath[str]) -> Response[bytes]:
    """Return a job."""
    exchange = exchange_of(request)
    wait_s = wait_parameter(request)
    jobs = context.services.jobs
    if wait_s:
        job = await jobs.wait(exchange.caller, parse_job_id(job_id), wait_s)
    else:
        job = await jobs.get(exchange.caller, parse_job_id(job_id))
    presenter = presenter_of(exchange.by_object(job.spec.api_version))
    return answer(request, presenter.job(job), as_of_height=job.as_of_height)


@post("/v1/jobs/{job_id:str}/cancel", status_code=200, opt=declared(CANCEL))
async def cancel_job(
    request: HttpRequest, context: Given, job_id: FromPath[str]
) -> Response[bytes]:
    """Cancel a job."""
    return await _cancel(request, context, job_id)


@delete("/v1/jobs/{job_id:str}", status_code=200, opt=declared(DELETE))
async def delete_job(
    request: HttpRequest, context: Given, job_id: FromPath[str]
) -> Response[bytes]:
    """Cancel a job, as the oldest document spells it; the job stays readable."""
    return await _cancel(request, context, job_id)


async def _cancel(request: HttpRequest, context: Given, job_id: str) -> Response[bytes]:
    exchange = exchange_of(request)
    job = await context.services.jobs.cancel(exchange.caller, parse_job_id(job_id))
    presenter = presenter_of(exchange.by_object(job.spec.api_version))
    return answer(request, presenter.cancelled(job), as_of_height=job.as_of_height)


def _status_parameter(request: HttpRequest) -> tuple[str | None, str]:
    status, state = text_parameter(request, "status"), text_parameter(request, "state")
    if status is not None and state is not None:
        raise FieldInvalid("state", "is the same as status; give one of them")
    return (status, "status") if state is None else (state, "state")


def _limit(request: HttpRequest, size: PageSize) -> int:
    most = None if size.is_clamped else size.maximum
    limit = number_parameter(request, "limit", default=size.default, least=1, most=most)
    return min(limit, size.maximum)


HANDLERS: Final = (create_job, list_jobs, get_job, cancel_job, delete_job)
"""The routes of this module."""

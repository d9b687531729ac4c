"""Submitting a job over HTTP, whatever body it came from: preferences, and the answer."""

from typing import Final

from litestar import Response

from coordinator.errors import (
    InsufficientBalance,
    InvalidJobType,
    JobNotForMiner,
    JobNotPossible,
    TooLarge,
    Unavailable,
)
from coordinator.http import HttpRequest, answer, exchange_of, location
from coordinator.http.context import Given
from coordinator.http.negotiation import WAIT_S_MAX, preferred_wait_s, prefers_strict
from coordinator.http.operation import Parameter
from coordinator.jobs.model import JobSpec
from coordinator.marketplace import (
    OfferForOtherJobs,
    OfferNotAvailable,
    OfferNotFound,
    PriceAboveMaximum,
)
from coordinator.presenters import Presenter
from coordinator.wire import job_text

PREFER: Final = Parameter(
    "Prefer",
    f"`wait=N`: answer when the job ended, or after N seconds, at most {WAIT_S_MAX}. "
    "`handling=strict`: refuse a job that no registered miner could be given.",
    {"type": "string"},
    place="header",
)

ERRORS: Final = (InvalidJobType, InsufficientBalance, JobNotPossible, TooLarge, Unavailable)
"""What a submission may raise besides the faults of its body."""

OFFER_ERRORS: Final = (
    OfferNotFound,
    OfferNotAvailable,
    OfferForOtherJobs,
    JobNotForMiner,
    PriceAboveMaximum,
)
"""What it may raise besides, where its body can name an offer."""


async def submit(
    request: HttpRequest, context: Given, presenter: Presenter, spec: JobSpec
) -> Response[bytes]:
    """Submit a job and answer as the version does, with the preferences that were honoured."""
    exchange = exchange_of(request)
    prefer = ",".join(request.headers.getall("prefer", []))
    wait_s, is_strict = preferred_wait_s(prefer), prefers_strict(prefer)
    job = await context.services.jobs.create(
        exchange.caller, spec, wait_s=wait_s or 0, once=exchange.claim, is_strict=is_strict
    )
    headers = location(request, f"/v1/jobs/{job_text(job.job_id)}")
    applied = [] if wait_s is None else [f"wait={wait_s}"]
    applied += ["handling=strict"] if is_strict else []
    if applied:
        headers["preference-applied"] = ", ".join(applied)
    return answer(
        request,
        presenter.created(job),
        status=201,
        as_of_height=job.as_of_height,
        headers=headers,
    )

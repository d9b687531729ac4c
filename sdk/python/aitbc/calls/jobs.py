"""Jobs, version 2026-05-11."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, TypeAlias

from aitbc.answers import (
    CancelledJob,
    DeletedData,
    Job,
    JobPage,
    JobReceipt,
    JobResult,
    Payment,
    Quote,
)
from aitbc.calls.ordering import ordering
from aitbc.calls.paging import PAGE_MAX, iterate_jobs_of
from aitbc.calls.waiting import WAIT_S_DEFAULT, wait_until_ended, watch
from aitbc.errors import InvalidValue, JobFailed
from aitbc.exchange import (
    Flow,
    Request,
    Session,
    Stream,
    ask,
    ask_list,
    segment,
)
from aitbc.json_values import JsonValue, typed_list

API_VERSION: Final = "2026-05-11"

ENDED_STATES: Final = frozenset({"COMPLETED", "FAILED", "CANCELLED", "EXPIRED"})
"""States that a job does not leave."""

Money: TypeAlias = str | int | float | Decimal
"""An amount of AITBC. A text or a Decimal says exactly what is meant."""


def amount(value: Money) -> str | int | float:
    """Return an amount as it is sent."""
    if isinstance(value, bool):
        raise InvalidValue("amount", "must be an amount")
    return f"{value:f}" if isinstance(value, Decimal) else value


def submit_job(
    session: Session,
    payload: Mapping[str, JsonValue],
    *,
    ttl_seconds: int = 900,
    payment_amount: Money | None = None,
    payment_currency: str = "AITBC",
    constraints: Mapping[str, JsonValue] | None = None,
    hold: bool = False,
    offer_id: str | None = None,
    dispute_window_seconds: int = 0,
    strict: bool = False,
    wait_s: int = 0,
    idempotency_key: str | None = None,
) -> Flow[Job]:
    """Submit a job and return its first state, or with `wait_s` its last one.

    Args:
        session: the client's.
        payload: what to run: ``prompt`` and ``model``, or ``service`` and its input.
        ttl_seconds: seconds after which an unfinished job expires and is refunded.
        payment_amount: most to pay, in AITBC; the service's default when None.
        payment_currency: AITBC.
        constraints: requirements on the miner: ``min_gpu_memory``, ``gpu_type``.
        hold: keep it out of the queue until an offer is accepted for it.
        offer_id: accept this offer with the submission, at its price.
        dispute_window_seconds: how long the receipt waits for `dispute_receipt` or
            `accept_receipt`; at 0 it settles when the result is delivered.
        strict: refuse a job that no registered miner could be given; else it waits for one.
        wait_s: seconds, at most 30, for which the node holds the answer back until the job ended.
        idempotency_key: name of this submission; made here when None. The same name with the same
            job again gives the same job, also from another process.

    Raises:
        InsufficientBalance: the balance does not cover price and fee; nothing was kept.
        OfferNotAvailable: others took the offer's last slot, or it is over.
        Conflict: the offer is for other jobs; or `strict`, and nobody could do this one.
    """
    body = _submission(payload, ttl_seconds, payment_amount, payment_currency, constraints)
    if hold:
        body["hold"] = True
    if offer_id is not None:
        body["offer_id"] = offer_id
    if dispute_window_seconds:
        body["dispute_window_seconds"] = dispute_window_seconds
    request = ordering(
        session, "/v1/jobs", body, idempotency_key=idempotency_key, strict=strict, wait_s=wait_s
    )
    return (yield from ask(session, request, Job))


def quote_job(
    session: Session,
    payload: Mapping[str, JsonValue],
    *,
    ttl_seconds: int = 900,
    payment_amount: Money | None = None,
    payment_currency: str = "AITBC",
    constraints: Mapping[str, JsonValue] | None = None,
    offer_id: str | None = None,
) -> Flow[Quote]:
    """Return what a submission with the same arguments would come to now; locks nothing."""
    body = _submission(payload, ttl_seconds, payment_amount, payment_currency, constraints)
    if offer_id is not None:
        body["offer_id"] = offer_id
    return (yield from ask(session, quoting(body), Quote))


def quoting(body: Mapping[str, JsonValue]) -> Request:
    """Return the request for a quote of a submission's body."""
    return Request("POST", "/v1/jobs/quote", json=body, repeatable=True)


def _submission(
    payload: Mapping[str, JsonValue],
    ttl_seconds: int,
    payment_amount: Money | None,
    payment_currency: str,
    constraints: Mapping[str, JsonValue] | None,
) -> dict[str, JsonValue]:
    body: dict[str, JsonValue] = {"payload": payload, "ttl_seconds": ttl_seconds}
    if constraints:
        body["constraints"] = constraints
    if payment_amount is not None:
        body |= {"payment_amount": amount(payment_amount), "payment_currency": payment_currency}
    return body


def get_job(session: Session, job_id: str, *, wait_s: int = 0) -> Flow[Job]:
    """Return a job's state.

    Args:
        session: the client's.
        job_id: the job.
        wait_s: seconds, at most 30, for which the node holds the answer back until the job ended.
    """
    return (yield from ask(session, reading_job(session, job_id, wait_s), Job))


def reading_job(session: Session, job_id: str, wait_s: int) -> Request:
    """Return the request that reads a job and waits for its end at most `wait_s`."""
    return Request(
        "GET",
        f"/v1/jobs/{segment(job_id)}",
        params={"wait": wait_s} if wait_s else None,
        timeout_s=session.timeout_s + wait_s if wait_s else None,
    )


def list_jobs(
    session: Session,
    *,
    state: str | None = None,
    type: str | None = None,  # noqa: A002 - the wire's name
    limit: int = 50,
    offset: int = 0,
) -> Flow[JobPage]:
    """Return a page of the caller's jobs, newest first.

    Args:
        session: the client's.
        state: only jobs in this state, in the spelling of any version.
        type: only jobs of this type or service.
        limit: most on the page, at most 100.
        offset: how many to skip.
    """
    params: dict[str, str | int] = {"limit": limit, "offset": offset}
    params |= {name: value for name, value in (("state", state), ("type", type)) if value}
    page = yield from ask(session, Request("GET", "/v1/jobs", params=params), JobPage)
    page["jobs"] = typed_list(page["jobs"], Job)
    return page


def iterate_jobs(session: Session, *, state: str | None = None) -> Stream[Job]:
    """Iterate over all of the caller's jobs, newest first, page by page."""
    yield from iterate_jobs_of(
        lambda offset: list_jobs(session, state=state, limit=PAGE_MAX, offset=offset), Job
    )


def wait_for_job(session: Session, job_id: str, timeout_s: float = WAIT_S_DEFAULT) -> Flow[Job]:
    """Wait until a job has ended, whatever its end, and return it.

    Raises:
        JobTimeout: it has not ended after `timeout_s`.
    """
    return (
        yield from wait_until_ended(
            session,
            job_id,
            timeout_s,
            lambda bounded, wait_s: get_job(bounded, job_id, wait_s=wait_s),
            lambda job: job["state"] in ENDED_STATES,
        )
    )


def watch_job(session: Session, job_id: str, timeout_s: float = WAIT_S_DEFAULT) -> Stream[Job]:
    """Iterate over a job: at first and whenever it was read again, up to its end.

    It ends without the job's end when `timeout_s` is over.
    """
    yield from watch(
        session,
        timeout_s,
        lambda: get_job(session, job_id),
        lambda job: job["state"] in ENDED_STATES,
    )


def get_job_result(
    session: Session, job_id: str, timeout_s: float = WAIT_S_DEFAULT
) -> Flow[JobResult]:
    """Wait for a job and return its ``result`` and ``receipt``.

    Args:
        session: the client's.
        job_id: the job.
        timeout_s: how long to wait for the job's end; 0 asks once.

    Raises:
        JobFailed: it ended without a result.
        JobTimeout: it has not ended after `timeout_s`.
    """
    job = yield from wait_for_job(session, job_id, timeout_s)
    if job["state"] != "COMPLETED":
        raise JobFailed(job_id, job["state"], job.get("error") or "no reason given")
    return (
        yield from ask(session, Request("GET", f"/v1/jobs/{segment(job_id)}/result"), JobResult)
    )


def cancel_job(session: Session, job_id: str) -> Flow[CancelledJob]:
    """Cancel a job; answers when the cancellation is final."""
    # A job that is cancelled already gets the same answer (E3).
    request = Request("POST", f"/v1/jobs/{segment(job_id)}/cancel", repeatable=True)
    return (yield from ask(session, request, CancelledJob))


def delete_job_data(session: Session, job_id: str) -> Flow[DeletedData]:
    """Delete a finished job's prompt and result from the node."""
    request = Request("DELETE", f"/v1/jobs/{segment(job_id)}/data")
    return (yield from ask(session, request, DeletedData))


def get_payment(session: Session, job_id: str) -> Flow[Payment]:
    """Return a job's payment."""
    return (yield from ask(session, Request("GET", f"/v1/jobs/{segment(job_id)}/payment"), Payment))


def list_receipts_of_job(session: Session, job_id: str) -> Flow[list[JobReceipt]]:
    """Return a job's receipts."""
    request = Request("GET", f"/v1/jobs/{segment(job_id)}/receipts")
    return (yield from ask_list(session, request, JobReceipt))

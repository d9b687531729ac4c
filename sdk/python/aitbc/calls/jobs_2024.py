"""Jobs, version 2024-01-01: the part ``client.jobs`` of `AITBCClient`."""

from collections.abc import Mapping
from typing import Final

from aitbc.answers import (
    JobCancellation,
    JobResults,
    JobStatus,
    JobStatusPage,
    NewJob,
    Quote,
)
from aitbc.calls.jobs import quoting, reading_job
from aitbc.calls.ordering import ordering
from aitbc.calls.paging import PAGE_MAX, iterate_jobs_of
from aitbc.calls.waiting import WAIT_S_DEFAULT, wait_until_ended, watch
from aitbc.errors import JobFailed
from aitbc.exchange import (
    Flow,
    Request,
    Session,
    Stream,
    ask,
    segment,
)
from aitbc.json_values import JsonValue, typed_list

API_VERSION: Final = "2024-01-01"

ENDED_STATUSES: Final = frozenset({"completed", "failed", "cancelled"})
"""Statuses that a job does not leave."""


def create(
    session: Session,
    job: Mapping[str, JsonValue],
    *,
    strict: bool = False,
    wait_s: int = 0,
    idempotency_key: str | None = None,
) -> Flow[NewJob]:
    """Create a job and return its id and first status, or with `wait_s` its last one.

    Args:
        session: the client's.
        job: its description: ``name``, ``type``, ``model``, ``input``, ``output``, ``resources``,
            ``pricing``.
        strict: refuse a job that no registered miner could be given; else it waits for one.
        wait_s: seconds, at most 30, for which the node holds the answer back until the job ended.
        idempotency_key: name of this creation; made here when None. The same name with the same
            job again gives the same job, also from another process.

    Raises:
        InvalidJobType: no service is of this type.
        InsufficientBalance: the balance does not cover price and fee; nothing was kept.
        Conflict: `strict`, and nobody could do it.
    """
    request = ordering(
        session, "/v1/jobs", job, idempotency_key=idempotency_key, strict=strict, wait_s=wait_s
    )
    return (yield from ask(session, request, NewJob))


def quote(session: Session, job: Mapping[str, JsonValue]) -> Flow[Quote]:
    """Return what a creation of the same job would come to now; locks nothing."""
    return (yield from ask(session, quoting(job), Quote))


def get(session: Session, job_id: str, *, wait_s: int = 0) -> Flow[JobStatus]:
    """Return where a job is.

    Args:
        session: the client's.
        job_id: the job.
        wait_s: seconds, at most 30, for which the node holds the answer back until the job ended.
    """
    return (yield from ask(session, reading_job(session, job_id, wait_s), JobStatus))


def list_(
    session: Session,
    *,
    status: str | None = None,
    type: str | None = None,  # noqa: A002 - the wire's name
    limit: int = 50,
    offset: int = 0,
) -> Flow[JobStatusPage]:
    """Return a page of the caller's jobs, newest first.

    Args:
        session: the client's.
        status: only jobs of this status.
        type: only jobs of this type or service.
        limit: most on the page, at most 100.
        offset: how many to skip.
    """
    params: dict[str, str | int] = {"limit": limit, "offset": offset}
    params |= {name: value for name, value in (("status", status), ("type", type)) if value}
    page = yield from ask(session, Request("GET", "/v1/jobs", params=params), JobStatusPage)
    page["jobs"] = typed_list(page["jobs"], JobStatus)
    return page


def iterate(session: Session, *, status: str | None = None) -> Stream[JobStatus]:
    """Iterate over all of the caller's jobs, newest first, page by page."""
    yield from iterate_jobs_of(
        lambda offset: list_(session, status=status, limit=PAGE_MAX, offset=offset), JobStatus
    )


def wait(session: Session, job_id: str, timeout_s: float = WAIT_S_DEFAULT) -> Flow[JobStatus]:
    """Wait until a job has ended, whatever its end, and return it.

    Raises:
        JobTimeout: it has not ended after `timeout_s`.
    """
    return (
        yield from wait_until_ended(
            session,
            job_id,
            timeout_s,
            lambda bounded, wait_s: get(bounded, job_id, wait_s=wait_s),
            lambda job: job["status"] in ENDED_STATUSES,
        )
    )


def watch_(session: Session, job_id: str, timeout_s: float = WAIT_S_DEFAULT) -> Stream[JobStatus]:
    """Iterate over a job: at first and whenever it was read again, up to its end.

    It ends without the job's end when `timeout_s` is over.
    """
    yield from watch(
        session,
        timeout_s,
        lambda: get(session, job_id),
        lambda job: job["status"] in ENDED_STATUSES,
    )


def get_results(
    session: Session, job_id: str, timeout_s: float = WAIT_S_DEFAULT
) -> Flow[JobResults]:
    """Wait for a job and return its results.

    Args:
        session: the client's.
        job_id: the job.
        timeout_s: how long to wait for the job's end; 0 asks once.

    Raises:
        JobFailed: it ended without a result.
        JobTimeout: it has not ended after `timeout_s`.
    """
    job = yield from wait(session, job_id, timeout_s)
    if job["status"] != "completed":
        raise JobFailed(job_id, job["status"], job.get("error") or "no reason given")
    request = Request("GET", f"/v1/jobs/{segment(job_id)}/results")
    return (yield from ask(session, request, JobResults))


def cancel(session: Session, job_id: str) -> Flow[JobCancellation]:
    """Cancel a job; answers when the cancellation is final."""
    request = Request("DELETE", f"/v1/jobs/{segment(job_id)}")
    return (yield from ask(session, request, JobCancellation))

"""What happens, as it happens: a job's states, a language model's text, all that concerns a key."""

from typing import Final

from aitbc.answers import JobChange, JobEvent, Message
from aitbc.calls.jobs import ENDED_STATES
from aitbc.calls.jobs_2024 import ENDED_STATUSES
from aitbc.calls.waiting import WAIT_S_DEFAULT
from aitbc.errors import JobTimeout
from aitbc.exchange import Request, Session, Stream, segment
from aitbc.exchange.event_stream import ServerEvent, follow
from aitbc.exchange.socket_stream import hear_all

LISTEN_S_DEFAULT: Final = 86_400.0
"""How long `listen` goes on that is told nothing else: a day."""

_ENDED = ENDED_STATES | ENDED_STATUSES


def stream_job(
    session: Session, job_id: str, timeout_s: float = WAIT_S_DEFAULT, *, since: str | None = None
) -> Stream[JobEvent]:
    """Iterate over a job's events until it ends: first its state, then what happens.

    Events named ``state`` have ``state`` (2024-01-01: ``status``), those named ``text`` have
    ``text``, ``attempt`` and ``offset``: what the miner says while it works. A new attempt begins
    its text anew. The text is for those who watch; the result is what the receipt commits to.

    A lost connection is taken up again after the last event.

    Args:
        session: the client's.
        job_id: the job.
        timeout_s: how long to follow it in all.
        since: ``event_id`` of the last event that is known already.

    Raises:
        JobTimeout: it has not ended after `timeout_s`.
    """
    request = Request("GET", f"/v1/jobs/{segment(job_id)}/events")
    yield from follow(
        session,
        request,
        timeout_s=timeout_s,
        since=since,
        item_of=_job_event,
        is_last=_is_last,
        late=JobTimeout(f"job {job_id} has not ended after {timeout_s:g} s"),
    )


def listen_to_job(
    session: Session,
    job_id: str,
    timeout_s: float = WAIT_S_DEFAULT,
    *,
    since: int | None = None,
) -> Stream[JobChange]:
    """Iterate over a job's states until its last one, over a WebSocket: first the current one.

    A lost connection is opened again, after the last state that came. A number that came
    does not come again. It needs the package `websockets`: ``pip install 'websockets>=15.0'``.

    Args:
        session: the client's.
        job_id: the job.
        timeout_s: how long to listen in all.
        since: ``seq`` of the last state that is known already; what followed it comes first.

    Raises:
        JobTimeout: it has not ended after `timeout_s`.
        InvalidValue: the package is not installed.
    """
    request = Request("GET", f"/v1/jobs/{segment(job_id)}/ws")
    late = JobTimeout(f"job {job_id} has not ended after {timeout_s:g} s")
    yield from hear_all(
        session, request, JobChange, timeout_s=timeout_s, since=since, late=late, only_new=True
    )


def listen(
    session: Session, timeout_s: float = LISTEN_S_DEFAULT, *, since: int | None = None
) -> Stream[Message]:
    """Iterate over what concerns the caller's key, over a WebSocket, until `timeout_s` is over.

    Messages are ``connected`` and ``resync`` (where things are), ``job_update`` (an own job),
    ``receipt_created``, ``marketplace_update`` and ``heartbeat``; ``docs/events.md`` has their
    ``data``. A lost connection is opened again after the last message that came, and says
    ``connected`` again, or ``resync`` where the node no longer knows what was missed. It needs the
    package `websockets`: ``pip install 'websockets>=15.0'``.

    Args:
        session: the client's.
        timeout_s: how long to listen in all; a day when left out.
        since: ``seq`` of the last message that is known already; what followed it comes first.

    Raises:
        InvalidValue: the package is not installed.
    """
    request = Request("GET", "/ws")
    yield from hear_all(session, request, Message, timeout_s=timeout_s, since=since)


def _job_event(event: ServerEvent) -> JobEvent:
    return JobEvent({"event": event.kind, "event_id": event.event_id, **event.data})


def _is_last(event: JobEvent) -> bool:
    return event["event"] == "state" and (event.get("state") or event.get("status")) in _ENDED

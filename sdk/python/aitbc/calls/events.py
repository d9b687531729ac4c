"""What happens to a job, as it happens: its states, and a language model's text as it comes."""

from aitbc.answers import JobEvent
from aitbc.calls.jobs import ENDED_STATES
from aitbc.calls.jobs_2024 import ENDED_STATUSES
from aitbc.calls.waiting import WAIT_S_DEFAULT
from aitbc.exchange import Request, Session, Stream, segment
from aitbc.exchange.event_stream import ServerEvent, follow

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
        session, request, timeout_s=timeout_s, since=since, item_of=_job_event, is_last=_is_last
    )


def _job_event(event: ServerEvent) -> JobEvent:
    return JobEvent({"event": event.kind, "event_id": event.event_id, **event.data})


def _is_last(event: JobEvent) -> bool:
    return event["event"] == "state" and (event.get("state") or event.get("status")) in _ENDED

"""Waiting for the end of a job, whatever its version's words are."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeVar

from aitbc.errors import ApiError, ConnectionFailed, JobTimeout
from aitbc.exchange import Emit, Flow, Outage, Pause, Session, Stream, may_pass
from aitbc.json_values import Answer

WAIT_S_DEFAULT: Final = 300.0
"""How long calls wait for a job that are told nothing else."""

POLL_S_MAX: Final = 20
"""Longest that one request waits at the node."""

_LAST_ANSWER_S: Final = 5.0
"""How long the last answer may take when time is over."""

_PAUSE_FIRST_S: Final = 0.05
_PAUSE_MAX_S: Final = 1.0
_PAUSE_GROWTH: Final = 1.3

_Job = TypeVar("_Job", bound=Answer)


def wait_until_ended(
    session: Session,
    job_id: str,
    timeout_s: float,
    get: Callable[[Session, int], Flow[_Job]],
    is_ended: Callable[[_Job], bool],
) -> Flow[_Job]:
    """Return a job once it has ended.

    Args:
        session: whose clock counts.
        job_id: the job, for the error.
        timeout_s: how long to wait.
        get: reads the job within a session; the node holds its answer back for so many seconds
            until the end.
        is_ended: whether the job has ended.

    Raises:
        JobTimeout: it has not ended after `timeout_s`.
        ConnectionFailed: the node does not answer for `reconnect_s` of the retry policy, or when
            the time is over: whether the job has ended is not known then.
    """
    deadline = session.clock() + timeout_s
    # The job's id came from a node.
    outage = Outage(session, has_answered=True)
    # A node that held its answer back until the last moment still has to be heard.
    bounded = replace(session, deadline=deadline + min(_LAST_ANSWER_S, session.timeout_s))
    pause_s = _PAUSE_FIRST_S
    while True:
        asked_at = session.clock()
        wait_s = int(max(0.0, min(POLL_S_MAX, deadline - asked_at)))
        last_ask = deadline - pause_s
        job = yield from _outlasting(bounded, outage, get(bounded, wait_s), last_ask)
        if job is not None and is_ended(job):
            return job
        now = session.clock()
        if now + pause_s > deadline:
            raise JobTimeout(f"job {job_id} has not ended after {timeout_s:g} s")
        # A node that does not hold its answer back is not asked without a pause.
        if job is None or now - asked_at < wait_s / 2 or wait_s == 0:
            yield Pause(pause_s)
            pause_s = min(_PAUSE_MAX_S, pause_s * _PAUSE_GROWTH)


def watch(
    session: Session,
    timeout_s: float,
    get: Callable[[], Flow[_Job]],
    is_ended: Callable[[_Job], bool],
) -> Stream[_Job]:
    """Emit a job at first and whenever it was read again, up to its end or until time is over."""
    deadline = session.clock() + timeout_s
    outage = Outage(session, has_answered=True)
    pause_s = _PAUSE_FIRST_S
    while True:
        job = yield from _outlasting(session, outage, get(), deadline - pause_s)
        if job is not None:
            yield Emit(job)
            if is_ended(job):
                return
        if session.clock() + pause_s > deadline:
            return
        yield Pause(pause_s)
        pause_s = min(_PAUSE_MAX_S, pause_s * _PAUSE_GROWTH)


def _outlasting(
    session: Session, outage: Outage, reading: Flow[_Job], last_ask: float
) -> Flow[_Job | None]:
    """Return what was read, None if the node does not answer and that is to be outlasted.

    Args:
        session: whose policy and clock apply.
        outage: of the node.
        reading: asks the node.
        last_ask: when asking ends; from then on an error is what came of the wait.
    """
    try:
        job = yield from reading
    except (ConnectionFailed, ApiError) as error:
        wait_s = 0.0
        if isinstance(error, ApiError):
            if not may_pass(session, error):
                raise
            wait_s = error.retry_after_s or 0.0
        if not outage.is_outlasted() or session.clock() > last_ask:
            raise
        yield Pause(max(0.0, min(wait_s, session.left_s())))
        return None
    outage.is_over()
    return job

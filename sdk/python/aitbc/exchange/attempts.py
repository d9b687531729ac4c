"""Taking up again what broke: how often in a row, after which pauses, and until when.

A node that never answered is given up after as many attempts as the policy allows. One that had
answered, or gave out the id of a job that is waited for, is most likely starting again, which takes
it seconds: whoever states how long to wait is not failed by that (`RetryPolicy.reconnect_s`).
"""

from typing import Final

from aitbc.errors import ApiError, ConnectionFailed
from aitbc.exchange.effects import Broken, Flow, Pause
from aitbc.exchange.session import Session

_REPEATED: Final = frozenset({429, 502, 503, 504})
"""Statuses after which the same request may succeed."""


_DOUBLINGS_MAX: Final = 16
"""Where a pause stops growing; the policy's longest is reached before that."""


class Outage:
    """How long a node that had answered has not."""

    def __init__(self, session: Session, *, has_answered: bool = False) -> None:
        """Begin with a node that answers, as far as is known.

        Args:
            session: whose policy and clock apply.
            has_answered: whether it is known that there is one.
        """
        self._session = session
        self._has_answered = has_answered
        self._since: float | None = None

    def is_over(self) -> None:
        """Note that the node answered."""
        self._has_answered = True
        self._since = None

    def is_outlasted(self) -> bool:
        """Note that it did not; return whether it is worth to go on, beyond the attempts."""
        now, retry = self._session.clock(), self._session.retry
        if self._since is None:
            self._since = now
        is_patient = self._has_answered and retry.attempts > 1
        return is_patient and now - self._since < retry.reconnect_s


def may_pass(session: Session, error: ApiError) -> bool:
    """Return whether the same request may succeed later, after a pause that is not too long."""
    is_near = (error.retry_after_s or 0.0) <= session.retry.pause_max_s
    return error.status in _REPEATED and is_near


class Attempts:
    """The connections of one stream. What arrives makes all of them good again."""

    def __init__(self, session: Session, path: str, timeout_s: float) -> None:
        """Begin to count.

        Args:
            session: whose policy and clock apply.
            path: what is asked for, for the error.
            timeout_s: how long to go on in all.
        """
        self._session = session
        self._path = path
        self._deadline = session.clock() + timeout_s
        self._failures = 0
        self._outage = Outage(session)

    @property
    def left_s(self) -> float:
        """Seconds until time is over, 0 or less when it is."""
        return self._deadline - self._session.clock()

    @property
    def is_over(self) -> bool:
        """Whether time is over."""
        return self.left_s <= 0

    def got_on(self) -> None:
        """Note that something arrived."""
        self._failures = 0
        self._outage.is_over()

    def pause_after(self, error: Broken | ApiError) -> Flow[None]:
        """Wait as long as the next connection shall; not at all when time is over.

        Raises:
            ApiError: `error`, which no repetition mends, or only one that is too far.
            ConnectionFailed: there were as many in a row as the policy allows, for longer than it
                outlasts if something had arrived.
        """
        retry, least_s = self._session.retry, 0.0
        if isinstance(error, ApiError):
            least_s = error.retry_after_s or 0.0
            if not may_pass(self._session, error):
                raise error
        if self.is_over:
            return
        self._failures += 1
        is_outlasted = self._outage.is_outlasted()
        if self._failures >= retry.attempts and not is_outlasted:
            raise ConnectionFailed(f"{self._session.base_url}{self._path}: {error}") from None
        doublings = min(_DOUBLINGS_MAX, self._failures - 1)
        jitter_s = retry.base_s * 2**doublings * self._session.chance()
        yield Pause(least_s + min(retry.pause_max_s, jitter_s))

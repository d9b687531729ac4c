"""Taking up again what broke: how often in a row, after which pauses, and until when."""

from typing import Final

from aitbc.errors import ApiError, ConnectionFailed
from aitbc.exchange.effects import Broken, Flow, Pause
from aitbc.exchange.session import Session

_REPEATED: Final = frozenset({429, 502, 503, 504})
"""Statuses after which the same request may succeed."""


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

    def pause_after(self, error: Broken | ApiError) -> Flow[None]:
        """Wait as long as the next connection shall; not at all when time is over.

        Raises:
            ApiError: `error`, which no repetition mends, or only one that is too far.
            ConnectionFailed: there were as many in a row as the policy allows.
        """
        retry, least_s = self._session.retry, 0.0
        if isinstance(error, ApiError):
            least_s = error.retry_after_s or 0.0
            if error.status not in _REPEATED or least_s > retry.pause_max_s:
                raise error
        if self.is_over:
            return
        self._failures += 1
        if self._failures >= retry.attempts:
            raise ConnectionFailed(f"{self._session.base_url}{self._path}: {error}") from None
        jitter_s = retry.base_s * 2 ** (self._failures - 1) * self._session.chance()
        yield Pause(least_s + min(retry.pause_max_s, jitter_s))

"""Keys that nobody has: each costs a read of the database, so each address has so many a minute.

They are counted before the read, and by this process alone: it is this process's database that is
spared. Keys that were read before need none, and go on.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from coordinator.http.faults import RateLimitExceeded
from coordinator.http.limits import WINDOW_S, Windows
from coordinator.http.operation import Policy

_GUESSES: Final = "guesses"


class Guesses:
    """Counts keys that turned out to be none, by address. To be used from one event loop."""

    def __init__(self, quota: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Allow an address so many in a minute, by a clock of seconds."""
        self._quota = quota
        self._windows = Windows(clock)

    @contextmanager
    def one_of(self, address: str) -> Iterator[None]:
        """Count a key unless looking it up, in this context, ends well.

        Raises:
            RateLimitExceeded: the address has guessed so often that it is not looked up.
        """
        is_counted, _, leaves_s = self._windows.hit(_GUESSES, address, self._quota)
        if not is_counted:
            reset_s = max(1, math.ceil(leaves_s))
            raise RateLimitExceeded(Policy.OTHER, self._quota, WINDOW_S, reset_s)
        yield
        self._windows.take_back(_GUESSES, address)

"""Simulated time: what happens next, and nothing that the seed does not decide."""

import heapq
from collections.abc import Callable

MS = 1_000
"""Microseconds in a millisecond; the schedule counts microseconds."""

Action = Callable[..., object]
Stop = Callable[[], bool]


class Schedule:
    """Actions by time; those of one time happen in the order in which they were planned."""

    __slots__ = ("_count", "_queue", "now_us")

    def __init__(self) -> None:
        """Start at time 0 with nothing planned."""
        self.now_us = 0
        self._queue: list[tuple[int, int, Action, tuple[object, ...]]] = []
        self._count = 0

    @property
    def now_ms(self) -> int:
        """Simulated milliseconds since the start."""
        return self.now_us // MS

    def at(self, time_us: int, action: Action, *arguments: object) -> None:
        """Plan an action; a time that is past means now."""
        self._count += 1
        heapq.heappush(self._queue, (max(time_us, self.now_us), self._count, action, arguments))

    def after(self, delay_us: int, action: Action, *arguments: object) -> None:
        """Plan an action after a delay."""
        self.at(self.now_us + delay_us, action, *arguments)

    def run_until(self, time_us: int, stop: Stop | None = None) -> bool:
        """Let everything happen up to a time.

        Args:
            time_us: where to stop at the latest.
            stop: asked after each action; True stops there.

        Returns:
            Whether `stop` said so.
        """
        queue, pop = self._queue, heapq.heappop
        while queue and queue[0][0] <= time_us:
            self.now_us, _, action, arguments = pop(queue)
            action(*arguments)
            if stop is not None and stop():
                return True
        self.now_us = max(self.now_us, time_us)
        return False

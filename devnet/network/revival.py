"""When a node that ended is started again, and when it is given up."""

import signal
from dataclasses import dataclass, field

RESTART_AFTER_S = 5.0
"""Pause before a start, so that whoever killed a node sees the others go on without it."""

STEADY_AFTER_S = 30.0
"""A node that ran for so long had no part in how it ended before."""

FAILURES_MAX = 3
"""Failures in a row after which a node stays down."""

WANTED_ENDS = (0, -signal.SIGTERM, -signal.SIGKILL)
"""Exit codes of a node that somebody stopped or killed."""


@dataclass
class Revival:
    """What is known about the ends of one node. Times are of a clock that never goes back."""

    failures: int = 0
    """Failures in a row."""
    noticed_at_s: float | None = None
    """When the newest end was noticed; None while the node is thought to run."""
    is_expected: bool = field(default=False)
    """Whether it was started again and has not answered yet."""
    _back_at_s: float = field(default=float("-inf"))

    @property
    def is_given_up(self) -> bool:
        """Whether it stays down."""
        return self.failures >= FAILURES_MAX

    def ended(self, now_s: float, exit_code: int) -> bool:
        """Take note of an end; one that somebody wanted is no failure.

        Returns:
            Whether the node stays down.
        """
        was_steady = not self.is_expected and now_s - self._back_at_s >= STEADY_AFTER_S
        if was_steady:
            self.failures = 0
        if exit_code not in WANTED_ENDS:
            self.failures += 1
        self.noticed_at_s = now_s
        self.is_expected = False
        return self.is_given_up

    def is_due(self, now_s: float) -> bool:
        """Return whether it is time to start the node."""
        return self.noticed_at_s is not None and now_s - self.noticed_at_s >= RESTART_AFTER_S

    def restarted(self) -> None:
        """Take note of a start."""
        self.noticed_at_s = None
        self.is_expected = True

    def back(self, now_s: float) -> None:
        """Take note that the node answers again."""
        self.is_expected = False
        self._back_at_s = now_s

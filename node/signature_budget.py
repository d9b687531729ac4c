"""How many wrong signatures one source may cost us (T7).

Everybody can name a rich sender and sign with nothing; finding that out costs 50 µs each time.
Counts are per window of time, so a source that stops is welcome again.
"""

from collections import OrderedDict
from typing import Final

FAILURES_MAX: Final = 1_000
"""Wrong signatures of one source in a window: a twentieth of a second of work."""

WINDOW_MS: Final = 60_000
"""Length of a window in milliseconds."""

SOURCES_MAX: Final = 10_000
"""Sources that are counted; the one that failed longest ago is forgotten first."""


class SignatureBudget:
    """Counts wrong signatures by source. The empty source is this node itself, and has no limit."""

    window_s: Final = WINDOW_MS // 1_000
    """Length of a window in seconds."""

    def __init__(self) -> None:
        self._windows: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def count(self, source: str, now_ms: int) -> None:
        """Count one wrong signature at a monotonic time."""
        if source:
            start_ms, failures = self._window(source, now_ms)
            self._windows[source] = (start_ms, failures + 1)
            self._windows.move_to_end(source)
            if len(self._windows) > SOURCES_MAX:
                self._windows.popitem(last=False)

    def knows(self, source: str) -> bool:
        """Return whether a source failed lately: of one that did not, nothing is spent."""
        return source in self._windows

    def spent_by(self, source: str, now_ms: int) -> int:
        """Return how often a source failed in this window if that is too often, else 0."""
        failures = self._window(source, now_ms)[1]
        return failures if failures >= FAILURES_MAX else 0

    def _window(self, source: str, now_ms: int) -> tuple[int, int]:
        start_ms, failures = self._windows.get(source, (now_ms, 0))
        return (start_ms, failures) if now_ms - start_ms < WINDOW_MS else (now_ms, 0)

"""How the node's coordinator does, as the node tells it: its tables follow the chain, or do not."""

from collections import deque
from collections.abc import Callable
from typing import Final

from coordinator.workers import Condition, FailingWorker
from ledger.types import Height
from node.http.operations import Health
from node.ports import Clock

LATE_MS: Final = 5_000
"""How long a final block may wait until the coordinator's tables hold it, before health says so."""

TIMES_MAX: Final = 4_096
"""Final blocks that are not followed and whose arrival is remembered, to say how long they wait."""


class CoordinatorWatch:
    """Compares what the coordinator has followed with what is final; used on the event loop."""

    def __init__(
        self, condition: Callable[[], Condition], final_height: Callable[[], Height], clock: Clock
    ) -> None:
        """Watch a coordinator.

        Args:
            condition: how its background work goes.
            final_height: height of the newest final block.
            clock: its monotonic clock says how long blocks wait.
        """
        self._condition = condition
        self._final_height = final_height
        self._clock = clock
        self._arrivals: deque[tuple[Height, int]] = deque()
        self._since_ms = clock.monotonic_ms()

    def on_final(self, height: Height) -> None:
        """Note that there is a new final block."""
        self._forget()
        if len(self._arrivals) < TIMES_MAX:
            self._arrivals.append((height, self._clock.monotonic_ms()))

    @property
    def followed_height(self) -> Height:
        """Height whose effects the coordinator's tables hold; 0 before it has looked."""
        return self._condition().followed_height or 0

    @property
    def lag_blocks(self) -> int:
        """Final blocks whose effects the tables lack."""
        return max(0, self._final_height() - self.followed_height)

    @property
    def lag_ms(self) -> int:
        """How long the oldest of them has waited; since this node's start if it is from before."""
        self._forget()
        if not self.lag_blocks:
            return 0
        since_ms = self._arrivals[0][1] if self._arrivals else self._since_ms
        return self._clock.monotonic_ms() - since_ms

    @property
    def failing(self) -> tuple[FailingWorker, ...]:
        """Background work that failed, and has done nothing since."""
        return self._condition().failing

    @property
    def health(self) -> Health:
        """Degraded while background work fails, or final blocks wait too long."""
        is_well = not self.failing and self.lag_ms <= LATE_MS
        return Health.HEALTHY if is_well else Health.DEGRADED

    def _forget(self) -> None:
        followed = self.followed_height
        while self._arrivals and self._arrivals[0][0] <= followed:
            self._since_ms = self._arrivals.popleft()[1]

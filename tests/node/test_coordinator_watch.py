"""A coordinator that does not follow, or whose work fails, shows in health and status."""

from dataclasses import dataclass, field

import msgspec
import pytest

from coordinator.workers import Condition, FailingWorker
from node.coordinator_watch import LATE_MS, CoordinatorWatch
from node.http.operations import Health, Operations
from node.http.status_views import coordinator_view
from node.metrics import NodeMetrics

FOLLOWER = FailingWorker("follower", 3, 1_770_000_000_000, "SealBroken")


@dataclass
class Setting:
    """What a watch sees, set by the test."""

    final_height: int = 10
    followed: int | None = 10
    failing: tuple[FailingWorker, ...] = ()
    now_ms: int = 1_000
    watch: CoordinatorWatch = field(init=False)

    def __post_init__(self) -> None:
        self.watch = CoordinatorWatch(
            lambda: Condition(self.followed, self.failing), lambda: self.final_height, self
        )

    def wall_ms(self) -> int:
        return 1_770_000_000_000 + self.now_ms

    def monotonic_ms(self) -> int:
        return self.now_ms

    def health(self) -> str:
        return self.watch.health.value

    def grow(self) -> None:
        self.final_height += 1
        self.watch.on_final(self.final_height)


def test_a_coordinator_that_follows_is_healthy_and_one_that_does_not_is_late_after_a_while() -> (
    None
):
    at = Setting()
    at.now_ms += 10 * LATE_MS
    at.grow()
    assert (at.watch.lag_blocks, at.watch.lag_ms, at.watch.health) == (1, 0, Health.HEALTHY)
    at.now_ms += LATE_MS
    at.grow()
    assert at.health() == "healthy"
    at.now_ms += 1
    assert at.watch.lag_ms == LATE_MS + 1
    assert at.health() == "degraded"
    at.followed = 11
    assert (at.watch.lag_blocks, at.watch.lag_ms) == (1, 1)
    assert at.health() == "healthy"
    at.followed = 12
    assert (at.watch.lag_blocks, at.watch.lag_ms) == (0, 0)


def test_blocks_of_before_the_start_wait_since_the_start() -> None:
    at = Setting(followed=None)
    assert at.watch.followed_height == 0
    at.now_ms += LATE_MS + 1
    assert at.watch.lag_blocks == 10
    assert at.health() == "degraded"


def test_work_that_fails_is_named_in_the_status() -> None:
    at = Setting(failing=(FOLLOWER,))
    assert at.health() == "degraded"
    assert msgspec.to_builtins(coordinator_view(at.watch)) == {
        "followed_height": 10,
        "lag_blocks": 0,
        "lag_ms": 0,
        "failing": [
            {
                "name": "follower",
                "failures": 3,
                "since_ms": FOLLOWER.since_ms,
                "error": "SealBroken",
            }
        ],
    }


@pytest.mark.parametrize(
    ("marketplace", "expected"),
    [
        (Health.HEALTHY, "ok"),
        (Health.DEGRADED, "degraded"),
        # There is none on a node without a coordinator, which lacks nothing.
        (Health.UNHEALTHY, "ok"),
    ],
)
def test_a_marketplace_that_does_not_follow_makes_the_node_degraded(
    marketplace: Health, expected: str
) -> None:
    parts = {"database": Health.HEALTHY, "marketplace": marketplace}
    told = Operations("tests", Setting(), lambda: parts, lambda: (10, 10), NodeMetrics()).health()
    assert (told.status, told.services["marketplace"]) == (expected, marketplace.value)

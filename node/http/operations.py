"""Health and metrics: what machines ask a node about itself."""

import importlib.metadata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from litestar import Response, Router, get
from litestar.di import NamedDependency, Provide
from litestar.params import SkipValidation

from coordinator.http import PUBLIC, Answer, HttpRequest, Operation, answer, declared, same
from coordinator.http.times import format_time
from coordinator.values import ApiVersion
from coordinator.wire import TimeText, View
from ledger.types import TimestampMs
from node.metrics import NodeMetrics
from node.ports import Clock

VERSION: Final = importlib.metadata.version("aitbc-node")
"""Version of this program."""

_V1: Final[ApiVersion] = "2024-01-01"
_V2: Final[ApiVersion] = "2026-01-24"


class Health(StrEnum):
    """How a part of the node is."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


class HealthView(View, frozen=True):
    """How the node is: what both reference documents show, and where the chain stands."""

    status: str
    """`ok`, `degraded`, or `unavailable` (answered with 503)."""
    version: str
    """Version of the program."""
    environment: str
    """What the operator calls this installation."""
    timestamp: TimeText
    """The node's clock."""
    services: Mapping[str, str]
    """`healthy`, `degraded` or `unhealthy` for each part."""
    height: int
    """Height of the newest final block."""
    indexed_height: int
    """Height up to which lists and pages are complete."""


@dataclass(frozen=True, slots=True)
class Operations:
    """What these routes ask."""

    environment: str
    """What the operator calls this installation."""
    clock: Clock
    """The node's clock."""
    parts: Callable[[], Mapping[str, Health]]
    """Health of `database`, `blockchain` and `marketplace`."""
    heights: Callable[[], tuple[int, int]]
    """Final and indexed height."""
    metrics: NodeMetrics
    """What was measured."""

    def health(self) -> HealthView:
        """Return how the node is. Without chain or database it can do nothing."""
        parts = self.parts()
        # A node without a coordinator has no marketplace, and lacks nothing.
        vital = {
            health
            for name, health in parts.items()
            if (name, health) != ("marketplace", Health.UNHEALTHY)
        }
        if Health.UNHEALTHY in vital:
            status = "unavailable"
        else:
            status = "ok" if vital == {Health.HEALTHY} else "degraded"
        height, indexed_height = self.heights()
        return HealthView(
            status=status,
            version=VERSION,
            environment=self.environment,
            timestamp=format_time(self.clock.wall_ms()),
            services={name: health.value for name, health in parts.items()},
            height=height,
            indexed_height=indexed_height,
        )


def health_of_chain(
    *, is_running: bool, last_ms: TimestampMs, now_ms: TimestampMs, heartbeat_ms: int
) -> Health:
    """Return how the chain is: final blocks come at least every heartbeat.

    Args:
        is_running: whether consensus runs in this node.
        last_ms: time of the newest final block.
        now_ms: the node's clock.
        heartbeat_ms: longest silence of a healthy chain.
    """
    if not is_running:
        return Health.UNHEALTHY
    return Health.HEALTHY if now_ms - last_ms <= 3 * heartbeat_ms else Health.DEGRADED


Given: TypeAlias = NamedDependency[SkipValidation[Operations]]
"""Type of the parameter `operations` of a handler."""

HEALTH: Final = Operation(
    summary="Health check",
    tag="System",
    access=PUBLIC,
    documents=frozenset({_V1, _V2}),
    answers={200: Answer("Service is healthy", same(HealthView))},
)


@get(["/health", "/v1/health"], opt=declared(HEALTH))
async def health(request: HttpRequest, operations: Given) -> Response[bytes]:
    """Answer with how the node is; 503 only where it can do nothing."""
    view = operations.health()
    status = 503 if view.status == "unavailable" else 200
    return answer(request, view, status=status, as_of_height=view.height)


@get("/metrics")
async def metrics(operations: Given) -> Response[bytes]:
    """Answer with what the node measured, in Prometheus' text format."""
    # As a header: the framework would add a second charset to a media type that is text.
    return Response(
        operations.metrics.text(), headers={"content-type": operations.metrics.content_type}
    )


def operations_handlers(operations: Operations) -> list[Router]:
    """Return health and metrics.

    Args:
        operations: what they ask.
    """
    return [
        Router(
            path="/",
            route_handlers=[health, metrics],
            dependencies={"operations": Provide(lambda: operations, sync_to_thread=False)},
        )
    ]

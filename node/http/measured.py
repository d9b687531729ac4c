"""Counts every request, around the whole application."""

import time

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import Counter, Histogram

from node.metrics import NodeMetrics

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def measured(app: ASGIApp, metrics: NodeMetrics) -> ASGIApp:
    """Return the application with its requests counted and timed.

    Labels are the route's template and known methods, never what a caller sent: a scanner must not
    be able to fill the registry.

    Args:
        app: the application; it puts the template of the route into the scope.
        metrics: where counts go.
    """
    # One that is known costs a fifth of asking for it by its labels.
    counters: dict[tuple[str, str, int], Counter] = {}
    timers: dict[str, Histogram] = {}

    def count(method: str, route: str, status: int, seconds: float) -> None:
        counter = counters.get((method, route, status))
        if counter is None:
            counter = metrics.requests.labels(method, route, str(status))
            counters[method, route, status] = counter
        counter.inc()
        timer = timers.get(route)
        if timer is None:
            timer = timers[route] = metrics.request_seconds.labels(route)
        timer.observe(seconds)

    async def counted(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        asked: str = scope["method"]
        method = asked if asked in _METHODS else "other"
        began = time.monotonic()

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = scope.get("path_template") or "none"
                count(method, route, message["status"], time.monotonic() - began)
            await send(message)

        await app(scope, receive, send_counted)

    return counted

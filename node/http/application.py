"""The one Litestar application of a node, and what is around it."""

from collections.abc import Sequence

from litestar import Litestar
from litestar.types import ASGIApp, ControllerRouterHandler

from coordinator.api import HttpSide
from coordinator.http import edge, exception_handlers
from coordinator.presenters import SERVED
from node.http.measured import measured
from node.metrics import NodeMetrics


def build_application(
    handlers: Sequence[ControllerRouterHandler], side: HttpSide | None, metrics: NodeMetrics
) -> ASGIApp:
    """Return the application that all addresses serve, at `/` and at `/api`.

    Args:
        handlers: routes of every part but the coordinator.
        side: the coordinator's routes and guard; None on a node without one.
        metrics: counts requests.
    """
    application = Litestar(
        route_handlers=[*handlers, *(side.handlers if side else ())],
        guards=[side.admission] if side else [],
        exception_handlers=side.exception_handlers if side else exception_handlers(SERVED),
        cors_config=side.cors if side else None,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    return edge(measured(application, metrics))

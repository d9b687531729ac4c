"""The one Litestar application of a node, and what is around it."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from litestar import Litestar, Request, Response
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, ControllerRouterHandler, ExceptionHandlersMap

from coordinator.api import HttpSide
from coordinator.http import Proxies, edge, exception_handlers, through_proxies
from coordinator.presenters import SERVED
from explorer_web import ErrorPage
from node.http.measured import measured
from node.metrics import NodeMetrics

AnyRequest: TypeAlias = Request[Any, Any, State]


def build_application(
    handlers: Sequence[ControllerRouterHandler],
    side: HttpSide | None,
    metrics: NodeMetrics,
    proxies: Proxies | None = None,
    error_page: ErrorPage | None = None,
) -> ASGIApp:
    """Return the application that all addresses serve, at `/` and at `/api`.

    Args:
        handlers: routes of every part but the coordinator.
        side: the coordinator's routes and admission; None on a node without one.
        metrics: counts requests.
        proxies: what stands before the node; nothing when left out.
        error_page: the explorer's answer to people where an address leads nowhere or a page fails;
            without it the API answers.
    """
    answers = side.exception_handlers if side else exception_handlers(SERVED)
    application = Litestar(
        route_handlers=[*handlers, *(side.handlers if side else ())],
        before_request=side.admission if side else None,
        exception_handlers=answers if error_page is None else _with_page(answers, error_page),
        cors_config=side.cors if side else None,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    return through_proxies(edge(measured(application, metrics)), proxies or Proxies())


def _with_page(answers: ExceptionHandlersMap, error_page: ErrorPage) -> ExceptionHandlersMap:
    """Return the handlers of errors, of which a page answers people where the explorer fails."""

    def paged(kind: type[Exception]) -> Callable[[AnyRequest, Exception], Response[bytes]]:
        of_api = answers[kind]

        def answer(request: AnyRequest, error: Exception) -> Response[bytes]:
            return error_page(request, error, of_api(request, error))

        return answer

    return {**answers, HTTPException: paged(HTTPException), Exception: paged(Exception)}

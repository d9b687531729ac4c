"""Handlers called with what they take, where that is known beforehand.

The framework finds out for each request what a handler takes: layers, dependencies, a model of the
parameters, what responses are made of. That is a fifth of what a request costs. A handler that
takes the request, texts of its path and what all are given is called here; everything else, such
as errors and other answers than `Written`, stays with the framework.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, cast

from litestar import Request, Response
from litestar.enums import ScopeType
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from coordinator.http.answers import Written
from coordinator.http.exchange import HttpRequest

_REQUEST: Final = "request"
"""Name of the parameter that is the request."""


@dataclass(frozen=True, slots=True)
class _Call:
    """How a handler is called."""

    handler: HTTPRouteHandler
    """The handler, as the framework has it."""
    before: Callable[[HttpRequest], Awaitable[Response[bytes] | None]] | None
    """What runs before it, and may answer in its place."""
    takes_request: bool
    """Whether it takes the request."""
    in_path: tuple[str, ...]
    """Parameters that are texts of the path."""
    given: Mapping[str, object]
    """Parameters that are the same for each request."""

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        request: HttpRequest = Request(scope, receive, send)
        told: object = None if self.before is None else await self.before(request)
        if not told:
            values = dict(self.given)
            if self.takes_request:
                values[_REQUEST] = request
            for name in self.in_path:
                values[name] = scope["path_params"][name]
            told = await self.handler.fn(**values)
        if isinstance(told, Written):
            await told(scope, receive, send)
            return
        response = await self.handler.to_response(request.app, told, request)
        await response(scope, receive, send)


def called_with(given: Mapping[str, object]) -> Callable[[ASGIApp], ASGIApp]:
    """Return the middleware of routes, for their router.

    Args:
        given: what handlers are given under these names; the router has them as dependencies, too.
    """

    def around(app: ASGIApp) -> ASGIApp:
        # The framework makes one of these for each path and method.
        calls: dict[HTTPRouteHandler, _Call | None] = {}

        async def called(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != ScopeType.HTTP:
                await app(scope, receive, send)
                return
            handler = cast("HTTPRouteHandler", scope["route_handler"])
            if handler not in calls:
                calls[handler] = _call_of(handler, scope["path_params"], given)
            call = calls[handler]
            await (app if call is None else call.answer)(scope, receive, send)

        return called

    return around


def _call_of(
    handler: HTTPRouteHandler, path_params: Mapping[str, object], given: Mapping[str, object]
) -> _Call | None:
    """Return how a handler is called, None where that is left to the framework."""
    parameters = handler.parsed_fn_signature.parameters
    in_path = [
        name
        for name, parameter in parameters.items()
        if parameter.annotation is str and isinstance(path_params.get(name), str)
    ]
    is_plain = (
        inspect.iscoroutinefunction(handler.fn)
        and parameters.keys() <= {_REQUEST, *in_path, *given}
        and handler.resolve_request_class() is Request
        and not handler.resolve_guards()
        and handler.resolve_after_response() is None
        and not handler.cache
    )
    if not is_plain:
        return None
    return _Call(
        handler=handler,
        before=handler.resolve_before_request(),
        takes_request=_REQUEST in parameters,
        in_path=tuple(in_path),
        given={name: value for name, value in given.items() if name in parameters},
    )

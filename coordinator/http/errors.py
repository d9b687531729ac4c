"""How every error is answered: the one place that maps exception classes to statuses (E1 to E4).

The members `detail`, `error_code`, `request_id` and, where fields are at fault, `errors` are the
same in every version. There is no member `status`: it would be taken for a job's. Callers that
name `application/problem+json` get RFC 9457's members beside them.

Parts outside the coordinator raise subclasses of `CoordinatorError` too and are answered alike.
"""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final, TypeAlias, cast

import msgspec
import structlog
from litestar import Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap, Receive, Scope, Send

from coordinator.artifacts.ranges import RangeNotSatisfiable
from coordinator.errors import (
    Conflict,
    CoordinatorError,
    FieldFault,
    Forbidden,
    Gone,
    InsufficientBalance,
    InvalidRequest,
    JobNotCompleted,
    NotFound,
    TooFar,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)
from coordinator.http.answers import Written
from coordinator.http.error_body import Error, FieldErrorView, Problem
from coordinator.http.exchange import HttpRequest, exchange_of
from coordinator.http.faults import (
    BodyTooSlow,
    MediaTypeUnsupported,
    NotAcceptable,
    UnknownApiVersion,
    UpgradeRequired,
)
from coordinator.http.negotiation import names
from coordinator.http.openai_errors import openai_error
from coordinator.idempotency import IdempotencyKeyInFlight, IdempotencyKeyReused
from coordinator.marketplace import OfferNotAvailable
from coordinator.values import ApiVersion

_log = structlog.get_logger(__name__)

PROBLEM: Final = "application/problem+json"

STATUSES: Final[dict[type[CoordinatorError], int]] = {
    InvalidRequest: 400,
    Unauthenticated: 401,
    InsufficientBalance: 402,
    Forbidden: 403,
    NotFound: 404,
    NotAcceptable: 406,
    BodyTooSlow: 408,
    Conflict: 409,
    Gone: 410,
    OfferNotAvailable: 410,
    TooLarge: 413,
    MediaTypeUnsupported: 415,
    RangeNotSatisfiable: 416,
    IdempotencyKeyReused: 422,
    UpgradeRequired: 426,
    TooManyRequests: 429,
    CoordinatorError: 500,
    Unavailable: 503,
}
"""Status of each class and of its subclasses that are not listed themselves."""

_FRAMEWORK_CODES: Final[dict[int, tuple[str, str]]] = {
    400: ("VALIDATION_ERROR", "the request cannot be understood"),
    404: ("NOT_FOUND", "there is nothing at this path; /openapi.json lists what there is"),
    405: ("METHOD_NOT_ALLOWED", "this path takes other methods; the Allow header lists them"),
    413: ("TOO_LARGE", "the request is too large"),
}
"""Codes and texts for what the framework itself refuses, before any of our code runs."""


_ENCODER = msgspec.json.Encoder()


def status_of(error_type: type[BaseException]) -> int:
    """Return the HTTP status of an error class; 500 for what nobody planned."""
    for base in error_type.__mro__:
        if base in STATUSES:
            return STATUSES[base]
    return 500


CountLost: TypeAlias = Callable[[HttpRequest], Awaitable[None]]
"""Counts a request that leads nowhere, or raises what it is answered with instead."""


def exception_handlers(
    served: tuple[ApiVersion, ...], count_lost: CountLost | None = None
) -> ExceptionHandlersMap:
    """Return the handlers for the application: every exception gets an answer of one form.

    Args:
        served: versions that this release serves, told to callers that ask for another.
        count_lost: counts requests that lead to no route, if anything does.
    """

    def answer(request: HttpRequest, error: Exception) -> Response[bytes]:
        # The framework's type of it says that there always is one.
        scope = cast("Mapping[str, object]", request.scope)
        if count_lost is not None and "route_handler" not in scope:
            return _Lost(request, error, served, count_lost)
        return _answer(request, error, served)

    return {HTTPException: answer, CoordinatorError: answer, Exception: answer}


class _Lost(Written):
    """The answer to a request without a route: it is counted when the answer is sent.

    Handlers of errors cannot wait, and counting may: where nodes count together.
    """

    def __init__(
        self,
        request: HttpRequest,
        error: Exception,
        served: tuple[ApiVersion, ...],
        count: CountLost,
    ) -> None:
        self._of_error = of_error = _answer(request, error, served)
        super().__init__(of_error.content, status=of_error.status)
        self._request = request
        self._served = served
        self._count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent = self._of_error
        try:
            await self._count(self._request)
        except CoordinatorError as refusal:
            sent = _answer(self._request, refusal, self._served)
        await sent(scope, receive, send)


def _answer(request: HttpRequest, error: Exception, served: tuple[ApiVersion, ...]) -> Written:
    exchange = exchange_of(request)
    status, body = _describe(error, exchange.request_id, served)
    if status >= 500 and not isinstance(error, Unavailable):
        _log.error("request_failed", request_id=exchange.request_id, exc_info=error)
    media_type = "application/json"
    content: msgspec.Struct = body
    if exchange.operation is not None and exchange.operation.is_openai:
        content = openai_error(status, body)
    elif names(request.headers.get("accept", ""), PROBLEM):
        media_type = PROBLEM
        content = _problem(body, status, request.scope["path"])
    return Written(
        _ENCODER.encode(content), status=status, media_type=media_type, headers=_headers(error)
    )


def _describe(
    error: Exception, request_id: str, served: tuple[ApiVersion, ...]
) -> tuple[int, Error]:
    """Return status and body. Texts of exceptions that are not ours never leave the node (E2)."""
    if isinstance(error, CoordinatorError) and status_of(type(error)) != 500:
        body = Error(
            detail=error.detail,
            error_code=error.code,
            request_id=request_id,
            errors=_field_errors(error.faults)
            if isinstance(error, InvalidRequest)
            else msgspec.UNSET,
            state=error.state if isinstance(error, JobNotCompleted) else msgspec.UNSET,
            supported=list(served) if isinstance(error, UnknownApiVersion) else msgspec.UNSET,
            reachable_epoch=error.reachable_epoch if isinstance(error, TooFar) else msgspec.UNSET,
        )
        return status_of(type(error)), body
    if isinstance(error, HTTPException) and error.status_code < 500:
        status = error.status_code
        code, detail = _FRAMEWORK_CODES.get(status, (HTTPStatus(status).name, "refused"))
        return status, Error(detail=detail, error_code=code, request_id=request_id)
    detail = "the server failed; its log has the reason under this request_id"
    return 500, Error(detail=detail, error_code="INTERNAL_ERROR", request_id=request_id)


def _field_errors(faults: tuple[FieldFault, ...]) -> list[FieldErrorView] | msgspec.UnsetType:
    if not faults:
        return msgspec.UNSET
    return [
        FieldErrorView(pointer=fault.pointer, code=fault.code, detail=fault.message)
        for fault in faults
    ]


def _problem(body: Error, status: int, path: str) -> Problem:
    return Problem(
        detail=body.detail,
        error_code=body.error_code,
        request_id=body.request_id,
        errors=body.errors,
        state=body.state,
        supported=body.supported,
        reachable_epoch=body.reachable_epoch,
        type=f"urn:aitbc:error:{body.error_code}",
        title=HTTPStatus(status).phrase,
        status=status,
        instance=path,
    )


def _headers(error: Exception) -> dict[str, str]:
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    if isinstance(error, TooManyRequests | Unavailable | IdempotencyKeyInFlight):
        headers["retry-after"] = str(error.retry_after_s)
    elif isinstance(error, JobNotCompleted):
        headers["retry-after"] = "1"
    elif isinstance(error, Unauthenticated):
        headers["www-authenticate"] = 'Bearer realm="aitbc"'
    return headers

"""Addresses that lead nowhere, and pages that fail: a person gets a page, a program the API's JSON.

Pages and API share one application, whose router refuses what neither has before any handler of
the explorer runs. So the answer is made where errors are, and written later, as pages are.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import structlog
from litestar import Litestar, Request, Response
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from coordinator.http import exchange_of
from explorer_web.page import Absence, Absent
from explorer_web.references import TWIN_SUFFIX
from explorer_web.site import SECURITY_HEADERS, Site

_log = structlog.get_logger(__name__)

AnyRequest: TypeAlias = Request[Any, Any, State]
"""A request of any part of the application."""

ErrorPage: TypeAlias = Callable[[AnyRequest, Exception, Response[bytes]], Response[bytes]]
"""Returns the answer to an error: a page, or what is given, the API's answer."""

Write: TypeAlias = Callable[[], Awaitable[Response[bytes]]]
"""Writes an answer."""

OTHER_NAMES: Final = {
    "account": "accounts",
    "address": "accounts",
    "block": "blocks",
    "job": "jobs",
    "miner": "miners",
    "receipt": "receipts",
    "transaction": "transactions",
    "tx": "transactions",
}
"""What other explorers call their pages, and what they are called here."""

_REFERENCE: Final = re.compile("[0-9A-Za-z_]{1,128}")
"""What may name something: no other address can be made of it."""

_NO_PAGE: Final = frozenset({404, 405})
"""Statuses of an address, or of a method, that the router does not know."""

_API: Final = ("/v1/", "/api/")
"""Beginnings of addresses that are the API's alone."""

_DATA: Final = (TWIN_SUFFIX, ".csv")
"""Ends of addresses that programs read."""

INTERNAL_ERROR: Final = 500
"""Status of what failed in the node; its log has the reason."""


def error_page(site: Site) -> ErrorPage:
    """Return what answers a person whose address leads nowhere, or whose page fails.

    Args:
        site: writes the page.
    """

    def answer(request: AnyRequest, error: Exception, of_api: Response[bytes]) -> Response[bytes]:
        path: str = request.scope["path"]
        if path.startswith(_API) or "text/html" not in request.headers.get("accept", ""):
            return of_api
        if of_api.status_code == INTERNAL_ERROR and not path.endswith(_DATA):
            words = f"Reference {exchange_of(request).request_id}, in the node's log."
            failed = Absent(None, path, absence=Absence.FAILED, detail=words)
            return _Later(lambda: site.absent(request, failed), of_api)
        if not isinstance(error, HTTPException) or of_api.status_code not in _NO_PAGE:
            return of_api
        if (moved := _other_name(path)) is not None:
            headers = {"Location": moved, "Cache-Control": "no-store", **SECURITY_HEADERS}
            return Response(b"", status_code=302, headers=headers)
        absent = Absent(None, path, absence=Absence.NO_PAGE)
        return _Later(lambda: site.absent(request, absent), of_api)

    return answer


def _other_name(path: str) -> str | None:
    """Return where an address leads that another explorer would have; None for any other."""
    _, first, *rest = path.split("/")
    place = OTHER_NAMES.get(first)
    if place is None or len(rest) != 1 or not _REFERENCE.fullmatch(rest[0]):
        return None
    return f"/{place}/{rest[0]}"


class _Later(Response[bytes]):
    """An answer that is written when it is sent: handlers of errors cannot wait for anything."""

    def __init__(self, write: Write, otherwise: Response[bytes]) -> None:
        super().__init__(b"", status_code=otherwise.status_code)
        self._write = write
        self._otherwise = otherwise

    def to_asgi_response(
        self, app: Litestar | None, request: AnyRequest, **_options: object
    ) -> ASGIResponse:
        """Return the answer as it is sent; the framework's options are for written ones."""
        return _Written(self._write, self._otherwise, app, request)


class _Written(ASGIResponse):
    """Writes the answer, then sends it."""

    def __init__(
        self,
        write: Write,
        otherwise: Response[bytes],
        app: Litestar | None,
        request: AnyRequest,
    ) -> None:
        super().__init__(status_code=otherwise.status_code)
        self._write = write
        self._otherwise = otherwise
        self._app = app
        self._request = request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write the answer and send it; the API's where what failed is what every page needs."""
        try:
            written = await self._write()
        except Exception:  # noqa: BLE001 - whatever failed before may fail here again
            _log.exception("error_page_failed")
            written = self._otherwise
        await written.to_asgi_response(self._app, self._request)(scope, receive, send)

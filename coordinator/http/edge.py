"""Around the whole application: `/api`, HEAD, WebSockets, request ids, headers of every answer.

It is plain ASGI and not a middleware of the framework, because answers to unknown routes need it
too and never reach the framework's middleware.
"""

from collections.abc import Iterable
from typing import Final

from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from coordinator.http.exchange import Exchange, attach, new_exchange
from coordinator.http.repeats import Keeping
from coordinator.http.upgrade import serve_upgrade

PREFIX: Final = "/api"
"""Base path of the documents' production server; everything answers with and without it."""

_VARY: Final = (b"vary", b"AITBC-Version, X-Api-Key, Authorization, Accept")

_PRIVATE: Final = (b"cache-control", b"private, no-cache")

_EVERYWHERE: Final = (
    # What is said to be JSON is never taken for a page or a script.
    (b"x-content-type-options", b"nosniff"),
    # Paths hold ids of jobs, which are nobody else's business.
    (b"referrer-policy", b"no-referrer"),
    # Pages of elsewhere read answers by CORS, or not at all.
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""Headers that tell browsers what not to do with an answer."""

_JSON_POLICY: Final = (
    b"content-security-policy",
    b"default-src 'none'; frame-ancestors 'none'",
)
"""An answer that a browser shows as a page may load nothing, and may not be framed."""


def edge(app: ASGIApp) -> ASGIApp:
    """Return an application to be served: `app` with its edge.

    Args:
        app: the Litestar application that has this package's guards and exception handlers.
    """

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await app(scope, receive, send)
            return
        inner, prefix = _as_routed(scope)
        exchange = new_exchange(_suggested_id(scope), prefix)
        attach(inner, exchange)
        if inner["type"] == ScopeType.WEBSOCKET:
            await serve_upgrade(app, inner, receive, send, _merged)
            return
        keeping: Keeping | None = None

        async def send_with_headers(message: Message) -> None:
            nonlocal keeping
            if message["type"] == "http.response.start":
                message["headers"] = _merged(message["headers"], exchange)
                if exchange.claim is not None:
                    keeping = Keeping(exchange.claim, send)
            await (send if keeping is None else keeping)(message)

        try:
            await app(inner, receive, send_with_headers)
        finally:
            if exchange.claim is not None:
                exchange.claim.release()

    return served


def _as_routed(scope: Scope) -> tuple[Scope, str]:
    """Return the scope as the routes know it, without `/api` and with GET for HEAD, and the prefix.

    The server still knows the method and sends no body in answer to HEAD. `root_path` stays as it
    is: the framework would look for it anywhere in the path.
    """
    inner = scope.copy()
    prefix = ""
    path = scope["path"]
    if path == PREFIX or path.startswith(PREFIX + "/"):
        prefix = PREFIX
        inner["path"] = path[len(PREFIX) :] or "/"
        inner["raw_path"] = scope.get("raw_path", b"")[len(PREFIX) :] or b"/"
    if inner["type"] == ScopeType.HTTP and inner["method"] == "HEAD":
        inner["method"] = HttpMethod.GET
    return inner, prefix


def _suggested_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return value.decode("latin-1")
    return None


def _merged(
    headers: Iterable[tuple[bytes, bytes]], exchange: Exchange
) -> list[tuple[bytes, bytes]]:
    """Add what every answer says (V3); what the route itself says stays."""
    merged = list(headers)
    present = {name.lower(): value for name, value in merged}
    added = [
        *_EVERYWHERE,
        (b"aitbc-version", exchange.choice.version.encode("latin-1")),
        (b"aitbc-version-source", exchange.choice.source.encode("latin-1")),
        (b"x-request-id", exchange.request_id.encode("latin-1")),
    ]
    for name, value in exchange.headers.items():
        added.append((name.encode("latin-1"), value.encode("latin-1")))
    if exchange.as_of_height is not None:
        added.append((b"aitbc-as-of-height", b"%d" % exchange.as_of_height))
    if exchange.principal is not None:
        added.append(_PRIVATE)
    if b"json" in present.get(b"content-type", b""):
        added.append(_JSON_POLICY)
    merged += [header for header in added if header[0] not in present]
    merged.append(_VARY)
    return merged

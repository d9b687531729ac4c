"""WebSockets: a request to upgrade is admitted and refused by the same routes as any GET.

The framework turns every exception before an upgrade into 403 (V4). So the path of a WebSocket is
an HTTP route: it declares itself, is admitted, and refuses as others do. If it agrees, it leaves a
session in the exchange and answers 101; only then the upgrade is accepted and the session begins.
Whatever else it answers is the answer to the handshake.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias, cast

from litestar import Response
from litestar.types import ASGIApp, HTTPSendMessage, Message, Receive, ReceiveMessage, Scope, Send

from coordinator.http.exchange import Exchange, HttpRequest, attached, exchange_of
from coordinator.http.faults import UpgradeRequired
from coordinator.http.socket import POLICY, Session, Socket, SocketGone

LINGER_S: Final = 1.0
"""How long a refused connection may take to be gone."""

_OF_BODIES: Final = frozenset({b"content-length", b"content-type"})
"""Headers that an accepted handshake does not have."""


CompleteHeaders: TypeAlias = Callable[
    [Iterable[tuple[bytes, bytes]], Exchange], list[tuple[bytes, bytes]]
]
"""Adds to an answer's headers what every answer has."""


def agree(request: HttpRequest, session: Session) -> Response[bytes]:
    """Return the answer of a route that agrees to the upgrade to a WebSocket.

    Args:
        request: the request.
        session: begins once the upgrade is done.

    Raises:
        UpgradeRequired: the request is none for an upgrade.
    """
    exchange = exchange_of(request)
    if not exchange.is_upgrade:
        raise UpgradeRequired
    exchange.session = session
    return Response(content=b"", status_code=101)


class _Answer:
    """The answer of the HTTP route, collected."""

    def __init__(self) -> None:
        self.status = 500
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = list(message["headers"])
        elif message["type"] == "http.response.body":
            self.body += message["body"]


async def serve_upgrade(
    app: ASGIApp, scope: Scope, receive: Receive, send: Send, headers_of: CompleteHeaders
) -> None:
    """Serve a request for a WebSocket.

    Args:
        app: the application with the routes.
        scope: of the request, its exchange attached.
        receive: from the server.
        send: to the server.
        headers_of: adds to headers what every answer has.
    """
    exchange = attached(scope)
    if (await receive())["type"] != "websocket.connect":
        return
    exchange.is_upgrade = True
    answer = _Answer()
    await app(_as_http(scope), _no_body, answer.take)
    headers = headers_of(answer.headers, exchange)
    if exchange.session is None or answer.status != 101:
        await _deny(scope, answer, headers, send)
        await _linger(receive)
        return
    kept = [(name, value) for name, value in headers if name not in _OF_BODIES]
    await send({"type": "websocket.accept", "subprotocol": None, "headers": kept})
    await _run(exchange.session, Socket(receive, send))


async def _run(session: Session, socket: Socket) -> None:
    """Run a session until it ends or the peer is gone."""
    telling = asyncio.ensure_future(session(socket))
    listening = asyncio.ensure_future(socket.until_gone())
    try:
        await asyncio.wait({telling, listening}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (telling, listening):
            task.cancel()
        ended = await asyncio.gather(telling, listening, return_exceptions=True)
    for outcome in ended:
        if isinstance(outcome, Exception) and not isinstance(outcome, SocketGone):
            raise outcome


async def _deny(
    scope: Scope, answer: _Answer, headers: list[tuple[bytes, bytes]], send: Send
) -> None:
    """Answer the handshake with what the route answered."""
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": POLICY, "reason": ""})
        return
    start = {"type": "websocket.http.response.start", "status": answer.status, "headers": headers}
    body = {"type": "websocket.http.response.body", "body": answer.body, "more_body": False}
    # The framework's types leave these two messages of the ASGI specification out.
    await send(cast("HTTPSendMessage", start))
    await send(cast("HTTPSendMessage", body))


async def _linger(receive: Receive) -> None:
    """Wait until a refused connection is gone.

    The server takes a handshake that was answered like this for one that failed, and says so in
    its log, if its application returns before that.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            # The first says that it was refused, the second that it is gone.
            await receive()
            await receive()


def _as_http(scope: Scope) -> Scope:
    """Return the GET that a request for a WebSocket is (RFC 6455, 4.1)."""
    inner = dict(scope)
    scheme = "https" if scope["scheme"] == "wss" else "http"
    inner |= {"type": "http", "method": "GET", "scheme": scheme, "extensions": {}}
    return cast("Scope", inner)


async def _no_body() -> ReceiveMessage:
    return {"type": "http.request", "body": b"", "more_body": False}

"""One uvicorn server on all sockets, in the node's event loop, stopped by the node."""

import asyncio
import socket
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Final

import uvicorn
from litestar.types import ASGIApp

from node.http.connections import ConnectionLimits, Room
from node.http.listeners import BACKLOG
from node.http.protocol import protocol_in

GRACE_SECONDS: Final = 10
"""How long requests in flight may take once the node stops."""

KEEP_ALIVE_SECONDS: Final = 30
"""How long an idle connection is kept. Longer than clients keep one (httpx: 5 s): a server that
closes first does so now and then while a request is on its way, and nobody knows its outcome."""

SOCKET_MESSAGE_BYTES_MAX: Final = 4_096
"""Of a message that comes over a WebSocket; all of ours only speak."""

PING_SECONDS: Final = 20.0
"""Time between two pings on a WebSocket, and how long an answer may take."""

_STARTED_POLL_SECONDS: Final = 0.005


class HttpServer:
    """Serves an ASGI application on sockets that are bound already.

    Args:
        app: the application.
        sockets: listening sockets; the server closes them.
        room: what bounds its connections.
    """

    def __init__(
        self, app: ASGIApp, sockets: Sequence[socket.socket], room: Room | None = None
    ) -> None:
        config = uvicorn.Config(
            app,
            # uvicorn's own protocols bound neither connections nor, with this parser, heads.
            http=protocol_in(room or Room(ConnectionLimits())),
            backlog=BACKLOG,
            log_config=None,
            access_log=False,
            lifespan="off",
            # Whom a request comes from is `through_proxies`' business alone.
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            # What is told is short, and to compress it for each listener is not.
            ws_per_message_deflate=False,
            ws_max_size=SOCKET_MESSAGE_BYTES_MAX,
            ws_ping_interval=PING_SECONDS,
            ws_ping_timeout=PING_SECONDS,
        )
        self._server = _Server(config)
        self._sockets = list(sockets)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return when connections are answered.

        Raises:
            RuntimeError: the application's own start failed; the log says why.
        """
        self._task = asyncio.create_task(self._server.serve(sockets=self._sockets))
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise RuntimeError("the application did not start")
            await asyncio.sleep(_STARTED_POLL_SECONDS)

    async def stop(self) -> None:
        """Take no new connections, let requests finish for a while, then end them."""
        if self._task is not None:
            self._server.should_exit = True
            await self._task
            self._task = None


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to the node, which has more to stop than HTTP."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

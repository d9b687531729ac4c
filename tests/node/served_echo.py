"""An application that tells what it was asked, served on a real socket with a bounded room."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from node.config import ListenAddress
from node.http.connections import ConnectionLimits, Room
from node.http.listeners import bind_all, bound_addresses
from node.http.server import HttpServer

GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
ANSWER_SECONDS = 60.0
NEVER_SECONDS = 3_600.0

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Dial = Callable[..., Coroutine[None, None, Stream]]


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the size of the body; greet whoever opens a WebSocket and wait for its end."""
    if scope["type"] == ScopeType.WEBSOCKET:
        await receive()
        await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
        await receive()
        return
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return
        size, more = size + len(message["body"]), message["more_body"]
    text = str(size).encode()
    headers = [(b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text, "more_body": False})


@asynccontextmanager
async def served(
    limits: ConnectionLimits, app: ASGIApp | None = None
) -> AsyncIterator[tuple[Room, Dial]]:
    """Serve an application, or `echo`; yields the room, and what connects from an address."""
    sockets = bind_all([ListenAddress("127.0.0.1", 0)])
    port = bound_addresses(sockets)[0].port
    room = Room(limits)
    server = HttpServer(app or echo, sockets, room)
    writers: list[asyncio.StreamWriter] = []

    async def dial(source: str = "127.0.0.1") -> Stream:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
        writers.append(writer)
        return reader, writer

    await server.start()
    try:
        yield room, dial
    finally:
        for writer in writers:
            writer.close()
        await server.stop()


async def asked(stream: Stream, request: bytes = GET) -> bytes:
    """Return the first line of the answer to a request; empty where the connection ended."""
    reader, writer = stream
    writer.write(request)
    async with asyncio.timeout(ANSWER_SECONDS):
        line = await reader.readline()
        while line and (await reader.readline()).strip():
            pass
        return line + (await reader.read(1) if line else b"")


async def until(holds: Callable[[], bool]) -> None:
    """Let the event loop run until something holds."""
    async with asyncio.timeout(ANSWER_SECONDS):
        while not holds():  # noqa: ASYNC110 - what is asked has no event
            await asyncio.sleep(0)

"""An application that tells what it saw of requests, and how tests talk to it byte by byte."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from litestar.enums import ScopeType
from litestar.types import Receive, Scope, Send

from node.http.connections import ConnectionLimits, Room
from tests.node.served_echo import ANSWER_SECONDS, NEVER_SECONDS, Dial, Stream, served

LIMITS = ConnectionLimits(total=8, head_s=NEVER_SECONDS, body_pause_s=NEVER_SECONDS)

HOST = b"Host: here\r\n"
CHUNKED = b"POST /c HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"


@dataclass
class Witness:
    """An application that tells its caller what it saw."""

    asked: list[str] = field(default_factory=list)
    """Methods and paths, as they came."""
    gate: asyncio.Event | None = None
    """Opens before `/slow` is answered."""
    left: int = 0
    """Callers that went away from `/endless`."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        assert scope["type"] == ScopeType.HTTP
        path = scope["path"]
        self.asked.append(f"{scope['method']} {path}")
        if path == "/early":
            await _answer(send, {"early": True})
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return
            body, more = body + message["body"], message["more_body"]
        if path == "/slow" and self.gate is not None:
            await self.gate.wait()
        if path == "/endless":
            assert (await receive())["type"] == "http.disconnect"
            self.left += 1
            return
        if path == "/stream":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for piece in (b"one", b"two"):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        if path in {"/204", "/304"}:
            status = int(path[1:])
            await send({"type": "http.response.start", "status": status, "headers": []})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        headers = [[name.decode(), value.decode("latin-1")] for name, value in scope["headers"]]
        query = scope["query_string"].decode()
        await _answer(
            send, {"path": path, "query": query, "headers": headers, "body": body.decode("latin-1")}
        )


async def _answer(send: Send, value: object) -> None:
    text = json.dumps(value).encode()
    headers = [(b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text, "more_body": False})


@asynccontextmanager
async def witnessed() -> AsyncIterator[tuple[Witness, Room, Dial]]:
    """Serve a witness."""
    witness = Witness()
    async with served(LIMITS, witness) as (room, dial):
        yield witness, room, dial


async def everything(stream: Stream, *pieces: bytes) -> bytes:
    """Send pieces and return all that comes until the connection ends."""
    reader, writer = stream
    async with asyncio.timeout(ANSWER_SECONDS):
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0)
        return await reader.read()


def answers(received: bytes) -> list[tuple[int, Any]]:
    """Return status and JSON body of each answer of a connection, all of known length."""
    found = []
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        match = re.search(rb"\r\ncontent-length: ([0-9]+)", head)
        size = int(match[1]) if match else 0
        body = rest[:size]
        found.append((int(head.split(b" ")[1]), json.loads(body) if body else None))
        received = rest[size:]
    return found

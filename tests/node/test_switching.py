"""WebSockets begin in HTTP: what switches, what cannot, and what comes right behind."""

import asyncio

import pytest
from litestar.enums import ScopeType
from litestar.types import Receive, Scope, Send

from tests.node.served_echo import ANSWER_SECONDS, served, until
from tests.node.served_witness import LIMITS, answers, everything

BEGUN = b"GET /ws HTTP/1.1\r\nHost: here\r\n"
SWITCH = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
HI = b"\x81\x82\0\0\0\0hi"


async def repeat(scope: Scope, receive: Receive, send: Send) -> None:
    """Say over a WebSocket what is said first, and close it."""
    assert scope["type"] == ScopeType.WEBSOCKET
    await receive()
    await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
    message = await receive()
    assert message["type"] == "websocket.receive"
    await send({"type": "websocket.send", "text": message["text"], "bytes": None})
    await send({"type": "websocket.close", "code": 1000, "reason": ""})


async def test_a_target_as_proxies_get_it_is_the_websockets_path_and_host() -> None:
    seen: dict[str, object] = {}

    async def note(scope: Scope, receive: Receive, send: Send) -> None:
        seen.update(path=scope["path"], query=scope["query_string"])
        seen["hosts"] = [value for name, value in scope["headers"] if name == b"host"]
        await receive()
        await send({"type": "websocket.close", "code": 1000, "reason": ""})

    async with served(LIMITS, note) as (_, dial):
        target = b"GET http://there:8011/ws?since=1 HTTP/1.1\r\nHost: here\r\n"
        reader, writer = await dial()
        writer.write(target + SWITCH)
        async with asyncio.timeout(ANSWER_SECONDS):
            assert b" 403 " in await reader.readline()
    assert seen == {"path": "/ws", "query": b"since=1", "hosts": [b"there:8011"]}


@pytest.mark.parametrize(
    "request_bytes",
    [
        BEGUN + b"Content-Length: 3\r\n" + SWITCH + b"abc",
        BEGUN + b"Transfer-Encoding: chunked\r\n" + SWITCH + b"3\r\nabc\r\n0\r\n\r\n",
        BEGUN + b"X: y\r\n" * 200 + SWITCH,
        BEGUN + b"X: " + b"y" * 10_000 + b"\r\n" + SWITCH,
        BEGUN[:6] + b"a" * 10_000 + BEGUN[6:] + SWITCH,
    ],
    ids=["a body", "a chunked body", "many headers", "a long header", "a long target"],
)
async def test_what_cannot_open_a_websocket_is_told_so_and_keeps_no_place(
    request_bytes: bytes,
) -> None:
    async with served(LIMITS, repeat) as (room, dial):
        ((status, body),) = answers(await everything(await dial(), request_bytes))
        assert status in {400, 431}
        assert body["error_code"] in {"MALFORMED_REQUEST", "HEAD_TOO_LARGE"}
        await until(lambda: not room.count())


async def test_what_comes_right_behind_the_head_is_the_websockets() -> None:
    async with served(LIMITS, repeat) as (_, dial):
        reader, writer = await dial()
        writer.write(BEGUN + SWITCH + HI)
        async with asyncio.timeout(ANSWER_SECONDS):
            assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(4) == b"\x81\x02hi"

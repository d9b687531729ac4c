"""How tests listen: to WebSockets and to server-sent events."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.api.site import Served

PATIENCE_S = 30.0
"""Longest silence, on a busy machine."""


def address(site: Served, path: str) -> str:
    return site.url.replace("http://", "ws://") + path


async def hear(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        message = json.loads(await socket.recv())
    assert isinstance(message, dict)
    return message


async def hear_all(socket: ClientConnection) -> list[dict[str, Any]]:
    """Return what comes until the other side closes."""
    heard = []
    try:
        while True:
            heard.append(await hear(socket))
    except ConnectionClosed:
        return heard


async def hear_type(socket: ClientConnection, kind: str) -> dict[str, Any]:
    while True:
        message = await hear(socket)
        if message["type"] == kind:
            return message


async def hear_of(socket: ClientConnection, kind: str, **about: str) -> dict[str, Any]:
    """Return the next message of a type whose data names these, of all that others cause."""
    while True:
        message = await hear_type(socket, kind)
        if about.items() <= message["data"].items():
            return message


async def refusal(url: str, **options: Any) -> tuple[int, dict[str, Any]]:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(url, **options):
            pass
    response = refused.value.response
    return response.status_code, json.loads(response.body or b"{}")


@dataclass(frozen=True)
class Sent:
    """One server-sent event."""

    event: str
    data: dict[str, Any]
    id: str


async def read_events(lines: AsyncIterator[str]) -> AsyncGenerator[Sent, None]:
    """Yield events as the HTML standard reads them; comments and `retry` are left out."""
    fields: dict[str, str] = {}
    async for line in lines:
        name, _, value = line.partition(": ")
        if line and name:
            fields[name] = value
        if not line:
            if "event" in fields:
                yield Sent(fields["event"], json.loads(fields["data"]), fields["id"])
            fields = {}


async def all_events(
    http: httpx.AsyncClient, path: str, headers: dict[str, str] | None = None
) -> list[Sent]:
    """Return the events of a stream that ends."""
    async with asyncio.timeout(PATIENCE_S), http.stream("GET", path, headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        return [sent async for sent in read_events(response.aiter_lines())]


async def eventually(is_so: Callable[[], bool]) -> None:
    """Return once something holds that nobody tells of."""
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.01)

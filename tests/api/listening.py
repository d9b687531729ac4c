"""How tests listen to WebSockets."""

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.api.site import Site

PATIENCE_S = 30.0
"""Longest silence, on a busy machine."""


def address(site: Site, path: str) -> str:
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


async def refusal(url: str, **options: Any) -> tuple[int, dict[str, Any]]:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(url, **options):
            pass
    response = refused.value.response
    return response.status_code, json.loads(response.body or b"{}")

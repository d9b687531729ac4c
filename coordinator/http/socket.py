"""A WebSocket after its upgrade, as its session sees it: it sends, and what comes is dropped."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from litestar.types import Receive, Send

SEND_S_MAX: Final = 30.0
"""How long one message may wait for a peer that does not read."""

MESSAGES_MAX: Final = 60
"""Messages that a peer may send in a minute; what they say is not read."""

WINDOW_S: Final = 60.0

NORMAL: Final = 1000
GOING_AWAY: Final = 1001
POLICY: Final = 1008
TRY_AGAIN_LATER: Final = 1013
"""Codes of RFC 6455 and of its registry with which sessions end."""


class SocketGone(Exception):
    """The peer is gone, or does not read."""


class Socket:
    """A WebSocket after its upgrade. One task sends."""

    def __init__(self, receive: Receive, send: Send) -> None:
        """Speak through the server's callables."""
        self._receive = receive
        self._send = send

    async def send(self, text: str) -> None:
        """Send a message; returns when the system took it.

        Raises:
            SocketGone: it did not within `SEND_S_MAX`, or the peer is gone.
        """
        try:
            async with asyncio.timeout(SEND_S_MAX):
                await self._send({"type": "websocket.send", "text": text, "bytes": None})
        except OSError:
            # The server's word for a peer that is gone is one, and so is a timeout.
            raise SocketGone from None

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Begin to close; nothing can be sent afterwards."""
        try:
            async with asyncio.timeout(SEND_S_MAX):
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
        except OSError:
            raise SocketGone from None

    async def until_gone(self) -> None:
        """Return when the peer is gone; what it sends is dropped.

        A peer that sends more than `MESSAGES_MAX` in a minute is shown out.
        """
        loop = asyncio.get_running_loop()
        count, began = 0, loop.time()
        while (await self._receive())["type"] != "websocket.disconnect":
            if loop.time() - began > WINDOW_S:
                count, began = 0, loop.time()
            count += 1
            if count > MESSAGES_MAX:
                await self.close(POLICY, "this connection only listens")
                return


Session: TypeAlias = Callable[[Socket], Awaitable[None]]
"""What happens on a WebSocket after its upgrade; when it returns, the connection closes."""

"""A receiver of webhooks on loopback, served over real HTTP, that answers as it is told to."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from litestar.enums import ScopeType
from litestar.types import Receive, Scope, Send

from tests.api.site import served


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def content(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.body)
        return content


@dataclass
class Receiver:
    """Remembers what it gets. `status` and `headers` are what it answers."""

    url: str = ""
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    is_open: asyncio.Event = field(default_factory=asyncio.Event)
    """While it is not set, requests are taken and not answered."""
    received: list[Received] = field(default_factory=list)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    def __post_init__(self) -> None:
        self.is_open.set()

    @property
    def ids(self) -> list[str]:
        return [item.message_id for item in self.received]

    async def until(self, count: int) -> list[Received]:
        """Wait until so many requests came."""
        async with asyncio.timeout(30), self.arrived:
            await self.arrived.wait_for(lambda: len(self.received) >= count)
        return self.received

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == ScopeType.HTTP
        body = b""
        while True:
            message = await receive()
            assert message["type"] == "http.request"
            body += message["body"]
            if not message["more_body"]:
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        async with self.arrived:
            self.received.append(Received(scope["path"], headers, body))
            self.arrived.notify_all()
        await self.is_open.wait()
        told = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": told})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


@asynccontextmanager
async def receiving(**told: Any) -> AsyncIterator[Receiver]:
    """Serve a receiver while the context lasts."""
    receiver = Receiver(**told)
    async with served(receiver) as url:
        receiver.url = f"{url}/webhook"
        yield receiver
        receiver.is_open.set()

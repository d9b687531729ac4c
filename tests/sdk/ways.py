"""The two ways to make a call: blocking, and awaited in an event loop of its own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from aitbc import AsyncClient, Client, RetryPolicy

QUICK = RetryPolicy(attempts=3, base_s=0.001, pause_max_s=2.0)

Way = Callable[..., Any]
"""Makes a client of an address, passes it to a function, and returns what that returns."""


def blocking(url: str, use: Callable[[Any], Any], **options: Any) -> Any:
    with Client(url, **{"retry": QUICK, **options}) as client:
        found = use(client)
        return list(found) if isinstance(found, Iterator) else found


def awaited(url: str, use: Callable[[Any], Any], **options: Any) -> Any:
    async def run() -> Any:
        async with AsyncClient(url, **{"retry": QUICK, **options}) as client:
            found = use(client)
            if isinstance(found, AsyncIterator):
                return [item async for item in found]
            assert isinstance(found, Awaitable)
            return await found

    return asyncio.run(run())


WAYS = (blocking, awaited)

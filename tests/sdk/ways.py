"""The two ways to make a call: blocking, and awaited in an event loop of its own."""

import asyncio
import threading
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


class Heard:
    """Whether an iterator has given its first item, for those who wait for it."""

    def __init__(self) -> None:
        self._first = threading.Event()

    def all_of(self, items: Any) -> Any:
        """Return the items of an iterator of either kind; the first one is noted."""

        async def awaited() -> AsyncIterator[Any]:
            async for item in items:
                self._first.set()
                yield item

        def blocking() -> Iterator[Any]:
            for item in items:
                self._first.set()
                yield item

        return awaited() if isinstance(items, AsyncIterator) else blocking()

    async def first(self) -> None:
        """Wait for the first item."""
        assert await asyncio.to_thread(self._first.wait, 60.0), "nothing was heard"

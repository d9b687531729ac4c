"""Requests that wait for something to happen: they end with their caller."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from coordinator.http.exchange import HttpRequest
from coordinator.http.faults import CallerGone

T = TypeVar("T")


async def while_connected(request: HttpRequest, work: Coroutine[object, object, T]) -> T:
    """Return what `work` does; cancel it when the caller goes away.

    Only for what may be given up in the middle. The request's body must have been read.

    Raises:
        CallerGone: the caller went away.
    """
    working = asyncio.ensure_future(work)
    # All that can come after the body is the end of the connection.
    leaving = asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if leaving.done() and not leaving.cancelled():
            # Nobody reads what was found; an error is of no use either.
            raise CallerGone
        return working.result()
    finally:
        leaving.cancel()
        working.cancel()

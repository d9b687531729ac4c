"""Answers that go on for long: counted while they last, closed when their reader goes."""

import weakref
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing

from coordinator.http import HttpRequest, exchange_of, remote_of


def who(request: HttpRequest) -> tuple[str, str]:
    """Return the key's id and the address of a caller, by which its streams are counted."""
    return exchange_of(request).caller.key_id, remote_of(request)


def counted(place: ExitStack, stream: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Return a stream that holds a place: given back when it ends, and when it never begins.

    Args:
        place: what `Places.take` returned.
        stream: yields the pieces.
    """
    pieces = _pieces(place, stream)
    # Of a generator that nobody begins nothing runs, not even what it does at its end.
    weakref.finalize(pieces, place.close).atexit = False
    return pieces


async def _pieces(
    place: ExitStack, stream: AsyncGenerator[bytes, None]
) -> AsyncGenerator[bytes, None]:
    with place:
        async with aclosing(stream):
            async for piece in stream:
                yield piece

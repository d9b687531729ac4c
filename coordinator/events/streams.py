"""Answers that go on for long: counted while they last, closed when their reader goes."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from coordinator.events.errors import TooManyStreams
from coordinator.events.places import Places
from coordinator.events.sse import comment
from coordinator.http import HttpRequest, exchange_of, remote_of


def who(request: HttpRequest) -> tuple[str, str]:
    """Return the key's id and the address of a caller, by which its streams are counted."""
    return exchange_of(request).caller.key_id, remote_of(request)


async def counted(
    places: Places, key_id: str, address: str, stream: AsyncGenerator[bytes, None]
) -> AsyncGenerator[bytes, None]:
    """Yield a stream's pieces, counted while it lasts."""
    async with aclosing(stream):
        try:
            with places.taken(key_id, address):
                async for piece in stream:
                    yield piece
        except TooManyStreams as error:
            # Others took the place since it was looked for.
            yield comment(error.detail)

"""Performs calls over asynchronous HTTP connections."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self, TypeVar

import httpx

from aitbc.exchange import (
    Broken,
    Closed,
    Effect,
    Emit,
    Flow,
    Head,
    Hear,
    Listen,
    Open,
    Pause,
    Read,
    Request,
    Session,
    Steps,
    Stream,
    ask,
)
from aitbc.http import broken_by, head_of, needing_websockets, settings_of, wire_form
from aitbc.json_values import Answer

_Result = TypeVar("_Result")


class AsyncTransport:
    """Performs calls against one node. Opens no connection until the first one.

    Attributes:
        session: what all exchanges have in common.
    """

    def __init__(
        self, session: Session, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """Remember where and how; `sleep` can be replaced where pauses must end early.

        Raises:
            InvalidValue: the address is none.
        """
        self.session = session
        self._sleep = sleep
        self._http = httpx.AsyncClient(**settings_of(session))

    @property
    def base_url(self) -> str:
        """Address of the node."""
        return self.session.base_url

    async def close(self) -> None:
        """Close open connections."""
        await self._http.aclose()

    async def call(self, request: Request) -> Answer:
        """Send a request and return the JSON object of its answer; see `Transport.call`."""
        return await self.run(ask(self.session, request, Answer))

    async def run(self, flow: Flow[_Result]) -> _Result:
        """Perform a call and return its result."""
        steps = Steps(flow)
        async with _Exchange(self._http, self.session, self._sleep) as exchange:
            try:
                effect = steps.advance()
                while effect is not None:
                    assert not isinstance(effect, Emit), "a flow emits nothing"
                    effect = steps.advance(await exchange.perform(effect))
            finally:
                steps.close()
        return steps.result()

    async def stream(self, flow: Stream[_Result]) -> AsyncGenerator[_Result, None]:
        """Perform a call and yield what it emits."""
        steps = Steps(flow)
        async with _Exchange(self._http, self.session, self._sleep) as exchange:
            try:
                effect = steps.advance()
                while effect is not None:
                    if isinstance(effect, Emit):
                        yield effect.value
                        effect = steps.advance()
                    else:
                        effect = steps.advance(await exchange.perform(effect))
            finally:
                steps.close()


class _Exchange:
    """The answer that is open while a call is performed."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        session: Session,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._http = http
        self._session = session
        self._sleep = sleep
        self._open = AsyncExitStack()
        self._pieces: AsyncIterator[bytes] | None = None
        self._hear: Callable[[float], Awaitable[str | Closed]] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._open.aclose()

    async def perform(self, effect: Effect) -> object:
        """Return what comes of an effect; a failure of the network is an outcome too."""
        try:
            match effect:
                case Open():
                    return await self._begin(effect)
                case Read():
                    assert self._pieces is not None, "an answer is open"
                    return await anext(self._pieces, None)
                case Listen():
                    return await self._listen(effect)
                case Hear():
                    assert self._hear is not None, "a WebSocket is open"
                    return await self._hear(effect.timeout_s)
                case Pause():
                    await self._sleep(effect.seconds)
                    return None
            return await asyncio.to_thread(effect.call)
        except httpx.RequestError as error:
            return broken_by(error)
        except Broken as broken:
            return broken

    async def _begin(self, effect: Open) -> Head:
        await self._open.aclose()
        content = effect.request.content
        response = await self._open.enter_async_context(
            self._http.stream(
                **wire_form(effect), content=None if content is None else _pieces_of(content())
            )
        )
        self._pieces = response.aiter_bytes()
        return head_of(response)

    async def _listen(self, effect: Listen) -> Head:
        await self._open.aclose()
        with needing_websockets():
            from aitbc import sockets, sockets_async  # noqa: PLC0415 - as in `aitbc.http`
        found = await sockets_async.listen(self._session, effect, self._open)
        if isinstance(found, sockets.Refused):
            self._pieces = _pieces_of(iter([found.body]))
            return found.head
        self._hear = found.hear
        return sockets.OPEN


async def _pieces_of(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Yield a body's pieces, each read where it holds nobody up."""
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece


__all__ = ["AsyncTransport"]

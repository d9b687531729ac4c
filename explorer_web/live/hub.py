"""The open pages of one node: who listens, and how one text reaches all of them.

While nobody listens nothing is looked at. Each listener has a short queue; one that does not keep
up is let go rather than waited for, and its page begins again with what is there then.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Final, Protocol

import structlog

LISTENERS_MAX: Final = 512
"""Open pages that one node tells news; further ones ask again now and then."""

WAITING_MAX: Final = 16
"""Texts that wait for one listener; about half a minute of a busy chain."""

LOOK_S: Final = 0.25
"""Between two looks at the index: two point reads, and only while somebody listens."""

QUIET_S: Final = 15.0
"""Longest silence, so that a page can tell a quiet chain from a dead connection."""

TRY_AGAIN_LATER: Final = 1013
"""Code of RFC 6455's registry: the node has no room for another listener, or for a slow one."""

log = structlog.get_logger(__name__)


class Desk(Protocol):
    """Writes what is new."""

    async def look(self, *, even_if_quiet: bool = False) -> str | None:
        """Return what is new since the last look; None if nothing is."""


class Ear(Protocol):
    """A WebSocket, as far as it is needed."""

    async def send(self, text: str) -> None:
        """Send a text."""

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Begin to close."""


class _Listener:
    """One open page: the texts that wait for it, and whether it fell behind."""

    def __init__(self) -> None:
        self._texts: asyncio.Queue[str | None] = asyncio.Queue(WAITING_MAX + 1)

    def tell(self, text: str) -> bool:
        """Let a text wait; return False, and end the listener, if too many do already."""
        if self._texts.qsize() < WAITING_MAX:
            self._texts.put_nowait(text)
            return True
        while not self._texts.empty():
            self._texts.get_nowait()
        self._texts.put_nowait(None)
        return False

    async def texts(self) -> AsyncGenerator[str, None]:
        """Yield what it is told, until it fell behind."""
        while (text := await self._texts.get()) is not None:
            yield text


class LiveHub:
    """Tells all open pages the same."""

    def __init__(self, desk: Desk) -> None:
        """Tell nobody yet.

        Args:
            desk: writes what is new.
        """
        self._desk = desk
        self._listeners: set[_Listener] = set()
        self._sessions = 0
        self._newest = ""
        self._watch: asyncio.Task[None] | None = None

    @property
    def is_full(self) -> bool:
        """Whether there is no room for another listener."""
        return self._sessions >= LISTENERS_MAX

    @property
    def count(self) -> int:
        """How many are open, those included that are being let go."""
        return self._sessions

    async def session(self, socket: Ear) -> None:
        """Tell one page what is new until it is gone or does not keep up.

        The newest text comes first, so that the page learns what it missed.
        """
        if self.is_full:
            await socket.close(TRY_AGAIN_LATER, "too many pages are open")
            return
        listener = _Listener()
        self._listeners.add(listener)
        self._sessions += 1
        try:
            if self._watch is None:
                self._watch = asyncio.create_task(self._tell_all())
            elif self._newest:
                listener.tell(self._newest)
            async with contextlib.aclosing(listener.texts()) as texts:
                async for text in texts:
                    await socket.send(text)
            await socket.close(TRY_AGAIN_LATER, "this page did not keep up")
        finally:
            self._listeners.discard(listener)
            self._sessions -= 1
            if self._sessions == 0:
                await self._stop()

    async def _tell_all(self) -> None:
        """Look again and again, and hand what is new to everybody."""
        loop = asyncio.get_running_loop()
        told = loop.time()
        while True:
            is_quiet = loop.time() - told >= QUIET_S
            try:
                text = await self._desk.look(even_if_quiet=is_quiet or not self._newest)
            except Exception:
                # The pages say themselves what a node that cannot read its index says; the next
                # look may go well.
                log.exception("live_look_failed")
                text = None
            if text is not None:
                self._newest, told = text, loop.time()
                self._listeners = {each for each in self._listeners if each.tell(text)}
            await asyncio.sleep(LOOK_S)

    async def _stop(self) -> None:
        watch, self._watch, self._newest = self._watch, None, ""
        if watch is not None:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch

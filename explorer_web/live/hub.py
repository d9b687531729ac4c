"""The open pages of one node: who listens, and how one text reaches all of them.

While nobody listens nothing is looked at. Each listener has a short queue; one that does not keep
up is let go rather than waited for, and its page begins again with what is there then. From then on
it takes no place, and what is being sent to it is broken off.
"""

import asyncio
import contextlib
from typing import Final, Protocol

import structlog

LISTENERS_MAX: Final = 512
"""Open pages that one node tells news; further ones ask again now and then."""

LISTENERS_EACH_MAX: Final = 16
"""Of these, from one address; see `coordinator.http.remote_of`."""

WAITING_MAX: Final = 16
"""Texts that wait for one listener; about half a minute of a busy chain."""

LOOK_S: Final = 0.25
"""Between two looks at the index: two point reads, and only while somebody listens."""

QUIET_S: Final = 15.0
"""Longest silence, so that a page can tell a quiet chain from a dead connection."""

GOODBYE_S: Final = 1.0
"""How long a listener that is let go may take to be told so."""

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
    """One open page, and the texts that wait for it."""

    def __init__(self, remote: str) -> None:
        self.remote = remote
        self._texts: asyncio.Queue[str] = asyncio.Queue(WAITING_MAX)
        self._while_heard = asyncio.timeout(None)

    def tell(self, text: str) -> bool:
        """Let a text wait; return False, and let the listener go, if too many do already."""
        if not self._texts.full():
            self._texts.put_nowait(text)
            return True
        # That is long ago, so what is being sent is broken off now.
        self._while_heard.reschedule(0)
        return False

    async def send_to(self, socket: Ear) -> None:
        """Send what it is told, until it is let go."""
        with contextlib.suppress(TimeoutError):
            async with self._while_heard:
                while True:
                    await socket.send(await self._texts.get())


class LiveHub:
    """Tells all open pages the same."""

    def __init__(self, desk: Desk) -> None:
        """Tell nobody yet.

        Args:
            desk: writes what is new.
        """
        self._desk = desk
        self._listeners: set[_Listener] = set()
        self._newest = ""
        self._watch: asyncio.Task[None] | None = None

    @property
    def is_full(self) -> bool:
        """Whether there is no room for another listener."""
        return len(self._listeners) >= LISTENERS_MAX

    @property
    def count(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def is_full_for(self, remote: str) -> bool:
        """Return whether as many pages of an address listen as may."""
        return sum(each.remote == remote for each in self._listeners) >= LISTENERS_EACH_MAX

    async def session(self, socket: Ear, remote: str) -> None:
        """Tell one page what is new until it is gone or does not keep up.

        The newest text comes first, so that the page learns what it missed.

        Args:
            socket: to the page.
            remote: whose page it is, for the limit of each address.
        """
        if self.is_full or self.is_full_for(remote):
            await socket.close(TRY_AGAIN_LATER, "too many pages are open")
            return
        listener = _Listener(remote)
        self._listeners.add(listener)
        try:
            if self._watch is None:
                self._watch = asyncio.create_task(self._tell_all())
            elif self._newest:
                listener.tell(self._newest)
            await listener.send_to(socket)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GOODBYE_S):
                    await socket.close(TRY_AGAIN_LATER, "this page did not keep up")
        finally:
            self._listeners.discard(listener)
            if not self._listeners:
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

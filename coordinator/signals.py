"""Waiting for something to become true, without polling.

Whoever changes a thing fires its key after the change is durable; whoever waits registers before
it looks. So no change falls between the look and the wait.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Signals(Generic[K]):
    """Wakes those who wait for a key. To be used from one event loop."""

    def __init__(self) -> None:
        """Begin with nobody waiting."""
        self._waiting: dict[K, set[asyncio.Future[None]]] = {}
        self._is_closed = False

    def close(self) -> None:
        """Let everybody who waits, now or later, look once more and return."""
        self._is_closed = True
        self.fire(tuple(self._waiting))

    def fire(self, keys: Iterable[K]) -> None:
        """Wake everybody who waits for one of the keys."""
        for key in keys:
            for future in self._waiting.get(key, ()):
                if not future.done():
                    future.set_result(None)

    async def wait_until(
        self,
        key: K,
        look: Callable[[], Awaitable[T | None]],
        timeout_s: float,
    ) -> T | None:
        """Look now and whenever the key is fired; return what is seen, None when time is over.

        Args:
            key: what to be woken by.
            look: returns None as long as there is nothing to see.
            timeout_s: longest wait; 0 looks once.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout_s
        while True:
            future = loop.create_future()
            self._waiting.setdefault(key, set()).add(future)
            try:
                seen = await look()
                left = end - loop.time()
                if seen is not None or left <= 0 or self._is_closed:
                    return seen
                await asyncio.wait({future}, timeout=left)
            finally:
                self._forget(key, future)

    def _forget(self, key: K, future: "asyncio.Future[None]") -> None:
        future.cancel()
        waiting = self._waiting[key]
        waiting.discard(future)
        if not waiting:
            del self._waiting[key]


class Relay:
    """Wakes those who wait for a share of something one after the other.

    News wakes the one that waits longest. Whoever looks and leaves something passes the news on;
    it ends with the last share, or with the last one that waits. To be used from one event loop.
    """

    def __init__(self) -> None:
        """Begin with nobody waiting."""
        self._waiting: dict[asyncio.Future[None], int] = {}
        self._news = 0
        self._is_closed = False

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return len(self._waiting)

    def close(self) -> None:
        """Let everybody who waits, now or later, look once more and return."""
        self._is_closed = True
        for future in self._waiting:
            _wake(future)

    def fire(self) -> None:
        """Tell that there may be something to share."""
        self._news += 1
        self.pass_on()

    def pass_on(self) -> None:
        """Wake the next one, unless all have looked since the last news."""
        for future, looked_at in self._waiting.items():
            if not future.done():
                if looked_at < self._news:
                    _wake(future)
                return

    async def wait_until(
        self, look: Callable[[], Awaitable[T | None]], timeout_s: float, again_s: float
    ) -> T | None:
        """Look now and when it is one's turn; return what is seen, None when time is over.

        Args:
            look: returns None if nothing is for the caller; passes on what others may want.
            timeout_s: longest wait; 0 looks once.
            again_s: also look after so many seconds without news, for what time changes.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout_s
        while True:
            turn = loop.create_future()
            self._waiting[turn] = self._news
            try:
                seen = await look()
                left = end - loop.time()
                if seen is not None or left <= 0 or self._is_closed:
                    if turn.done():
                        # News that came during the look is for the next one.
                        self.pass_on()
                    return seen
                await asyncio.wait({turn}, timeout=min(left, again_s))
            except BaseException:
                # Who goes away in its turn leaves it to the next one.
                self.pass_on()
                raise
            finally:
                del self._waiting[turn]
                turn.cancel()


class Changes(Generic[K]):
    """Which things changed since they were last read; more than can be named are all."""

    def __init__(self, named_max: int) -> None:
        """Begin with all of them."""
        self._named_max = named_max
        self._keys: set[K] | None = None

    def __bool__(self) -> bool:
        """Return whether anything changed."""
        return self._keys is None or bool(self._keys)

    def add(self, keys: Iterable[K]) -> None:
        """Note that some changed."""
        if self._keys is not None:
            self._keys.update(keys)
            if len(self._keys) > self._named_max:
                self._keys = None

    def add_all(self) -> None:
        """Note that any may have changed."""
        self._keys = None

    def take(self) -> set[K] | None:
        """Return what changed, None for all, and begin anew."""
        taken, self._keys = self._keys, set()
        return taken


def _wake(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)

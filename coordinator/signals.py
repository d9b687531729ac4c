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
        self.fired = 0
        """How often something was fired; what was seen at a number is news only at another."""

    @property
    def waiting(self) -> int:
        """How many wait now, for whatever key."""
        return sum(map(len, self._waiting.values()))

    def close(self) -> None:
        """Let everybody who waits, now or later, look once more and return."""
        self._is_closed = True
        self.fire(tuple(self._waiting))

    def fire(self, keys: Iterable[K]) -> None:
        """Wake everybody who waits for one of the keys."""
        self.fired += 1
        for key in keys:
            for future in self._waiting.get(key, ()):
                if not future.done():
                    future.set_result(None)

    async def wait_until(
        self,
        key: K,
        look: Callable[[], Awaitable[T | None]],
        timeout_s: float,
        *,
        again_s: float | None = None,
    ) -> T | None:
        """Look now and whenever the key is fired; return what is seen, None when time is over.

        Args:
            key: what to be woken by.
            look: returns None as long as there is nothing to see.
            timeout_s: longest wait; 0 looks once.
            again_s: also look after so many seconds without a signal, for what time changes.
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
                pause = left if again_s is None else min(left, again_s)
                await asyncio.wait({future}, timeout=pause)
            finally:
                self._forget(key, future)

    def _forget(self, key: K, future: "asyncio.Future[None]") -> None:
        future.cancel()
        waiting = self._waiting[key]
        waiting.discard(future)
        if not waiting:
            del self._waiting[key]

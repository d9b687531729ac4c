"""Limits that several nodes count together, in Valkey or Redis.

A storage that does not answer must not take the API down: then each node counts alone, in memory,
and looks again a little later. Health and metrics say so.
"""

import asyncio
import math
import time
from collections.abc import Callable
from typing import Final

import structlog
from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from valkey.asyncio import ConnectionPool
from valkey.exceptions import ValkeyError

from coordinator.http.limits import WINDOW_S, RateLimiter, Standing
from coordinator.http.operation import Policy

ANSWER_S_MAX: Final = 0.25
"""How long one question may take; every request waits for it."""

RETRY_S: Final = 2.0
"""How long a storage that failed is left alone."""

_log = structlog.get_logger("coordinator.http")


class SharedRateLimiter:
    """Counts in a storage that other nodes count in, too. To be used from one event loop."""

    is_shared = True
    """That is what it is for."""

    def __init__(
        self,
        url: str,
        *,
        password: str | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare to count; nothing is connected before the first request.

        Args:
            url: such as ``valkey://10.0.0.5:6379/0`` or ``redis://…``; `valkeys` and `rediss` are
                the same over TLS.
            password: what opens it, if anything has to.
            clock: the time in seconds since the epoch, as the storage's script compares it.
            monotonic: seconds, for what is counted here meanwhile.
        """
        self._connections = ConnectionPool.from_url(
            url,
            password=password,
            socket_timeout=ANSWER_S_MAX,
            socket_connect_timeout=ANSWER_S_MAX,
        )
        self._storage = RedisStorage(
            f"async+{url}",
            implementation="valkey",
            key_prefix="aitbc",
            # Handed on to the client as it is, whatever the library's annotation says.
            connection_pool=self._connections,  # type: ignore[arg-type]
        )
        self._windows = MovingWindowRateLimiter(self._storage)
        self._clock = clock
        self._monotonic = monotonic
        self._alone = RateLimiter(monotonic)
        self._alone_until = -math.inf
        self._is_degraded = False

    @property
    def is_degraded(self) -> bool:
        """Whether this node counts alone."""
        return self._is_degraded

    async def count(self, policy: Policy, subject: str, quota: int) -> tuple[Standing, bool]:
        """Count one request; see `Limiter.count`. It never fails."""
        if self._monotonic() < self._alone_until:
            return self._alone.take(policy, subject, quota)
        try:
            async with asyncio.timeout(2 * ANSWER_S_MAX):
                standing, is_allowed = await self._count_together(policy, subject, quota)
        except (ValkeyError, OSError, TimeoutError) as error:
            self._go_on_alone(error)
            return self._alone.take(policy, subject, quota)
        if self._is_degraded:
            self._is_degraded = False
            _log.info("rate_limits_shared_again")
        return standing, is_allowed

    async def close(self) -> None:
        """End the connections."""
        await self._connections.aclose()

    async def _count_together(
        self, policy: Policy, subject: str, quota: int
    ) -> tuple[Standing, bool]:
        item = RateLimitItemPerSecond(quota, WINDOW_S)
        is_allowed = await self._windows.hit(item, policy.value, subject)
        reset, remaining = await self._windows.get_window_stats(item, policy.value, subject)
        reset_s = min(WINDOW_S, max(1, math.ceil(reset - self._clock())))
        return Standing(policy, quota, remaining, reset_s), is_allowed

    def _go_on_alone(self, error: BaseException) -> None:
        self._alone_until = self._monotonic() + RETRY_S
        if not self._is_degraded:
            self._is_degraded = True
            # Its text may hold the storage's address or password.
            _log.warning("rate_limits_counted_alone", reason=type(error).__name__)

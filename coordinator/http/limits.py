"""Rate limits (L1): sliding windows per key, the documents' three policies and two more.

The `limits` library counts. Its own memory storages start a thread or a task at every hit to
throw old entries away; the one below does that as it goes. Several nodes that share a limit count
in Valkey or Redis: see `shared_limits`.
"""

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from coordinator.http.faults import RateLimitExceeded
from coordinator.http.operation import Policy

WINDOW_S: Final = 60
"""Window of every policy."""

SWEEP_EVERY: Final = 1_024
"""Hits between two sweeps."""


@dataclass(frozen=True, slots=True)
class Quotas:
    """Requests in `WINDOW_S` that each policy allows."""

    submit: int = 100
    """Job submissions (document 003)."""
    status: int = 1_000
    """Job status queries (document 003)."""
    result: int = 500
    """Result retrievals (document 003)."""
    miner: int = 1_000
    """Calls of one miner."""
    miners: int = 20_000
    """Calls of all miners of one key."""
    other: int = 1_000
    """Everything else."""

    def of(self, policy: Policy) -> int:
        """Return the quota of a policy."""
        quota: int = getattr(self, policy.value)
        return quota


class WindowStorage(MemoryStorage):
    """Moving windows in the memory of this process, for one event loop."""

    # Nothing to register: the library's `memory` scheme stays its own class.
    STORAGE_SCHEME: list[str] = []  # noqa: RUF012 - the library declares it so

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Count by a clock of seconds."""
        super().__init__()
        self._clock = clock
        self._windows: dict[str, deque[float]] = {}
        self._hits_until_sweep = SWEEP_EVERY

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count `amount` hits, unless that makes more than `limit` in `expiry` seconds."""
        now = self._clock()
        self._sweep_now_and_then(now - expiry)
        window = self._window(key, now - expiry)
        if len(window) + amount > limit:
            return False
        window.extend([now] * amount)
        return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """Return the time of the oldest hit in the window, and the number of hits."""
        now = self._clock()
        window = self._window(key, now - expiry)
        return (window[0] if window else now), min(len(window), limit)

    def _window(self, key: str, since: float) -> deque[float]:
        window = self._windows.setdefault(key, deque())
        while window and window[0] <= since:
            window.popleft()
        return window

    def _sweep_now_and_then(self, since: float) -> None:
        """Forget windows that ran empty, so that memory follows the callers of the last minute."""
        self._hits_until_sweep -= 1
        if self._hits_until_sweep > 0:
            return
        self._hits_until_sweep = SWEEP_EVERY
        ended = [key for key, window in self._windows.items() if not window or window[-1] <= since]
        for key in ended:
            del self._windows[key]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a caller is in its window, for the headers of draft-ietf-httpapi-ratelimit-headers."""

    policy: Policy
    """Policy that counted."""
    quota: int
    """Requests that it allows."""
    remaining: int
    """Requests that are left."""
    reset_s: int
    """Seconds until the oldest request leaves the window."""

    def headers(self) -> dict[str, str]:
        """Return the fields `RateLimit-Policy` and `RateLimit`."""
        name = self.policy.value
        return {
            "ratelimit-policy": f'"{name}";q={self.quota};w={WINDOW_S}',
            "ratelimit": f'"{name}";r={self.remaining};t={self.reset_s}',
        }


class Limiter(Protocol):
    """Counts requests by policy and subject."""

    @property
    def is_shared(self) -> bool:
        """Whether other nodes count together with this one."""

    @property
    def is_degraded(self) -> bool:
        """Whether it counts less than it should: by this node alone, instead of all together."""

    async def close(self) -> None:
        """Let go of what counting needs."""

    async def count(self, policy: Policy, subject: str, quota: int) -> tuple[Standing, bool]:
        """Count one request; return the standing after it, and whether it may be served.

        Args:
            policy: what is counted.
            subject: whose requests: a key's id, an address, a miner.
            quota: requests allowed in the window.
        """


class RateLimiter:
    """Counts in the memory of this process."""

    is_shared = False
    """Nobody else has this memory."""
    is_degraded = False
    """Memory does not fail."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Count in the memory of this process, by a clock of seconds."""
        self._clock = clock
        self._windows = MovingWindowRateLimiter(WindowStorage(clock))

    async def count(self, policy: Policy, subject: str, quota: int) -> tuple[Standing, bool]:
        """Count one request; see `Limiter.count`."""
        return self.take(policy, subject, quota)

    async def close(self) -> None:
        """Let go of nothing."""

    def take(self, policy: Policy, subject: str, quota: int) -> tuple[Standing, bool]:
        """Count one request, without waiting for anything; see `Limiter.count`."""
        item = RateLimitItemPerSecond(quota, WINDOW_S)
        is_allowed = self._windows.hit(item, policy.value, subject)
        oldest, remaining = self._windows.get_window_stats(item, policy.value, subject)
        reset_s = max(1, math.ceil(oldest - self._clock()))
        return Standing(policy, quota, remaining, reset_s), is_allowed


def refusal(standing: Standing) -> RateLimitExceeded:
    """Return the error of a request above its limit."""
    return RateLimitExceeded(standing.policy, standing.quota, WINDOW_S, standing.reset_s)

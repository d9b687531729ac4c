"""Rate limits (L1): sliding windows per key, the documents' three policies and two more.

Every request is counted, so counting alone takes twenty lines here: the memory storages of the
`limits` library start a thread or a task at every hit, to throw old entries away. Several nodes
that share a limit count with that library, in Valkey or Redis: see `shared_limits`.
"""

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

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


class Windows:
    """Moving windows in the memory of this process, for one event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Count by a clock of seconds."""
        self._clock = clock
        self._windows: dict[tuple[str, str], deque[float]] = {}
        self._hits_until_sweep = SWEEP_EVERY

    def hit(self, policy: str, subject: str, limit: int) -> tuple[bool, int, float]:
        """Count a hit, unless that makes more than `limit` in `WINDOW_S`.

        Returns:
            Whether it was counted, the hits in the window, and the seconds until the oldest of
            them leaves it.
        """
        now = self._clock()
        since = now - WINDOW_S
        self._sweep_now_and_then(since)
        window = self._windows.setdefault((policy, subject), deque())
        while window and window[0] <= since:
            window.popleft()
        is_counted = len(window) < limit
        if is_counted:
            window.append(now)
        oldest = window[0] if window else now
        return is_counted, len(window), oldest + WINDOW_S - now

    def take_back(self, policy: str, subject: str) -> None:
        """Forget the newest hit of a window, which was counted in advance."""
        window = self._windows.get((policy, subject))
        if window:
            window.pop()

    def __len__(self) -> int:
        """Return how many windows are kept."""
        return len(self._windows)

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
        self._windows = Windows(clock)

    async def count(self, policy: Policy, subject: str, quota: int) -> tuple[Standing, bool]:
        """Count one request; see `Limiter.count`."""
        return self.take(policy, subject, quota)

    async def close(self) -> None:
        """Let go of nothing."""

    def take(self, policy: Policy, subject: str, quota: int) -> tuple[Standing, bool]:
        """Count one request, without waiting for anything; see `Limiter.count`."""
        is_allowed, used, leaves_s = self._windows.hit(policy.value, subject, quota)
        remaining, reset_s = max(0, quota - used), max(1, math.ceil(leaves_s))
        return Standing(policy, quota, remaining, reset_s), is_allowed


def refusal(standing: Standing) -> RateLimitExceeded:
    """Return the error of a request above its limit."""
    return RateLimitExceeded(standing.policy, standing.quota, WINDOW_S, standing.reset_s)

"""Settings of the HTTP layer. The node's configuration file is where they come from."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from coordinator.http.limits import Quotas


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """What the routes need to know besides the services."""

    is_devnet: bool = False
    """Whether requests without a key act as the demo identity (A2). The caller has checked that
    only loopback listens."""
    allowed_origins: frozenset[str] = frozenset()
    """Origins of web pages that may call, such as ``https://app.example``; on a devnet loopback
    origins may too."""
    quotas: Quotas = field(default_factory=Quotas)
    """Requests a minute of a key that has no quotas of its own."""
    limits_url: str | None = None
    """Valkey or Redis that several nodes count requests in together; None counts in memory."""
    limits_password: str | None = None
    """What opens it."""
    clock: Callable[[], float] = time.monotonic
    """Seconds, by which requests are counted in memory."""

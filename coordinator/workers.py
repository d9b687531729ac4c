"""Background work: kept running whatever happens, and known to fail for as long as it does.

What the workers do is owed and not attempted, so one that fails is started again, for ever. That
nothing comes of it must not stay in the log alone: `Watch` holds it until a step succeeds.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

import structlog

from coordinator.moment import Clock
from ledger.types import Height, TimestampMs

_log = structlog.get_logger("coordinator")

RESTART_S: Final = 1.0
"""Pause before a worker that failed is started again."""

Done = Callable[[], None]
"""Called by a worker after each step that succeeded."""


@dataclass(frozen=True, slots=True)
class FailingWorker:
    """A worker or a chore that failed, and has done nothing since."""

    name: str
    """Which."""
    failures: int
    """How often it failed since it last did something."""
    since_ms: TimestampMs
    """When the first of these was."""
    error: str
    """Class of the last error; the log has its text."""


@dataclass(frozen=True, slots=True)
class Condition:
    """How the coordinator's background work goes."""

    followed_height: Height | None
    """Last block whose effects the tables hold; None before the first look."""
    failing: tuple[FailingWorker, ...]
    """What fails, by name."""

    @property
    def is_sound(self) -> bool:
        """Whether nothing fails."""
        return not self.failing


class Watch:
    """What fails now. To be used from one event loop."""

    def __init__(self, clock: Clock) -> None:
        """Begin with nothing."""
        self._clock = clock
        self._failing: dict[str, FailingWorker] = {}

    @property
    def failing(self) -> tuple[FailingWorker, ...]:
        """What fails, by name."""
        return tuple(self._failing[name] for name in sorted(self._failing))

    def worked(self, name: str) -> None:
        """Note a step that succeeded."""
        self._failing.pop(name, None)

    def failed(self, name: str, error: Exception) -> None:
        """Note and log a failure; to be called while it is handled."""
        _log.exception("worker failed", worker=name)
        before, kind = self._failing.get(name), type(error).__name__
        self._failing[name] = (
            FailingWorker(name, 1, self._clock(), kind)
            if before is None
            else replace(before, failures=before.failures + 1, error=kind)
        )

    async def attempt(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do one step; that it fails is noted, and concerns nobody else."""
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - logged; the work is still owed
            self.failed(name, error)
        else:
            self.worked(name)

    async def keep_running(self, name: str, run: Callable[[Done], Awaitable[None]]) -> None:
        """Run a worker, and start it again when it fails."""
        while True:
            try:
                await run(lambda: self.worked(name))
            except Exception as error:  # noqa: BLE001 - logged; the work is still owed
                self.failed(name, error)
            await asyncio.sleep(RESTART_S)

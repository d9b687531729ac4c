"""Ends a coordinator at a chosen point: after its n-th durable write, or around a submission."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from sqlalchemy import Connection

from coordinator.ports import SubmitOutcome
from tests.coordinator.world import World

T = TypeVar("T")


class Crash(BaseException):
    """The process is gone. No `except Exception` of the program may survive it."""


class CrashPoint:
    """Counts what leaves traces outside the process, and ends it at one of them."""

    def __init__(self, world: World, at: int) -> None:
        self.passed = 0
        self.at = at
        self._database = world.services.core.database
        self._write = self._database.write
        self._chain = world.chain
        self._submit = world.chain.submit
        self._database.write = self.write  # type: ignore[method-assign]
        self._chain.submit = self.submit  # type: ignore[method-assign]

    def restore(self) -> bool:
        """Let chain and coordinator live on; return whether the point was reached before.

        What is on its way now passes: a worker that died of it would leave a process half alive.
        """
        died = self.passed >= self.at
        if not died:
            self.at = sys.maxsize
        self._chain.submit = self._submit  # type: ignore[method-assign]
        self._database.write = self._write  # type: ignore[method-assign]
        return died

    async def write(self, work: Callable[[Connection], T], *, forgets: bool = False) -> T:
        self._die_if_dead()
        value = await self._write(work, forgets=forgets)
        self._pass()
        return value

    async def submit(self, signed: Sequence[bytes]) -> list[SubmitOutcome]:
        self._pass()
        outcomes = await self._submit(signed)
        self._pass()
        return outcomes

    def _pass(self) -> None:
        self._die_if_dead()
        self.passed += 1
        self._die_if_dead()

    def _die_if_dead(self) -> None:
        if self.passed >= self.at:
            raise Crash


async def live_through(world: World, at: int, life: Callable[[World], Awaitable[None]]) -> bool:
    """Live a life with one crash in it; return whether the coordinator reached that point.

    A life may end just as a worker behind it dies: then, too, the process begins again.

    Args:
        world: started.
        at: point at which the coordinator dies.
        life: what is done; it begins again after the crash and must find what it did before.
    """
    point = CrashPoint(world, at)
    await _until_crash(world, life)
    crashed = point.restore()
    if crashed:
        await world.restart()
        await life(world)
    return crashed


async def _until_crash(world: World, life: Callable[[World], Awaitable[None]]) -> None:
    """Wait until the life ends or is cut short, in a request or in a background worker."""
    task = asyncio.ensure_future(life(world))
    await asyncio.wait({task, *world.services.workers}, return_when=asyncio.FIRST_COMPLETED)
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
    elif (error := task.exception()) is not None and not isinstance(error, Crash):
        raise error

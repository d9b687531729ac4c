"""An event loop on simulated time: a node's own asyncio code runs on it unchanged.

One loop per process. Nothing on it ever waits for the machine: executors run their work on this
thread, after as long as the simulated disk takes. What is ready runs in order of arrival, so the
seed decides everything.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor
from typing import Any, Final, TypeVar, TypeVarTuple, cast

from devnet.simulator.schedule import Schedule

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

STEPS_MAX: Final = 100_000
"""Callbacks that may run without time passing; more is a loop that never waits."""

Guard = Callable[..., None]
"""Runs an action of the process, unless it has ended."""

DelayUs = Callable[[str], int]
"""How long work takes on the executor whose threads have this name."""


class SimLoop:
    """As much of `asyncio.AbstractEventLoop` as a node's parts use.

    Callbacks share one context: nothing in a node sets context variables.
    """

    def __init__(self, schedule: Schedule, guard: Guard, delay_us: DelayUs) -> None:
        """Prepare.

        Args:
            schedule: simulated time.
            guard: every action that begins on the schedule goes through it.
            delay_us: see `DelayUs`.
        """
        self._schedule = schedule
        self._guard = guard
        self._delay_us = delay_us
        self._context = contextvars.copy_context()
        self._loop = cast(asyncio.AbstractEventLoop, self)
        self._ready: deque[asyncio.Handle] = deque()
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._is_dead = False
        self._is_running = False
        self.errors: list[BaseException] = []
        """What tasks failed with that nobody awaits."""

    # ------------------------------------------------------------ for the simulation

    def act(self, action: Callable[..., object], *arguments: object) -> None:
        """Do something as the process, and let everything follow that needs no time."""
        if self._is_running:
            action(*arguments)
            return
        self._is_running = True
        asyncio._set_running_loop(self._loop)  # noqa: SLF001 - what every loop has to do.
        try:
            action(*arguments)
            self._run_ready()
        finally:
            asyncio._set_running_loop(None)  # noqa: SLF001
            self._is_running = False

    def kill(self) -> None:
        """End all tasks. The caller has cut the process off from the world before."""
        self._is_dead = True
        self._ready.clear()
        self._is_running = False
        for task in list(self._tasks):
            task.cancel()
        self.act(lambda: None)
        self._ready.clear()

    def _run_ready(self) -> None:
        ready, steps = self._ready, 0
        while ready:
            handle: Any = ready.popleft()
            if not handle.cancelled():
                try:
                    handle._callback(*handle._args)  # noqa: SLF001 - likewise.
                except Exception as error:  # noqa: BLE001 - as `Handle._run` does.
                    self.call_exception_handler({"exception": error})
            steps += 1
            assert steps < STEPS_MAX, "a process is busy for ever without time passing"

    # ------------------------------------------------------------ for asyncio

    def time(self) -> float:
        """Return simulated seconds."""
        return self._schedule.now_us / 1_000_000

    def call_soon(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """Call back as soon as what is ready now has run."""
        handle = asyncio.Handle(callback, args, self._loop, context or self._context)
        self._ready.append(handle)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call back after a delay in seconds."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call back at a time of `time`."""
        handle = asyncio.TimerHandle(when, callback, args, self._loop, context or self._context)
        if not self._is_dead:
            self._schedule.at(round(when * 1_000_000), self._on_timer, handle)
        return handle

    def _on_timer(self, handle: asyncio.TimerHandle) -> None:
        if not handle.cancelled():
            self._guard(self._ready.append, handle)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Nothing to do: a cancelled timer is passed over when its time comes."""

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future of this loop."""
        return asyncio.Future(loop=self._loop)

    def create_task(
        self,
        coro: Coroutine[Any, Any, T] | Generator[Any, None, T],
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
    ) -> asyncio.Task[T]:
        """Start a task; `kill` ends it."""
        task: asyncio.Task[T] = asyncio.Task(coro, loop=self._loop, name=name, context=context)
        self._tasks[task] = None
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Do work after as long as it takes there; a crash before that does none of it."""
        future: asyncio.Future[T] = self.create_future()
        name = getattr(executor, "_thread_name_prefix", "")
        self._schedule.after(self._delay_us(name), self._guard, self._work, future, func, args)
        return future

    def _work(self, future: asyncio.Future[T], func: Callable[..., T], args: tuple[Any]) -> None:
        if future.cancelled():
            return
        try:
            result = func(*args)
        except Exception as error:  # noqa: BLE001 - who awaits it gets it.
            future.set_exception(error)
        else:
            future.set_result(result)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what a task failed with that nobody awaits."""
        error = context.get("exception")
        if not self._is_dead and isinstance(error, Exception):
            self.errors.append(error)

    def get_debug(self) -> bool:
        """Return False: asyncio's own checks look at real time."""
        return False

    def is_running(self) -> bool:
        """Return whether the process acts now."""
        return self._is_running

    def is_closed(self) -> bool:
        """Return whether the process has ended."""
        return self._is_dead

"""What wakes the driver: the core's timer, and work for the next block."""

import asyncio
from collections.abc import Callable
from typing import Final

from consensus import AwaitWork, Event, Tick, WorkPending
from node.chain import ChainNode
from node.ports import Clock

WORK_CHECK_S_MAX: Final = 60.0
"""Longest wait before looking again when work is due; the wall clock may have jumped."""


class Alarms:
    """Timers on the event loop; posts events and decides nothing."""

    def __init__(self, chain: ChainNode, clock: Clock, post: Callable[[Event], None]) -> None:
        """Prepare.

        Args:
            chain: knows when there is work.
            clock: wall clock for due times, monotonic clock for timeouts.
            post: takes the events.
        """
        self._chain = chain
        self._clock = clock
        self._post = post
        self._timer: asyncio.TimerHandle | None = None
        self._work_timer: asyncio.TimerHandle | None = None
        self._watch: AwaitWork | None = None

    def set_timer(self, at_ms: int | None) -> None:
        """Post a `Tick` at this monotonic time; replaces the earlier request."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if at_ms is not None:
            delay_s = max(0, at_ms - self._clock.monotonic_ms()) / 1_000
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._on_timer, at_ms)

    def await_work(self, watch: AwaitWork | None) -> None:
        """Post `WorkPending` once there is work; replaces the earlier request."""
        self._watch = watch
        self.check_work()

    def check_work(self) -> None:
        """Look whether there is work now; call it whenever the pool grew."""
        if self._work_timer:
            self._work_timer.cancel()
            self._work_timer = None
        watch = self._watch
        if watch is None:
            return
        now_ms = self._clock.wall_ms()
        due_ms = self._chain.work_due_ms(watch.parent.block_id, now_ms, leading=watch.leading)
        if due_ms is None:
            return
        if due_ms <= now_ms:
            self._watch = None
            self._post(WorkPending(self._clock.monotonic_ms(), watch.view))
            return
        delay_s = min((due_ms - now_ms) / 1_000, WORK_CHECK_S_MAX)
        self._work_timer = asyncio.get_running_loop().call_later(delay_s, self.check_work)

    def cancel(self) -> None:
        """Wake nobody any more."""
        self.set_timer(None)
        self.await_work(None)

    def _on_timer(self, at_ms: int) -> None:
        if self._clock.monotonic_ms() < at_ms:  # The loop's timers may fire a little early.
            self.set_timer(at_ms)
        else:
            self._timer = None
            self._post(Tick(self._clock.monotonic_ms()))

"""What wakes the driver: the core's timer, and work for the next block.

A leader's time runs only for what it can know of (E12): before a pooled transaction is reported as
work, it is announced to the leader. One that is not connected is told nothing, and its time runs
all the same, or a dead leader would halt a quiet chain.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from consensus import AwaitWork, Event, Tick, WorkPending
from ledger.types import Hash, View
from node.chain import ChainNode
from node.ports import Clock, FoundWork

WORK_CHECK_S_MAX: Final = 60.0
"""Longest wait before looking again when work is due; the wall clock may have jumped."""


class Alarms:
    """Timers on the event loop; posts events and decides nothing."""

    def __init__(
        self,
        chain: ChainNode,
        clock: Clock,
        post: Callable[[Event], None],
        share: Callable[[View, FoundWork], None] = lambda _view, _found: None,
    ) -> None:
        """Prepare.

        Args:
            chain: knows when there is work.
            clock: wall clock for due times, monotonic clock for timeouts.
            post: takes the events.
            share: announces a transaction to the leader of a view, unless that has it (E12).
        """
        self._chain = chain
        self._clock = clock
        self._post = post
        self._share = share
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

    def listen(self) -> None:
        """Look again whenever the pool grows, and when the awaited parent is final.

        A parent that is final before its block is here says nothing until that is executed.
        """
        self._chain.on_growth(self.check_work)
        self._chain.on_final(lambda _parent, view: self._on_final(view.block_id))

    def check_work(self) -> None:
        """Look whether there is work now."""
        if self._work_timer:
            self._work_timer.cancel()
            self._work_timer = None
        watch = self._watch
        if watch is None:
            return
        now_ms = self._clock.wall_ms()
        work = self._chain.work_at(watch.parent.block_id, now_ms, leading=watch.leading)
        if work is None:
            return
        if work.due_ms <= now_ms:
            self._watch = None
            if not watch.leading and work.found is not None:
                self._share(watch.view, work.found)
            self._post(WorkPending(self._clock.monotonic_ms(), watch.view))
            return
        delay_s = min((work.due_ms - now_ms) / 1_000, WORK_CHECK_S_MAX)
        self._work_timer = asyncio.get_running_loop().call_later(delay_s, self.check_work)

    def cancel(self) -> None:
        """Wake nobody any more."""
        self.set_timer(None)
        self.await_work(None)

    def _on_final(self, block_id: Hash) -> None:
        if self._watch is not None and self._watch.parent.block_id == block_id:
            self.check_work()

    def _on_timer(self, at_ms: int) -> None:
        if self._clock.monotonic_ms() < at_ms:  # The loop's timers may fire a little early.
            self.set_timer(at_ms)
        else:
            self._timer = None
            self._post(Tick(self._clock.monotonic_ms()))

"""Runs the indexer in a process of its own, and knows how far it is.

The index may lag and can be rebuilt, so no block waits for it: it is woken by final blocks, and
when its process dies or refuses a block, lists and pages stand still, not the chain. It is started
again, after longer and longer pauses; the status, the metrics and the log say why.
"""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Final

import msgspec
import structlog

from ledger.types import Height
from node.index_runners import IndexRunner, Place, start_runner
from node.index_worker import IndexReport, IndexSettings
from node.ports import Clock

LOST: Final = "INDEX_PROCESS_LOST"
"""Code of a process that ended without a word."""

RETRY_S_MIN: Final = 0.5
"""Pause before the first new start."""

RETRY_S_MAX: Final = 30.0
"""Longest pause; each is twice the one before, until a process makes progress."""

STOP_S: Final = 10
"""How long the process may take to end after its input did: a batch and its commit."""

FAR_BLOCKS: Final = 1_000
"""Lag from which on the log says how the index catches up."""

TELL_S: Final = 10.0
"""Time between two lines of the log about that."""

TIMES_MAX: Final = 4_096
"""Final blocks that are not indexed and whose arrival is remembered, to say how long they wait."""

log = structlog.get_logger(__name__)


class IndexProcess:
    """The process. Used on the event loop."""

    def __init__(
        self,
        settings: IndexSettings,
        clock: Clock,
        *,
        height: Height,
        final_height: Height,
        place: Place = "process",
    ) -> None:
        """Prepare; nothing runs yet.

        Args:
            settings: what to index.
            clock: its monotonic clock says how long blocks wait.
            height: newest indexed block; -1 before genesis.
            final_height: newest final block.
            place: where the indexer runs.
        """
        self._place = place
        self._settings = settings
        self._clock = clock
        self._height = height
        self._final_height = final_height
        self._arrived_ms = clock.monotonic_ms()
        self._arrivals: deque[tuple[Height, int]] = deque()
        if self.lag_blocks:
            self._arrivals.append((final_height, self._arrived_ms))
        self._code = ""
        self._detail = ""
        self._restarts = 0
        self._change = asyncio.Event()
        self._runner: IndexRunner | None = None
        self._running: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._told_s = clock.monotonic_ms() / 1_000

    @property
    def height(self) -> Height:
        """Height up to which the index is complete; -1 before genesis."""
        return self._height

    @property
    def fault(self) -> str:
        """Code of the error that holds the index up; empty when there is none."""
        return self._code

    @property
    def fault_detail(self) -> str:
        """What that error says, for the operator."""
        return self._detail

    @property
    def lag_blocks(self) -> int:
        """Final blocks that are not indexed yet."""
        return max(0, self._final_height - self._height)

    @property
    def lag_ms(self) -> int:
        """How long the oldest of them has waited; since this node's start if it is from before."""
        if not self.lag_blocks:
            return 0
        since_ms = self._arrivals[0][1] if self._arrivals else self._arrived_ms
        return self._clock.monotonic_ms() - since_ms

    @property
    def restarts(self) -> int:
        """How often the process had to be started again."""
        return self._restarts

    @property
    def pid(self) -> int | None:
        """Number of the process, if one was started."""
        return None if self._runner is None else self._runner.pid

    async def start(self) -> None:
        """Start the process; returns when it runs, not when it has indexed anything."""
        if self._height < 0 < self._final_height:
            log.info("index_made_anew", final_height=self._final_height)
        self._runner = await start_runner(self._place, self._settings)
        self._running = asyncio.create_task(self._run(self._runner), name="index")

    async def stop(self) -> None:
        """End the process; what it has committed stays."""
        self._stopping.set()
        if self._running is None or self._runner is None:
            return
        self._runner.close_input()
        try:
            async with asyncio.timeout(STOP_S):
                await asyncio.shield(self._running)
        except TimeoutError:
            self._runner.kill()
            await self._running

    def on_final(self, height: Height) -> None:
        """Say that there is a new final block."""
        if len(self._arrivals) < TIMES_MAX:
            self._arrivals.append((height, self._clock.monotonic_ms()))
        self._final_height = height
        if self._runner is not None:
            self._runner.wake()

    async def wait_for(self, height: Height, timeout_s: float) -> bool:
        """Wait until a height is indexed; return whether it is, False when the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self._height < height:
                    await self.changed()
        return self._height >= height

    async def changed(self) -> None:
        """Wait until the height, the fault or the process is another."""
        await self._change.wait()

    def _tell_change(self) -> None:
        change, self._change = self._change, asyncio.Event()
        change.set()

    async def _run(self, started: IndexRunner) -> None:
        """Hear the process; start it again when it ends."""
        pause_s, runner = RETRY_S_MIN, started
        while True:
            before = self._height
            await self._hear(runner)
            status = await runner.wait()
            if self._stopping.is_set():
                return
            pause_s = RETRY_S_MIN if self._height > before else min(RETRY_S_MAX, 2 * pause_s)
            self._note_end(status, pause_s)
            again = await self._start_again(pause_s)
            if again is None:
                return
            runner = again

    async def _start_again(self, pause_s: float) -> IndexRunner | None:
        """Start a process in the place of one that has ended; return None if the node stops."""
        while not await self._is_stopped_within(pause_s):
            try:
                runner = self._runner = await start_runner(self._place, self._settings)
            except OSError as error:
                log.warning("index_not_started", reason=str(error))
                pause_s = RETRY_S_MAX
                continue
            self._restarts += 1
            if self._stopping.is_set():  # That came while the process was being made.
                runner.close_input()
            self._tell_change()
            return runner
        return None

    async def _hear(self, runner: IndexRunner) -> None:
        """Take in reports until the process closes its output."""
        with suppress(ConnectionError):
            async for line in runner.reports:
                try:
                    report = msgspec.json.decode(line, type=IndexReport)
                except msgspec.DecodeError:
                    return  # It was killed within a line.
                self._take(report)

    def _take(self, report: IndexReport) -> None:
        """Note what the process says."""
        if report.code:
            if report.code != self._code:
                log.error("index_stands_still", code=report.code, detail=report.detail)
            self._code, self._detail = report.code, report.detail
            self._tell_change()
            return
        if self._code and (report.is_waiting or report.height > self._height):
            log.info("index_goes_on", height=report.height)
            self._code = self._detail = ""
            self._tell_change()
        if report.height == self._height:
            return
        self._height = report.height
        while self._arrivals and self._arrivals[0][0] <= self._height:
            self._arrived_ms = self._arrivals.popleft()[1]
        self._tell_progress()
        self._tell_change()

    def _tell_progress(self) -> None:
        """Say in the log now and then how an index that is far behind catches up."""
        now_s = self._clock.monotonic_ms() / 1_000
        if self.lag_blocks >= FAR_BLOCKS and now_s - self._told_s >= TELL_S:
            self._told_s = now_s
            log.info("index_catches_up", height=self._height, final_height=self._final_height)

    def _note_end(self, status: int, pause_s: float) -> None:
        """Note that the process ended although nobody wanted it to."""
        if not self._code:
            self._code = LOST
            self._detail = f"the process that writes the index ended with status {status}"
        self._tell_change()
        log.warning("index_process_ended", code=self._code, status=status, pause_s=pause_s)

    async def _is_stopped_within(self, seconds: float) -> bool:
        """Wait before the next start, not longer than until the node stops."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        return self._stopping.is_set()

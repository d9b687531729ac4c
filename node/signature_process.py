"""A process that verifies frames of signatures, and another in its place when it fails.

One task of this object's own reads all answers. Nobody who waits for a verdict touches the pipe, so
that no caller who is cancelled can leave an answer unread, which the next frame would get. Beside
that, an answer names its frame, and a process that answers anything but the oldest frame which it
has is not asked again: it is killed, and what it has is verified elsewhere.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import structlog

from node.signature_frames import Frame, Lanes
from node.signature_worker import HEAD_BYTES, head_of

COMMAND: Final = (sys.executable, "-m", "node.signature_worker")
"""What is started."""

FRAMES_AT_ONCE: Final = 2
"""Frames that a process has at a time: one that it works on, and one more, so that it need not wait
for this loop in between. What is urgent waits for no more than these."""

STOP_SECONDS: Final = 5
"""How long a worker may take to notice that its input ended."""

RETRY_S_MIN: Final = 0.5
"""Pause before a process is started in the place of one that answered nothing."""

RETRY_S_MAX: Final = 30.0
"""Longest pause; each is twice the one before, until a process answers."""

VERDICTS: Final = b"\x00\x01"
"""Bytes that an answer consists of."""

log = structlog.get_logger(__name__)


class _AnswerUnexpected(Exception):
    """A process answered something else than the oldest frame that it has."""


class VerifyingProcess:
    """The process; used on the event loop.

    Args:
        tag: what signatures are over.
        lanes: where frames come from.
        lost: is given the frames whose process failed.
    """

    def __init__(self, tag: bytes, lanes: Lanes, lost: Callable[[Sequence[Frame]], None]) -> None:
        self._tag = tag
        self._lanes = lanes
        self._lost = lost
        self._process: Process | None = None
        self._failed: Process | None = None
        self._flying: deque[tuple[bytes, Frame]] = deque()
        self._number = 0
        self._pause_s = 0.0
        self._keeping: asyncio.Task[None] | None = None
        self.running = asyncio.Event()
        """Set while there is a process that takes frames."""

    @property
    def pid(self) -> int | None:
        """Number of the process, None while there is none."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start the process; if that fails, it is tried again later."""
        await self._try_to_start()
        self._keeping = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """End the process; what it has goes to `lost`."""
        if self._keeping is None:
            return
        self._keeping.cancel()
        await asyncio.wait({self._keeping})
        self._keeping = None
        if self._process is not None:
            self._give_up()
        if self._failed is not None:
            await _end(self._failed)

    def fill(self, frames_max: int) -> None:
        """Give the process frames until it has this many, or no more wait."""
        process = self._process
        if process is None:
            return
        assert process.stdin is not None
        while len(self._flying) < frames_max:
            frame = self._lanes.take()
            if frame is None:
                return
            self._number += 1
            head = head_of(self._number, len(frame.records))
            self._flying.append((head, frame))
            # Nobody waits for the pipe to take it: what it has not read is bounded by now.
            process.stdin.write(head + b"".join(frame.records))

    async def _keep(self) -> None:
        """Take in answers; start another process when this one fails. Runs until cancelled."""
        while True:
            process = self._process
            if process is not None:
                reason = await self._hear(process)
                log.warning("signature_worker_lost", pid=process.pid, reason=reason)
                self._give_up()
                await _end(process)
                self._failed = None
            await asyncio.sleep(self._pause_s)
            await self._try_to_start()

    async def _try_to_start(self) -> None:
        self._pause_s = min(RETRY_S_MAX, max(RETRY_S_MIN, 2 * self._pause_s))
        try:
            process = await asyncio.create_subprocess_exec(*COMMAND, stdin=PIPE, stdout=PIPE)
        except (OSError, RuntimeError) as error:  # The latter when no thread can watch over it.
            log.warning("signature_worker_not_started", reason=str(error))
            return
        assert process.stdin is not None
        process.stdin.write(self._tag)
        self._process = process
        self.running.set()
        self.fill(FRAMES_AT_ONCE)

    async def _hear(self, process: Process) -> str:
        """Take in answers until the process fails; return how it did.

        One that ended by itself is not killed: that would take its exit code from whoever waits.
        """
        assert process.stdout is not None
        try:
            while True:
                await self._hear_answer(process.stdout)
                self._pause_s = 0
                self.fill(FRAMES_AT_ONCE)
        except (OSError, asyncio.IncompleteReadError):
            return "it ended"
        except _AnswerUnexpected as error:
            with suppress(ProcessLookupError):
                process.kill()
            return str(error)

    async def _hear_answer(self, output: asyncio.StreamReader) -> None:
        head = await output.readexactly(HEAD_BYTES)
        if not self._flying or head != self._flying[0][0]:
            raise _AnswerUnexpected("its answer is not to the frame that it was given")
        frame = self._flying[0][1]
        verdicts = await output.readexactly(len(frame.records))
        if verdicts.translate(None, VERDICTS):
            raise _AnswerUnexpected("its answer has bytes that are no verdict")
        self._flying.popleft()
        self._lanes.conclude(frame, verdicts)

    def _give_up(self) -> None:
        """Take back what the process has; no frame is given to it any more, and it has to end."""
        self._failed, self._process = self._process, None
        self.running.clear()
        frames = [frame for _, frame in self._flying]
        self._flying.clear()
        self._lost(frames)


async def _end(process: Process) -> None:
    """Close the process' input and wait until it ended; kill it if that takes too long."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            with suppress(OSError):
                await process.communicate()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()

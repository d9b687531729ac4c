"""Where the indexer runs: a process of its own, or for tests a thread of the node's.

Both run `node.index_worker.serve` at the other ends of two pipes, and end when their input does.
"""

import asyncio
import os
import sys
import threading
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from typing import Final, Literal, Protocol, Self

import msgspec

from node.index_worker import IndexSettings, serve

Place = Literal["process", "thread"]
"""``process`` keeps the indexer's work off the event loop; a thread saves its start."""

LINE_BYTES_MAX: Final = 65_536
"""Longest report."""


class IndexRunner(Protocol):
    """A running indexer."""

    reports: asyncio.StreamReader
    """Its output: a report a line."""

    @property
    def pid(self) -> int:
        """Number of the process that it runs in."""

    def wake(self) -> None:
        """Say that there are new final blocks; never waits."""

    def close_input(self) -> None:
        """Have it end after what it is doing."""

    def kill(self) -> None:
        """End it at once, if that can be done."""

    async def wait(self) -> int:
        """Return its exit status when it has ended."""


async def start_runner(place: Place, settings: IndexSettings) -> IndexRunner:
    """Start an indexer.

    Raises:
        OSError: the system has no process, thread or pipe to give.
    """
    return await (_InProcess if place == "process" else _InThread).start(settings)


class _InProcess:
    """An indexer in a process of its own."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._input = process.stdin
        self.reports = process.stdout

    @classmethod
    async def start(cls, settings: IndexSettings) -> Self:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "node.index_worker",
            stdin=PIPE,
            stdout=PIPE,
            limit=LINE_BYTES_MAX,
        )
        runner = cls(process)
        runner._input.write(_first_line(settings))
        return runner

    @property
    def pid(self) -> int:
        return self._process.pid

    def wake(self) -> None:
        # What is still in the buffer will wake it as well.
        if not self._input.is_closing() and not self._input.transport.get_write_buffer_size():
            self._input.write(b"\n")

    def close_input(self) -> None:
        self._input.close()

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()

    async def wait(self) -> int:
        return await self._process.wait()


class _InThread:
    """An indexer in a thread: slower beside a busy event loop, and started at once."""

    def __init__(self, reports: asyncio.StreamReader, wakes: int, thread: threading.Thread) -> None:
        self.reports = reports
        self._wakes: int | None = wakes
        self._thread = thread

    @classmethod
    async def start(cls, settings: IndexSettings) -> Self:
        source, wakes = os.pipe()
        output, sink = os.pipe()
        os.set_blocking(wakes, False)
        reports = asyncio.StreamReader(limit=LINE_BYTES_MAX)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reports), os.fdopen(output, "rb")
        )

        def work() -> None:
            try:
                with os.fdopen(sink, "wb") as reported:
                    serve(source, reported, {})
            finally:
                os.close(source)

        thread = threading.Thread(target=work, name="indexer", daemon=True)
        runner = cls(reports, wakes, thread)
        os.write(wakes, _first_line(settings))
        thread.start()
        return runner

    @property
    def pid(self) -> int:
        return os.getpid()

    def wake(self) -> None:
        # A full pipe wakes it as well; one that has ended is started anew with what is new then.
        if self._wakes is not None:
            with suppress(BlockingIOError, BrokenPipeError):
                os.write(self._wakes, b"\n")

    def close_input(self) -> None:
        wakes, self._wakes = self._wakes, None
        if wakes is not None:
            os.close(wakes)

    def kill(self) -> None:
        self.close_input()

    async def wait(self) -> int:
        await asyncio.to_thread(self._thread.join)
        self.close_input()
        return 0


def _first_line(settings: IndexSettings) -> bytes:
    return msgspec.json.encode(settings) + b"\n"

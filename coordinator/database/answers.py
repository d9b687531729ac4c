"""Answers of the database's threads, on their way to those that wait in an event loop.

The standard library's way makes three objects and wakes the loop through two of them for each
call: more work than most reads and writes themselves.
"""

import asyncio
import contextlib
from collections import deque


class Answers:
    """Answers on their way to an event loop, which is woken once for all that wait then."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Answer in a loop."""
        self.loop = loop
        self._settled: deque[tuple[asyncio.Future[object], object, BaseException | None]] = deque()
        self._is_called = False

    def put(
        self, future: "asyncio.Future[object]", value: object, error: BaseException | None
    ) -> None:
        """Hand over an answer; for the database's threads."""
        self._settled.append((future, value, error))
        if self._is_called:
            # The loop has not begun to look, and will find this one, too.
            return
        self._is_called = True
        # A loop that has ended has nobody who waits.
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._give)

    def _give(self) -> None:
        # First this: whoever finds it set has its answer among those that are looked at now.
        self._is_called = False
        while self._settled:
            future, value, error = self._settled.popleft()
            if future.done():
                continue
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)


class Asked:
    """One call, of which somebody awaits `future`; whoever stops waiting stops nothing else."""

    __slots__ = ("_answers", "future")

    def __init__(self, answers: Answers) -> None:
        """Make the future of a call; in the loop of the answers."""
        self.future: asyncio.Future[object] = answers.loop.create_future()
        self._answers = answers

    def answer(self, value: object) -> None:
        """Tell what came of it."""
        self._answers.put(self.future, value, None)

    def refuse(self, error: BaseException) -> None:
        """Tell why nothing came of it."""
        self._answers.put(self.future, None, error)


class Desk:
    """Where calls are made: it keeps the answers of the loop that runs."""

    def __init__(self) -> None:
        """Open a desk; nobody waits."""
        self._answers: Answers | None = None

    def ask(self) -> Asked:
        """Make a call in the running loop."""
        loop = asyncio.get_running_loop()
        if self._answers is None or self._answers.loop is not loop:
            self._answers = Answers(loop)
        return Asked(self._answers)

"""The end of a sandbox: when nothing that ran in it is left.

bubblewrap ends as soon as the program does. What the program left behind is ended by the kernel
right after, and until then it still writes. The first process of the sandbox, whose number
bubblewrap tells, is the last to go: the kernel lets it end when all others of its process
namespace have. It is waited for by a descriptor, since its number may be given to another.
"""

import contextlib
import os
import re
import select
from collections.abc import Iterator
from typing import Final

from miner.work import RunnerFailed

_SECONDS_MAX: Final = 60.0
"""How long the kernel may take to end what is left; it needs milliseconds."""

_FIRST: Final = re.compile(rb'"child-pid": *([0-9]+)')


class SandboxEnd:
    """Watches one sandbox. Use it in this order: `info`, `began`, `wait`."""

    def __init__(self) -> None:
        """Prepare to be told; `watching_sandbox` closes what this opens."""
        self._told, self.info = os.pipe()
        self._first: int | None = None

    def began(self) -> None:
        """Find the first process, once bubblewrap's was started with `info` and before it is ended.

        Returns when the sandbox is made, or could not be made.
        """
        # While this process could write too, there would be no end to read to.
        self._close_info()
        with open(self._told, "rb", closefd=False) as told:
            text = told.read()
        # Of a sandbox that could not be finished, the JSON is not whole.
        found = _FIRST.search(text)
        if found is not None:
            # It may be gone already, and then all others are.
            with contextlib.suppress(ProcessLookupError):
                self._first = os.pidfd_open(int(found[1]))

    def wait(self) -> None:
        """Wait until all processes of the sandbox are gone, after bubblewrap's is.

        Raises:
            RunnerFailed: they are not, for a minute.
        """
        if self._first is None:
            return
        gone = select.poll()
        gone.register(self._first, select.POLLIN)
        if not gone.poll(_SECONDS_MAX * 1_000):
            raise RunnerFailed("what the program started does not end")

    def close(self) -> None:
        """Close all descriptors."""
        self._close_info()
        os.close(self._told)
        if self._first is not None:
            os.close(self._first)

    def _close_info(self) -> None:
        if self.info >= 0:
            os.close(self.info)
            self.info = -1


@contextlib.contextmanager
def watching_sandbox() -> Iterator[SandboxEnd]:
    """Watch a sandbox that is started in the context."""
    end = SandboxEnd()
    try:
        yield end
    finally:
        end.close()

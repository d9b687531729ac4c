"""Shows the text of an attempt while it is made.

It is for people who watch. The work never waits for it, and what cannot be shown is not shown:
the result, which the receipt commits to, is delivered later and whole.
"""

import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from aitbc import AitbcError, ApiError
from miner.log import Log
from miner.node_api import Lease, NodeApi

INTERVAL_S: Final = 0.25
"""Time between two messages: faster than people read, slow enough for every limit."""

PAUSE_MAX_S: Final = 8.0
"""Longest time between two messages, once the node does not take them."""

MESSAGE_CHARACTERS_MAX: Final = 8_192
"""Text of one message."""

TEXT_CHARACTERS_MAX: Final = 262_144
"""Text of one attempt that is shown."""

_OVER: Final = frozenset({400, 401, 403, 404, 405, 409})
"""Answers after which nothing more is sent: the attempt is over, or the node takes no text."""


class Speaker:
    """Sends text in batches, from a thread of its own; a context manager around the work."""

    def __init__(
        self, api: NodeApi, lease: Lease, log: Log, refused: Callable[[str], None]
    ) -> None:
        """Prepare; nothing is sent before there is text.

        Args:
            api: takes the text.
            lease: of the attempt.
            log: where it is told that text is not shown.
            refused: called with the code of an answer after which nothing more is sent, from the
                thread that sends: the node may say in it that the attempt is over.
        """
        self._api = api
        self._lease = lease
        self._log = log
        self._refused = refused
        # Filled by the work's thread, emptied by ours into the text that only ours touches.
        self._said: deque[str] = deque()
        self._said_length = 0
        self._text = ""
        self._sent = 0
        self._is_over = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Send what is left, once, and end; what a failed attempt said is of no use to anybody."""
        self._is_over = self._is_over or error is not None
        self._ended.set()
        self._thread.join()

    def say(self, text: str) -> None:
        """Take what was added to the text; returns at once."""
        if self._said_length < TEXT_CHARACTERS_MAX:
            self._said.append(text)
            self._said_length += len(text)

    def _run(self) -> None:
        pause_s = INTERVAL_S
        while not self._ended.wait(pause_s):
            pause_s = INTERVAL_S if self._send() else min(PAUSE_MAX_S, 2 * pause_s)
        # What is left; a node that asks for the same again and again is not humoured.
        for _ in range(2 + TEXT_CHARACTERS_MAX // MESSAGE_CHARACTERS_MAX):
            if not self._send() or self._sent == len(self._text):
                return

    def _send(self) -> bool:
        """Send the next piece, if there is one; return whether the node took it."""
        self._text += "".join(self._said.popleft() for _ in range(len(self._said)))
        piece = self._text[self._sent : self._sent + MESSAGE_CHARACTERS_MAX]
        if self._is_over or not piece:
            return not self._is_over
        try:
            next_offset = self._api.say(self._lease, self._sent, piece)
        except ApiError as error:
            self._is_over = error.status in _OVER
            self._log.info("text not shown", code=error.error_code)
            if self._is_over:
                self._refused(error.error_code)
            return False
        except AitbcError as error:
            self._log.info("text not shown", error=error)
            return False
        # It may be less: a node that was started anew has forgotten what it was told.
        self._sent = min(next_offset, len(self._text))
        return True

"""Server-sent events of one job: its states, and its text as it comes.

The id of an event is a bookmark: the newest change of state that its reader knows, and where it is
in the text of which attempt. A reader that comes back with it is told what it missed.
"""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from coordinator.events.feed import Bookmark, Idle, JobFeed, StateChange
from coordinator.events.listener import Listener
from coordinator.events.live_keys import LiveKeys
from coordinator.events.texts import Passage
from coordinator.events.wording import compact, job_message
from coordinator.http.faults import FieldInvalid
from coordinator.values import JsonValue
from coordinator.wire import job_text
from ledger.types import Hash

EVENT_STREAM: Final = "text/event-stream"

KEEP_ALIVE_S: Final = 15.0
"""Longest silence; then a comment is sent, which proxies and readers see as life."""

RETRY_MS: Final = 2_000
"""How long a reader that lost the connection shall wait before it comes back."""

_BOOKMARK = re.compile(r"([0-9]{1,15})(?:-([0-9]{1,9})-([0-9]{1,9}))?", re.ASCII)


def frame(event: str, data: JsonValue, event_id: str | None = None) -> bytes:
    """Return one event in the format of the HTML standard."""
    lines = [f"event: {event}", f"data: {compact(data)}"]
    if event_id is not None:
        lines.insert(0, f"id: {event_id}")
    return ("\n".join(lines) + "\n\n").encode()


def comment(text: str) -> bytes:
    """Return what readers ignore."""
    return f": {text}\n\n".encode()


def parse_bookmark(text: str, parameter: str) -> Bookmark:
    """Return where a reader was.

    Args:
        text: `Last-Event-ID`, or the parameter `since`: `SEQ` or `SEQ-ATTEMPT-OFFSET`.
        parameter: its name, for the error.

    Raises:
        FieldInvalid: no id of an event of such a stream.
    """
    match = _BOOKMARK.fullmatch(text)
    if match is None:
        raise FieldInvalid(parameter, "must be the id of an event of this stream")
    seq, attempt, offset = (int(part or 0) for part in match.groups())
    # A bare 0 asks for everything; the whole id of place 0 was given with the order's state.
    knows_order = seq == attempt == 0 and match[2] is not None
    return Bookmark(seq, attempt, offset, knows_order)


class JobEvents:
    """The events of a job for one reader."""

    def __init__(self, feed: JobFeed, keys: LiveKeys, listener: Listener, job_id: Hash) -> None:
        """Prepare for a reader whose the job is."""
        self._feed = feed
        self._keys = keys
        self._listener = listener
        self._job_id = job_id
        self._at = Bookmark()

    async def stream(self, bookmark: Bookmark | None) -> AsyncGenerator[bytes, None]:
        """Yield events until the final state, or until the node stops or the key ends."""
        self._at = bookmark or Bookmark()
        yield f"retry: {RETRY_MS}\n\n".encode()
        steps = self._feed.follow(self._job_id, bookmark, with_text=True, idle_s=KEEP_ALIVE_S)
        async with aclosing(steps):
            async for step in steps:
                match step:
                    case StateChange():
                        yield self._state(step)
                    case Passage():
                        yield self._text(step)
                    case Idle():
                        if not await self._keys.is_live(self._listener.principal):
                            return
                        yield comment("still there")

    def _state(self, change: StateChange) -> bytes:
        if change.attempt != self._at.attempt:
            self._at = Bookmark(change.seq, change.attempt, 0)
        else:
            self._at = Bookmark(change.seq, change.attempt, self._at.offset)
        message = job_message(self._listener.version, self._job_id, change)
        message["attempt"] = change.attempt
        return frame("state", message, self._id())

    def _text(self, passage: Passage) -> bytes:
        self._at = Bookmark(self._at.seq, passage.attempt, passage.end)
        data: dict[str, JsonValue] = {
            "job_id": job_text(self._job_id),
            "attempt": passage.attempt,
            "offset": passage.offset,
            "text": passage.text,
        }
        return frame("text", data, self._id())

    def _id(self) -> str:
        return f"{self._at.seq}-{self._at.attempt}-{self._at.offset}"

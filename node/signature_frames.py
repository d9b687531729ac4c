"""Signature claims that wait to be verified, in frames: each claim once, in one of two lanes.

What consensus waits for goes first: a vote must not stand behind what anybody may send us by HTTP.
A claim that is in a frame already, queued or with a process, is not put into another: who asks for
it waits for that frame, and if it is in more of a hurry than the frame, the frame changes lanes. A
frame is known until those who waited for it have its verdicts, so that nobody asks for it anew
between the verdicts and what they are remembered in.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

FRAME_RECORDS_MAX: Final = 250
"""Claims of one frame; 12 ms of one core's work, so what is urgent does not wait long."""


@dataclass(eq=False, slots=True)
class Frame:
    """Claims that are verified together."""

    records: Sequence[bytes]
    """Each as workers read it; all different."""
    verdicts: asyncio.Future[bytes]
    """One byte a record, 1 where its signature verifies. Wait for it with `asyncio.wait`, which
    cancels nothing: others may be waiting, too."""
    waiters: int = 0
    """How many wait for it. One that nobody waits for any more is not verified."""
    is_taken: bool = False
    """Whether it is being verified, or was dropped."""


class Lanes:
    """Frames that nobody works on yet, and all that somebody waits for; used on the event loop."""

    def __init__(self, shares: int) -> None:
        """Begin with none.

        Args:
            shares: how many a batch is divided among.
        """
        self._shares = shares
        self._urgent: deque[Frame] = deque()
        self._ordinary: deque[Frame] = deque()
        self._frames: dict[bytes, Frame] = {}

    def enlist(
        self, records: Sequence[bytes], *, is_urgent: bool
    ) -> tuple[list[Frame], list[Frame]]:
        """Return frames that hold these records: those that do already, and new ones for the rest.

        The new ones hold nothing else, and in this order. The caller counts as one that waits for
        each of all these frames; it has to `leave` them.

        Args:
            records: all different.
            is_urgent: whether a vote waits for them.
        """
        known: dict[Frame, None] = {}
        rest = records
        if not self._frames.keys().isdisjoint(records):
            known = dict.fromkeys(
                self._frames[record] for record in records if record in self._frames
            )
            rest = [record for record in records if record not in self._frames]
        if is_urgent:
            self._urgent.extend(frame for frame in known if not frame.is_taken)
        new = self._new_frames(rest, is_urgent=is_urgent)
        for frame in (*known, *new):
            frame.waiters += 1
        return list(known), new

    def leave(self, frames: Iterable[Frame]) -> None:
        """Note that one of those who waited for these frames does not any more."""
        for frame in frames:
            frame.waiters -= 1
            if not frame.waiters and frame.verdicts.done():
                self._forget(frame)

    def take(self) -> Frame | None:
        """Return the frame that is to be verified next; None if there is none."""
        for lane in (self._urgent, self._ordinary):
            while lane:
                frame = lane.popleft()
                if frame.is_taken:  # It changed lanes.
                    continue
                frame.is_taken = True
                if frame.waiters:
                    return frame
                self.drop(frame)
        return None

    def drop(self, frame: Frame) -> None:
        """Forget a frame that nobody waits for."""
        assert not frame.waiters
        self._forget(frame)
        frame.verdicts.cancel()

    def conclude(self, frame: Frame, verdicts: bytes) -> None:
        """Give those who wait for a frame its verdicts, one a record and in their order."""
        assert len(verdicts) == len(frame.records)
        frame.verdicts.set_result(verdicts)
        if not frame.waiters:
            self._forget(frame)

    def _new_frames(self, records: Sequence[bytes], *, is_urgent: bool) -> list[Frame]:
        if not records:
            return []
        count = max(self._shares, -(-len(records) // FRAME_RECORDS_MAX))
        size = -(-len(records) // count)
        loop, frames = asyncio.get_running_loop(), []
        for at in range(0, len(records), size):
            frame = Frame(records[at : at + size], loop.create_future())
            self._frames.update(dict.fromkeys(frame.records, frame))
            frames.append(frame)
        (self._urgent if is_urgent else self._ordinary).extend(frames)
        return frames

    def _forget(self, frame: Frame) -> None:
        for record in frame.records:
            del self._frames[record]

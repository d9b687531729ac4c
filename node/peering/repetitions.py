"""Votes that a member sent a moment ago: the same again teaches nothing, and costs as much."""

from typing import Final

from consensus import Vote

PAUSE_MS: Final = 100
"""After this a vote is passed on again: it may have come too early for consensus to take it (E8),
and its sender repeats it much later than this."""

REMEMBERED_MAX: Final = 64
"""Votes of each member; an honest one sends a few in this time."""


class Repetitions:
    """What each member sent last."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._came_ms: dict[int, dict[tuple[Vote, bool], int]] = {}

    def is_new(self, vote: Vote, now_ms: int, *, has_block: bool) -> bool:
        """Return whether a vote of its signer did not come a moment ago, and remember it.

        Args:
            vote: sent by its signer.
            now_ms: monotonic time.
            has_block: whether it came with its block; without it, it says less.
        """
        came_ms = self._came_ms.setdefault(vote.signer, {})
        said = (vote, has_block)
        last_ms = came_ms.get(said)
        if last_ms is not None and now_ms < last_ms + PAUSE_MS:
            return False
        came_ms.pop(said, None)
        came_ms[said] = now_ms
        if len(came_ms) > REMEMBERED_MAX:
            del came_ms[next(iter(came_ms))]
        return True

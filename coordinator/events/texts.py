"""Text that miners send while they work: for those who watch, and never the truth.

It is held in memory and bounded. The result is what the receipt commits to; what is here may be
gone, be cut off, or belong to an attempt that failed. A text is of one attempt; the next attempt
begins anew.

Offsets count characters (Unicode code points), since where a text is cut is the miner's choice.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from ledger.types import Attempt, Hash

JOB_CHARACTERS_MAX: Final = 262_144
"""Text of one job; as many bytes as a result may have."""

CHARACTERS_MAX: Final = 16 * 1_048_576
"""Text of all jobs; what was not touched for longest is forgotten first."""

JOBS_MAX: Final = 20_000
"""Jobs with text."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of an attempt's text."""

    attempt: Attempt
    """Attempt that said it."""
    offset: int
    """Characters before it."""
    text: str
    """The text; may be empty."""

    @property
    def end(self) -> int:
        """Characters up to its end."""
        return self.offset + len(self.text)


class _Text:
    """The text of one attempt."""

    __slots__ = ("attempt", "length", "pieces")

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.pieces: list[str] = []
        self.length = 0


class Texts:
    """Texts of jobs under way, and of those that ended lately."""

    def __init__(self, characters_max: int = CHARACTERS_MAX) -> None:
        """Begin without any; hold at most so many characters."""
        self._texts: OrderedDict[Hash, _Text] = OrderedDict()
        self._characters = 0
        self._characters_max = characters_max

    @property
    def characters(self) -> int:
        """Characters that are held."""
        return self._characters

    def append(self, job_id: Hash, passage: Passage) -> int:
        """Add what a miner said; return the offset at which it shall go on.

        What is there already is not added again. A passage that would leave a gap, because what
        came before is forgotten here, is not added either: the miner says it again from the
        returned offset. What is above the bound of a job is dropped.

        Args:
            job_id: the job.
            passage: the text, of the attempt that is live.
        """
        text = self._texts.get(job_id)
        if text is None or text.attempt < passage.attempt:
            self.forget(job_id)
            text = self._texts[job_id] = _Text(passage.attempt)
        self._texts.move_to_end(job_id)
        if passage.offset <= text.length:
            room = JOB_CHARACTERS_MAX - text.length
            new = passage.text[text.length - passage.offset :][:room]
            if new:
                text.pieces.append(new)
                text.length += len(new)
                self._characters += len(new)
                self._make_room(job_id)
            return max(text.length, passage.end)
        return text.length

    def since(self, job_id: Hash, attempt: Attempt, offset: int) -> Passage | None:
        """Return what an attempt said from an offset on; None if nothing is there.

        Args:
            job_id: the job.
            attempt: the attempt; the text of a later one is no answer.
            offset: characters that the reader has.
        """
        text = self._texts.get(job_id)
        if text is None or text.attempt != attempt or text.length <= offset:
            return None
        if len(text.pieces) > 1:
            text.pieces = ["".join(text.pieces)]
        return Passage(attempt, offset, text.pieces[0][offset:])

    def forget(self, job_id: Hash) -> None:
        """Forget the text of a job."""
        text = self._texts.pop(job_id, None)
        if text is not None:
            self._characters -= text.length

    def _make_room(self, job_id: Hash) -> None:
        while self._characters > self._characters_max or len(self._texts) > JOBS_MAX:
            oldest = next(iter(self._texts))
            if oldest == job_id:
                return
            self.forget(oldest)

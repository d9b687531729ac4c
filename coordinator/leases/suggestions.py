"""Jobs that were shown to a miner a moment ago, so that others are shown other jobs first.

In memory and without force: a claim decides, not a suggestion.
"""

from collections.abc import Iterable
from typing import Final

from ledger.types import Address, Hash, TimestampMs

LIFETIME_MS: Final = 2_000
"""Time that a miner has to claim before the job is shown to others."""


class Suggestions:
    """Who was shown what. To be used from one event loop."""

    def __init__(self) -> None:
        """Begin with nothing shown."""
        self._shown: dict[Hash, tuple[Address, TimestampMs]] = {}
        self._missed: set[Hash] = set()
        self.ended = 0
        """How many ever ended."""

    def count(self, now_ms: TimestampMs) -> int:
        """Return how many jobs are shown to somebody now."""
        # All live equally long, so that the first ones end first.
        while self._shown:
            job_id = next(iter(self._shown))
            if _lasts(self._shown[job_id][1], now_ms):
                break
            self.forget(job_id)
        return len(self._shown)

    def to_others(self, miner: Address, now_ms: TimestampMs) -> frozenset[Hash]:
        """Return the jobs that other miners may be about to claim."""
        self.count(now_ms)
        return frozenset(job for job, (holder, _) in self._shown.items() if holder != miner)

    def note(self, job_id: Hash, miner: Address, now_ms: TimestampMs) -> bool:
        """Note that a job is shown to a miner; return False if another is shown it now."""
        holder, until_ms = self._shown.get(job_id, (miner, 0))
        if holder != miner and _lasts(until_ms, now_ms):
            return False
        self._shown.pop(job_id, None)
        self._shown[job_id] = (miner, now_ms + LIFETIME_MS)
        return True

    def miss(self, job_ids: Iterable[Hash]) -> None:
        """Note that a miner was shown none because these are shown to others."""
        self._missed.update(job_id for job_id in job_ids if job_id in self._shown)

    def forget(self, job_id: Hash) -> bool:
        """Let everybody be shown a job again, or it is in the queue no more.

        Returns:
            Whether a miner missed it meanwhile.
        """
        self.ended += self._shown.pop(job_id, None) is not None
        was_missed = job_id in self._missed
        self._missed.discard(job_id)
        return was_missed


def _lasts(until_ms: TimestampMs, now_ms: TimestampMs) -> bool:
    """Return whether a time is still to come; never longer than a lifetime, whatever clocks do."""
    return 0 < until_ms - now_ms <= LIFETIME_MS

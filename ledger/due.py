"""Until when a live object may be acted on, and the queue of what is due (J16, J17, S3, S4).

Nothing here is state: due times are derived from live records, and the queue is an index over
them that can be built again. A time limit is exact: an action is in time while now ≤ limit. The
due time is the limit rounded up to a whole second, so that expiries share blocks; an item fires
when due < now. Between the two only the sweep of a later block may act.

All times here are as if the chain had never halted; `ledger.gap` says how a halt moves the limits
of jobs (J12), `ledger.due_queue` what that does to the order.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence

from ledger.params import DUE_STEP_MS
from ledger.records import Ballot, Job, JobState, Offer, Record, Unbonding
from ledger.types import TIMESTAMP_MS_MAX, DurationMs, TimestampMs


def job_limit_ms(job: Job) -> TimestampMs:
    """Return the last block time at which the job's present state may be acted on."""
    match job.state:
        case JobState.QUEUED:
            # J18: start_by binds the first assignment only.
            return job.start_by_ms if job.attempt == 0 else job.deadline_ms
        case JobState.RUNNING:
            return job.deadline_ms + job.receipt_grace_ms
        case JobState.RECEIPT_IN:
            assert job.receipt is not None
            return job.receipt.due_ms
        case JobState.DISPUTED:
            assert job.dispute is not None
            return job.dispute.due_ms


def later_ms(now_ms: TimestampMs, window_ms: DurationMs) -> TimestampMs:
    """Return the end of a window that begins now; at the end of time, the end of time (S5)."""
    return min(now_ms + window_ms, TIMESTAMP_MS_MAX)


def due_ms(record: Record | None) -> TimestampMs | None:
    """Return when automatic work on a record is due, a whole second; None if it never is."""
    if isinstance(record, Job):
        limit_ms = job_limit_ms(record)
    elif isinstance(record, Unbonding | Ballot):
        limit_ms = record.due_ms
    elif isinstance(record, Offer):
        limit_ms = record.expires_ms
    else:
        return None
    return whole_second_ms(limit_ms)


def whole_second_ms(limit_ms: TimestampMs) -> TimestampMs:
    """Return the due time of a limit: the limit itself, or the next whole second (S3)."""
    return -(-limit_ms // DUE_STEP_MS) * DUE_STEP_MS


class DueIndex:
    """State keys by due time, ordered by (due time, key)."""

    __slots__ = ("_keys_at", "_times")

    def __init__(self, entries: Iterable[tuple[TimestampMs, bytes]] = ()) -> None:
        """Start with (due time, state key) pairs."""
        self._times: list[TimestampMs] = []
        self._keys_at: dict[TimestampMs, list[bytes]] = {}
        for time_ms, key in sorted(entries):
            self.add(time_ms, key)

    def __iter__(self) -> Iterator[tuple[TimestampMs, bytes]]:
        """Yield (due time, key) in order; stop early rather than walk the whole queue."""
        for time_ms in self._times:
            for key in self._keys_at[time_ms]:
                yield time_ms, key

    def at(self, time_ms: TimestampMs) -> Sequence[bytes]:
        """Return the keys that are due at a time, in order."""
        return self._keys_at.get(time_ms, ())

    def between(
        self, first_ms: TimestampMs, last_ms: TimestampMs | None
    ) -> Iterator[tuple[TimestampMs, Sequence[bytes]]]:
        """Yield (due time, keys) from `first_ms` to `last_ms`, both included; None is no end."""
        start = bisect_left(self._times, first_ms)
        end = len(self._times) if last_ms is None else bisect_right(self._times, last_ms)
        for place in range(start, end):
            time_ms = self._times[place]
            yield time_ms, self._keys_at[time_ms]

    def add(self, time_ms: TimestampMs, key: bytes) -> None:
        """Insert an entry that is not there."""
        keys = self._keys_at.get(time_ms)
        if keys is None:
            keys = self._keys_at[time_ms] = []
            insort(self._times, time_ms)
        insort(keys, key)

    def remove(self, time_ms: TimestampMs, key: bytes) -> None:
        """Take out an entry that is there."""
        keys = self._keys_at[time_ms]
        place = bisect_left(keys, key)
        assert keys[place] == key, "the due queue lacks an entry that its record implies"
        del keys[place]
        if not keys:
            del self._keys_at[time_ms]
            del self._times[bisect_left(self._times, time_ms)]

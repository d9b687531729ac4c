"""Until when a live object may be acted on, and the queue of what is due (J16, J17, S3, S4).

Nothing here is state: due times are derived from live records, and the queue is an index over
them that can be built again. A time limit is exact: an action is in time while now ≤ limit. The
due time is the limit rounded up to a whole second, so that expiries share blocks; an item fires
when due < now. Between the two only the sweep of a later block may act.

J12 (chain halts do not expire work) will map every limit here through eff(), for actions and sweep
alike.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator

from ledger.params import DUE_STEP_MS
from ledger.records import Job, JobState, Record, Unbonding
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
    elif isinstance(record, Unbonding):
        limit_ms = record.due_ms
    else:
        return None
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

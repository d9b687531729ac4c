"""What is due of one layer of the state, and the order in which all layers together are due.

Jobs stand apart from the rest, because a halt moves their limits (J12) and nothing else's. The
indexes hold plain due times; a halt is laid over them while they are read, so that its record may
come, change and go without touching an index. Every job whose limit fell into the halt is due at
one moment, the end of the credit; whole seconds inside the halt need no look at a job, only the two
at its ends do.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import chain
from typing import Final

from ledger.due import DueIndex, due_ms, job_limit_ms, whole_second_ms
from ledger.gap import GAP_KEY, credited
from ledger.params import DUE_STEP_MS
from ledger.records import Gap, Job, Record, Table
from ledger.types import TimestampMs

Entry = tuple[TimestampMs, bytes]
"""Due time and state key."""

Changes = Mapping[bytes, Record | None]
"""Records by state key, None for those that left."""

_JOB: Final = int(Table.JOB)


class DueQueue:
    """Plain due times of the records of one layer."""

    __slots__ = ("jobs", "others")

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        """Start with (due time, state key) pairs."""
        jobs: list[Entry] = []
        others: list[Entry] = []
        for entry in entries:
            (jobs if entry[1][0] == _JOB else others).append(entry)
        self.jobs = DueIndex(jobs)
        """Jobs, as if the chain had never halted."""
        self.others = DueIndex(others)
        """Everything else."""

    def replace(self, key: bytes, before: Record | None, after: Record | None) -> None:
        """Keep the entry of a key in step with its record."""
        was_ms, is_ms = due_ms(before), due_ms(after)
        if was_ms == is_ms:
            return
        index = self.jobs if key[0] == _JOB else self.others
        if was_ms is not None:
            index.remove(was_ms, key)
        if is_ms is not None:
            index.add(is_ms, key)


@dataclass(frozen=True, slots=True)
class DueLayer:
    """A layer's queue with what is needed to read it."""

    queue: DueQueue
    """Its own entries."""
    records: Changes
    """Its own records."""
    above: Sequence[Changes]
    """Changes of the layers above it, which replace its own."""

    def others(self) -> Iterator[Entry]:
        """Yield what no halt moves, in order."""
        return (entry for entry in self.queue.others if self.is_current(entry[1]))

    def jobs(self) -> Iterator[Entry]:
        """Yield jobs in order, as if the chain had never halted."""
        return (entry for entry in self.queue.jobs if self.is_current(entry[1]))

    def jobs_outside(self, gap: Gap) -> Iterator[Entry]:
        """Yield the jobs in order whose limits the halt did not move."""
        first_ms, last_ms = _seconds_of(gap)
        index = self.queue.jobs
        ends = [(time_ms, self._split(index.at(time_ms), gap)[0]) for time_ms in _ends(gap)]
        before = index.between(0, first_ms - DUE_STEP_MS)
        after = index.between(last_ms + DUE_STEP_MS, None)
        for time_ms, keys in chain(before, ends, after):
            yield from ((time_ms, key) for key in keys if self.is_current(key))

    def jobs_inside(self, gap: Gap) -> Iterator[Entry]:
        """Yield the jobs whose limits the halt moved to the end of its credit, ordered by key."""
        first_ms, last_ms = _seconds_of(gap)
        index = self.queue.jobs
        parts = [self._split(index.at(time_ms), gap)[1] for time_ms in _ends(gap)]
        whole = index.between(first_ms + DUE_STEP_MS, last_ms - DUE_STEP_MS)
        due = whole_second_ms(gap.credit_until_ms)
        keys = merge(*parts, *(keys for _, keys in whole))
        return ((due, key) for key in keys if self.is_current(key))

    def is_current(self, key: bytes) -> bool:
        """Return whether no layer above has another record under the key."""
        return not any(key in changes for changes in self.above)

    def _split(self, keys: Sequence[bytes], gap: Gap) -> tuple[list[bytes], list[bytes]]:
        """Return the keys of jobs that a halt did not move, and of those that it moved."""
        sides: tuple[list[bytes], list[bytes]] = [], []
        for key in keys:
            job = self.records[key]
            assert isinstance(job, Job), "the index of jobs names jobs"
            limit_ms = job_limit_ms(job)
            sides[credited(limit_ms, gap) != limit_ms].append(key)
        return sides


def due_in_order(layers: Iterable[DueLayer], gap: Gap | None) -> Iterator[Entry]:
    """Yield (due time, state key) of all layers in order, lazily, under a halt's record.

    The record is due itself, at the end of its credit; one that it replaces is not.
    """
    sources: list[Iterator[Entry]] = []
    if gap is not None:
        sources.append(iter([(whole_second_ms(gap.credit_until_ms), GAP_KEY)]))
    for layer in layers:
        sources.append(layer.others())
        if gap is None:
            sources.append(layer.jobs())
        else:
            sources += [layer.jobs_outside(gap), layer.jobs_inside(gap)]
    return merge(*sources)


def _seconds_of(gap: Gap) -> tuple[TimestampMs, TimestampMs]:
    """Return the first and the last due second that a limit inside the halt can have."""
    return whole_second_ms(gap.from_ms + 1), whole_second_ms(gap.to_ms)


def _ends(gap: Gap) -> list[TimestampMs]:
    """Return the seconds that may hold limits on both sides of an end of the halt."""
    return sorted(set(_seconds_of(gap)))

"""Queued jobs in memory, in the order in which clients are served.

Round robin among clients: each client's oldest jobs come first, and of the clients the one that was
served longest ago. A client with ten thousand jobs delays the next client's first job by one.
"""

import heapq
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from coordinator.leases.matching import Needs
from coordinator.miners.capabilities import Capabilities
from coordinator.registry import ServiceRegistry
from ledger.types import Hash, TimestampMs

_Line = list[tuple[int, Hash]]
"""Jobs of one client, oldest first: place in the table, and id."""

_Kind = tuple[str, str | None]
"""Service and model; no model stands for all jobs of the service."""


@dataclass(frozen=True, slots=True)
class WaitingJob:
    """A job that a miner may be given."""

    job_id: Hash
    """Its id."""
    seq: int
    """Its place in the table of jobs; older ones have lower places."""
    client_id: str
    """Whose it is."""
    deadline_ms: TimestampMs
    """When it expires."""
    needs: Needs
    """What it asks of a miner."""


class WaitingJobs:
    """The queue. What is taken from it is looked up in the tables before anybody is shown it.

    To put a job into the queue, or to take it out, costs no more with many jobs in it than with
    few; to find the next job for a miner costs a step for each client that has a job for it.
    """

    def __init__(self, registry: ServiceRegistry) -> None:
        """Begin with an empty queue."""
        self._registry = registry
        self._jobs: dict[Hash, WaitingJob] = {}
        self._lines: dict[_Kind, dict[str, _Line]] = {}
        self._open: dict[str, int] = {}
        self._turns: dict[str, int] = {}
        self._last_turn = 0

    def __len__(self) -> int:
        """Return how many jobs are in the queue."""
        return len(self._jobs)

    def put(self, job: WaitingJob, turn: int) -> None:
        """Put a job into the queue.

        Args:
            job: the job.
            turn: when its client was served last, as the table has it; the least goes first.
        """
        self.drop(job.job_id)
        self._jobs[job.job_id] = job
        self._open[job.client_id] = self._open.get(job.client_id, 0) + 1
        self._turns[job.client_id] = max(turn, self._turns.get(job.client_id, 0))
        self._last_turn = max(self._last_turn, turn)
        for kind in _kinds_of(job):
            line = self._lines.setdefault(kind, {}).setdefault(job.client_id, [])
            insort(line, (job.seq, job.job_id))

    def drop(self, job_id: Hash) -> None:
        """Take a job out, if it is there."""
        job = self._jobs.pop(job_id, None)
        if job is None:
            return
        for kind in _kinds_of(job):
            line = self._lines[kind][job.client_id]
            del line[bisect_left(line, (job.seq, job_id))]
            if not line:
                del self._lines[kind][job.client_id]
            if not self._lines[kind]:
                del self._lines[kind]
        self._open[job.client_id] -= 1
        if not self._open[job.client_id]:
            del self._open[job.client_id], self._turns[job.client_id]

    def give(self, job_id: Hash) -> None:
        """Take out a job that is a miner's now, and put its client behind all others."""
        job = self._jobs.get(job_id)
        if job is not None:
            self._last_turn += 1
            self._turns[job.client_id] = self._last_turn
            self.drop(job_id)

    def clear(self) -> None:
        """Empty the queue."""
        for each in (self._jobs, self._lines, self._open, self._turns):
            each.clear()

    def in_turn(self, declared: Capabilities) -> Iterator[WaitingJob]:
        """Yield the jobs whose service and model a miner takes, those that are next first.

        The queue must not change meanwhile.
        """
        by_client: dict[str, list[_Line]] = {}
        for kind in self._kinds_for(declared):
            for client_id, line in self._lines.get(kind, {}).items():
                by_client.setdefault(client_id, []).append(line)
        heads = []
        for client_id, lines in by_client.items():
            merged = heapq.merge(*lines)
            seq, job_id = next(merged)
            heads.append((0, self._turns[client_id], seq, job_id, merged))
        heapq.heapify(heads)
        while heads:
            place, turn, _, job_id, merged = heads[0]
            yield self._jobs[job_id]
            following = next(merged, None)
            if following is None:
                heapq.heappop(heads)
            else:
                heapq.heapreplace(heads, (place + 1, turn, *following, merged))

    def _kinds_for(self, declared: Capabilities) -> Iterable[_Kind]:
        known = declared.models | declared.aliases.keys() if declared.models else frozenset()
        names = [name for name in known if declared.model_for(name) is not None]
        for service in declared.services:
            if known and self._registry.get(service).has_model:
                yield from ((service, name) for name in names)
            else:
                yield service, None


def _kinds_of(job: WaitingJob) -> tuple[_Kind, _Kind]:
    return (job.needs.service, job.needs.model), (job.needs.service, None)

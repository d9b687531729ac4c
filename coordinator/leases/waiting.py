"""Queued jobs in memory, in the order in which clients are served.

Round robin among clients: each client's oldest jobs come first, and of the clients the one that was
served longest ago. A client with ten thousand jobs delays the next client's first job by one.

Jobs that ask for the same stand together, so that a miner is compared with them once. Of each such
group the clients are kept in the order of their turns, so that who comes first is found without
looking at the others.
"""

import heapq
from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from coordinator.leases.matching import Needs, exclusion_of
from coordinator.miners.capabilities import Capabilities
from coordinator.registry import ServiceRegistry
from ledger.types import Hash, TimestampMs

NEEDS_PER_CLIENT_MAX: Final = 64
"""Different needs of one client's jobs that miners are compared with; its others wait for these."""

_Line = list[tuple[int, Hash]]
"""Jobs of one client, oldest first: place in the table, and id."""

_Order = list[tuple[int, int, Hash]]
"""Clients as they are served: turn, and the oldest job with its place in the table."""


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


class _Client:
    """The jobs of one client."""

    __slots__ = ("later", "lines", "turn")

    def __init__(self) -> None:
        self.turn = 0
        self.lines: dict[Needs, _Line] = {}
        self.later: _Line = []
        """Jobs whose needs are none of those in `lines`, which are full."""


class WaitingJobs:
    """The queue. What is taken from it is looked up in the tables before anybody is shown it.

    To put a job in, to take one out and to find the next one for a miner costs no more with many
    jobs or clients than with few; to find it costs a comparison for each different need.
    """

    def __init__(self, registry: ServiceRegistry) -> None:
        """Begin with an empty queue."""
        self._registry = registry
        self._jobs: dict[Hash, WaitingJob] = {}
        self._clients: dict[str, _Client] = {}
        self._orders: dict[Needs, _Order] = {}
        self._last_turn = 0
        self.arrived = 0
        """How many jobs ever came into the queue."""

    def __len__(self) -> int:
        """Return how many jobs are in the queue."""
        return len(self._jobs)

    def __contains__(self, job_id: Hash) -> bool:
        """Return whether a job is in the queue."""
        return job_id in self._jobs

    def known(self) -> Mapping[Hash, WaitingJob]:
        """Return the jobs in the queue, as they are now."""
        return self._jobs.copy()

    def put(self, job: WaitingJob, turn: int) -> None:
        """Put a job into the queue.

        Args:
            job: the job.
            turn: when its client was served last, as the table has it; the least goes first.
        """
        self.drop(job.job_id)
        self._jobs[job.job_id] = job
        client = self._clients.setdefault(job.client_id, _Client())
        self.told_of(turn)
        if turn > client.turn:
            self._set_turn(job.client_id, turn)
        if job.needs in client.lines or len(client.lines) < NEEDS_PER_CLIENT_MAX:
            self._line_up(client, job)
        else:
            insort(client.later, (job.seq, job.job_id))
        self.arrived += 1

    def drop(self, job_id: Hash) -> None:
        """Take a job out, if it is there."""
        job = self._jobs.pop(job_id, None)
        if job is None:
            return
        client = self._clients[job.client_id]
        line = client.lines.get(job.needs, [])
        place = bisect_left(line, (job.seq, job_id))
        if line[place : place + 1] != [(job.seq, job_id)]:
            del client.later[bisect_left(client.later, (job.seq, job_id))]
            return
        if place == 0:
            self._leave(client, job.needs)
        del line[place]
        if not line:
            del client.lines[job.needs]
            self._call_later(client)
        elif place == 0:
            self._stand(client, job.needs)
        if not client.lines:
            del self._clients[job.client_id]

    def give(self, job_id: Hash) -> None:
        """Take out a job that is a miner's now, and put its client behind all others."""
        self._last_turn += 1
        job = self._jobs.get(job_id)
        if job is not None:
            self._set_turn(job.client_id, self._last_turn)
            self.drop(job_id)

    def told_of(self, turn: int) -> None:
        """Note that a client, in the queue or not, was served at a turn."""
        self._last_turn = max(self._last_turn, turn)

    def in_turn(self, declared: Capabilities) -> Iterator[WaitingJob]:
        """Yield the jobs whose constraints a miner meets, those that are next first.

        The queue must not change meanwhile.
        """
        fitting = [needs for needs in self._orders if self._fits(needs, declared)]
        first: dict[str, None] = {}
        for _, _, job_id in heapq.merge(*(self._orders[needs] for needs in fitting)):
            job = self._jobs[job_id]
            # Of a client whose jobs ask for different things the oldest comes first.
            if job.client_id not in first:
                first[job.client_id] = None
                yield job
        yield from self._rounds_after_first(first, fitting)

    def _rounds_after_first(
        self, clients: dict[str, None], fitting: list[Needs]
    ) -> Iterator[WaitingJob]:
        heads = []
        for client_id in clients:
            jobs = self._of_client(client_id, fitting)
            next(jobs)
            if (job_id := next(jobs, None)) is not None:
                heads.append((1, *self._rank(job_id), job_id, jobs))
        heapq.heapify(heads)
        while heads:
            place, _, _, job_id, jobs = heads[0]
            yield self._jobs[job_id]
            following = next(jobs, None)
            if following is None:
                heapq.heappop(heads)
            else:
                heapq.heapreplace(heads, (place + 1, *self._rank(following), following, jobs))

    def _of_client(self, client_id: str, fitting: list[Needs]) -> Iterator[Hash]:
        lines = self._clients[client_id].lines
        mine = [lines[needs] for needs in fitting if needs in lines]
        return (job_id for _, job_id in heapq.merge(*mine))

    def _rank(self, job_id: Hash) -> tuple[int, int]:
        job = self._jobs[job_id]
        return self._clients[job.client_id].turn, job.seq

    def _fits(self, needs: Needs, declared: Capabilities) -> bool:
        has_model = self._registry.get(needs.service).has_model
        return exclusion_of(needs, declared, has_model=has_model) is None

    def _set_turn(self, client_id: str, turn: int) -> None:
        client = self._clients[client_id]
        for needs in client.lines:
            self._leave(client, needs)
        client.turn = turn
        for needs in client.lines:
            self._stand(client, needs)

    def _line_up(self, client: _Client, job: WaitingJob) -> None:
        line, place = client.lines.setdefault(job.needs, []), (job.seq, job.job_id)
        if line and line[0] < place:
            insort(line, place)
            return
        if line:
            self._leave(client, job.needs)
        line.insert(0, place)
        self._stand(client, job.needs)

    def _call_later(self, client: _Client) -> None:
        """Let jobs of further needs line up, now that there is room for them."""
        while client.later:
            job = self._jobs[client.later[0][1]]
            if job.needs not in client.lines and len(client.lines) >= NEEDS_PER_CLIENT_MAX:
                break
            del client.later[0]
            self._line_up(client, job)

    def _stand(self, client: _Client, needs: Needs) -> None:
        order = self._orders.setdefault(needs, [])
        insort(order, (client.turn, *client.lines[needs][0]))

    def _leave(self, client: _Client, needs: Needs) -> None:
        order = self._orders[needs]
        del order[bisect_left(order, (client.turn, *client.lines[needs][0]))]
        if not order:
            del self._orders[needs]

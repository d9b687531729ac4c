"""Tells all consumers of new events: one reader of the log, one message for everybody.

The log is read after the commit, in its order, so nobody is told what could still be undone, and
nobody is told the later before the earlier. Consumers are queues that never make the reader wait.
While nobody listens, nothing is read.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from coordinator.database import Database
from coordinator.events import log
from coordinator.events.model import Event, EventKind, Seq
from coordinator.events.subscription import Interest, Subscription, Told
from coordinator.moment import Clock
from coordinator.workers import Done
from ledger.types import Hash

K = TypeVar("K")

READ_MAX: Final = 100
"""Events of one read: fewer than wait for one consumer, and all consumers have their turn between
two reads."""


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept for consumers that come back."""

    events_max: int = 200_000
    """Events."""
    age_ms: int = 86_400_000
    """Age of an event."""


class EventHub:
    """Passes events on. To be used from one event loop."""

    def __init__(
        self, database: Database, clock: Clock, retention: Retention | None = None
    ) -> None:
        """Read the log of a database; `run` sets it to work."""
        self._database = database
        self._clock = clock
        self._retention = retention or Retention()
        self._wake = asyncio.Event()
        self._position: Seq | None = None
        self._by_client: dict[str, set[Subscription]] = {}
        self._by_job: dict[Hash, set[Subscription]] = {}
        self._public: set[Subscription] = set()
        self._is_closed = False

    @property
    def consumers(self) -> int:
        """Consumers that listen now."""
        return len(self._everybody())

    @property
    def waiting_most(self) -> int:
        """Events that wait for the slowest consumer."""
        return max((each.waiting for each in self._everybody()), default=0)

    def kick(self) -> None:
        """Read soon: events were committed."""
        self._wake.set()

    def touch(self, job_id: Hash) -> None:
        """Let those who follow a job look: text of it came."""
        for subscription in self._by_job.get(job_id, ()):
            subscription.touch()

    def close(self) -> None:
        """Let every consumer end, now or when it comes, so that the node can stop."""
        self._is_closed = True
        for subscription in self._everybody():
            subscription.close()

    async def run(self, done: Done) -> None:
        """Pass events on for ever; `done` is told of each time."""
        # What an earlier run failed to pass on is due, whether or not anything happens.
        self._wake.set()
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._pass_on()
            done()

    @asynccontextmanager
    async def subscribed(self, interest: Interest) -> AsyncIterator[Subscription]:
        """Give a queue of the events that are recorded from now on."""
        newest = 0 if self._position is not None else await self._database.read(log.newest_seq)
        subscription = Subscription(interest, self._begin_at(newest))
        self._add(subscription)
        if self._is_closed:
            subscription.close()
        # What was committed since the read above woke a reader for whom nobody listened.
        self.kick()
        try:
            yield subscription
        finally:
            self._remove(subscription)

    async def prune(self) -> None:
        """Delete what is no longer kept."""
        since_ms = self._clock() - self._retention.age_ms
        kept_max, deleted = self._retention.events_max, log.PRUNE_ROWS_MAX
        while deleted == log.PRUNE_ROWS_MAX:
            deleted = await self._database.write(
                lambda c: log.prune(c, kept_max=kept_max, since_ms=since_ms)
            )

    async def _pass_on(self) -> None:
        """Pass on what was recorded since the last time, as long as anybody listens."""
        while self._public or self._by_client or self._by_job:
            assert self._position is not None, "it is read before anybody listens"
            after = self._position
            read = await self._database.read(lambda c: log.events_after(c, after, READ_MAX))  # noqa: B023 - read before the next turn
            for event in read:
                self._dispatch(event)
                self._position = event.seq
            if len(read) < READ_MAX:
                return
        # Who comes next begins at what is newest then.
        self._position = None

    def _begin_at(self, newest: Seq) -> Seq:
        """Return where the reader is; at the newest event, unless others listen already."""
        if self._position is None:
            self._position = newest
        return self._position

    def _dispatch(self, event: Event) -> None:
        told = Told(event)
        if event.client_id is None:
            targets: Iterable[Subscription] = self._public
        else:
            targets = self._by_client.get(event.client_id, ())
        for subscription in targets:
            subscription.offer(told)
        if event.job_id is not None and event.kind is EventKind.JOB_UPDATE:
            for subscription in self._by_job.get(event.job_id, ()):
                subscription.offer(told)

    def _add(self, subscription: Subscription) -> None:
        interest = subscription.interest
        if interest.client_id is not None:
            self._by_client.setdefault(interest.client_id, set()).add(subscription)
        if interest.job_id is not None:
            self._by_job.setdefault(interest.job_id, set()).add(subscription)
        if interest.public:
            self._public.add(subscription)

    def _remove(self, subscription: Subscription) -> None:
        interest = subscription.interest
        if interest.client_id is not None:
            _discard(self._by_client, interest.client_id, subscription)
        if interest.job_id is not None:
            _discard(self._by_job, interest.job_id, subscription)
        self._public.discard(subscription)

    def _everybody(self) -> set[Subscription]:
        return set().union(self._public, *self._by_client.values(), *self._by_job.values())


def _discard(index: dict[K, set[Subscription]], key: K, subscription: Subscription) -> None:
    index[key].discard(subscription)
    if not index[key]:
        del index[key]

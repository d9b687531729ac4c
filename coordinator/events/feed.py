"""What happens to one job, from where a reader left off until its end."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final, TypeAlias

from sqlalchemy import Connection

from coordinator.database import Database
from coordinator.events import log
from coordinator.events.changes import shown_states
from coordinator.events.hub import EventHub
from coordinator.events.model import Event, Seq
from coordinator.events.subscription import Interest, News
from coordinator.events.texts import Passage, Texts
from coordinator.jobs.model import ENDED_PHASES, JobPhase
from ledger.types import Attempt, Hash, TimestampMs

REPLAY_MAX: Final = 1_000
"""Changes of one job that are told again; it has a few, unless many miners lose it."""


@dataclass(frozen=True, slots=True)
class StateChange:
    """A job is in a state."""

    seq: Seq
    """Place of the change in the log; 0 if none was recorded yet."""
    phase: JobPhase
    """The state."""
    attempt: Attempt
    """Current attempt; 0 before the first."""
    at_ms: TimestampMs
    """Since when."""

    @property
    def is_final(self) -> bool:
        """Whether nothing follows."""
        return self.phase in ENDED_PHASES


@dataclass(frozen=True, slots=True)
class Idle:
    """A while is over, whatever happened in it: time for a sign of life, and to look at the key."""


Step: TypeAlias = StateChange | Passage | Idle
"""What a reader of a job is told."""


@dataclass(frozen=True, slots=True)
class Bookmark:
    """Where a reader is: what it has, it is not told again."""

    seq: Seq = 0
    """Newest change of state that it knows."""
    attempt: Attempt = 0
    """Attempt whose text it reads."""
    offset: int = 0
    """Characters of that text that it has."""
    knows_order: bool = False
    """Whether it was told that the job is queued before that was recorded: at place 0."""


@dataclass(slots=True)
class _Reader:
    """A reader of one job while it reads."""

    job_id: Hash
    with_text: bool
    seq: Seq
    attempt: Attempt
    offset: int
    shown: JobPhase | None = None
    """State that it was told last."""
    is_done: bool = False


class JobFeed:
    """Follows jobs."""

    def __init__(self, database: Database, hub: EventHub, texts: Texts) -> None:
        """Read from these."""
        self._database = database
        self._hub = hub
        self._texts = texts

    async def follow(
        self,
        job_id: Hash,
        bookmark: Bookmark | None = None,
        *,
        with_text: bool = False,
        idle_s: float,
    ) -> AsyncGenerator[Step, None]:
        """Yield a job's states, and its text if wanted, until the final state or the node's stop.

        Without a bookmark the current state comes first. With one, what happened since comes
        first; if nothing did, or the log does not reach back so far, the current state.

        Args:
            job_id: a job that is there; whether the reader may see it is the caller's business.
            bookmark: where the reader was; None for a new reader.
            with_text: whether to yield the text of the current attempt too.
            idle_s: yield `Idle` whenever so many seconds are over. Text that flows on does not
                put it off: who may read no longer is to be noticed all the same.
        """
        start = bookmark or Bookmark()
        reader = _Reader(job_id, with_text, start.seq, start.attempt, start.offset)
        async with self._hub.subscribed(Interest(job_id=job_id)) as subscription:
            for change in await self._database.read(lambda c: _first(c, job_id, bookmark)):
                for step in self._steps(reader, change):
                    yield step
            idle_at_s = _now_s() + idle_s
            while not reader.is_done:
                for step in self._text(reader):
                    yield step
                news = await subscription.news(max(0.0, idle_at_s - _now_s()))
                if _now_s() >= idle_at_s:
                    yield Idle()
                    idle_at_s = _now_s() + idle_s
                if news is None:
                    continue
                for change in await self._changes(reader, news):
                    for step in self._steps(reader, change):
                        yield step
                if news.is_closed:
                    return

    async def knows_all(self, job_id: Hash, bookmark: Bookmark) -> bool:
        """Return whether no change of a job's state came after a bookmark."""
        newest = await self._database.read(lambda c: log.newest_of_job(c, job_id))
        return newest is None or newest.seq <= bookmark.seq

    async def _changes(self, reader: _Reader, news: News) -> list[StateChange]:
        if news.is_behind:
            return await self._database.read(lambda c: _first(c, reader.job_id, None))
        changes = (_change(told.event) for told in news.events)
        return [change for change in changes if change.seq > reader.seq]

    def _steps(self, reader: _Reader, change: StateChange) -> list[Step]:
        """Return what a change tells; an attempt's text comes before the state that ends it."""
        if reader.is_done:
            return []
        steps: list[Step] = [*self._text(reader)]
        is_new = change.phase is not reader.shown or change.attempt != reader.attempt
        if change.attempt != reader.attempt:
            reader.attempt, reader.offset = change.attempt, 0
        reader.seq, reader.is_done = max(reader.seq, change.seq), change.is_final
        if is_new:
            reader.shown = change.phase
            steps += [*self._text(reader), change] if change.is_final else [change]
        return steps

    def _text(self, reader: _Reader) -> list[Passage]:
        if not reader.with_text or not reader.attempt:
            return []
        passage = self._texts.since(reader.job_id, reader.attempt, reader.offset)
        if passage is None:
            return []
        reader.offset = passage.end
        return [passage]


def _first(connection: Connection, job_id: Hash, bookmark: Bookmark | None) -> list[StateChange]:
    """Return what a reader is told first."""
    newest = log.newest_of_job(connection, job_id)
    if bookmark is not None and newest is not None and newest.seq > bookmark.seq:
        missed = log.job_events_after(connection, job_id, bookmark.seq, REPLAY_MAX)
        if missed[-1].seq == newest.seq and bookmark.seq >= log.oldest_seq(connection) - 1:
            changes = [_change(event) for event in missed]
            if bookmark.knows_order and len(changes) > 1 and _is_order(changes[0]):
                del changes[0]
            return changes
    state = shown_states(connection, [job_id])[job_id]
    phase = JobPhase.QUEUED if state.phase is JobPhase.ACCEPTED else state.phase
    seq, at_ms = (newest.seq, newest.at_ms) if newest is not None else (0, state.requested_ms)
    return [StateChange(seq, phase, state.attempt, at_ms)]


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _is_order(change: StateChange) -> bool:
    return change.phase is JobPhase.QUEUED and not change.attempt


def _change(event: Event) -> StateChange:
    phase, attempt = event.data["phase"], event.data["attempt"]
    assert isinstance(phase, str), "recorded so"
    assert isinstance(attempt, int), "recorded so"
    return StateChange(event.seq, JobPhase(phase), attempt, event.at_ms)

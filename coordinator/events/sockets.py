"""What is said on the WebSockets: `/ws`, and one for each job (V4)."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select

from coordinator.database import Database
from coordinator.database.tables import jobs
from coordinator.events import log
from coordinator.events.changes import shown_states
from coordinator.events.feed import Bookmark, Idle, JobFeed, StateChange, Step
from coordinator.events.hub import EventHub
from coordinator.events.listener import Listener
from coordinator.events.live_keys import LiveKeys
from coordinator.events.model import Seq
from coordinator.events.subscription import Interest, News
from coordinator.events.wording import GLOBAL_FORMS, compact, envelope, job_message, state_of
from coordinator.http.operation import READER
from coordinator.http.socket import GOING_AWAY, POLICY, Socket
from coordinator.http.times import format_time
from coordinator.jobs.store import LIVE
from coordinator.moment import Clock
from coordinator.values import JsonValue
from coordinator.wire import job_text
from ledger.types import Hash

HEARTBEAT_S: Final = 30.0
"""Longest silence on `/ws`, and time between two looks whether the key is still valid. The server
also sends pings of the protocol, which a program answers without knowing."""

REPLAY_PAGE: Final = 500
"""Events of one read while old ones are told again."""

OPEN_JOBS_MAX: Final = 100
"""Open jobs in the first message."""

KEY_ENDED: Final = "the key is no longer valid"


@dataclass(frozen=True, slots=True)
class _Overview:
    """Where things are."""

    newest: Seq
    oldest: Seq
    open_jobs: list[JsonValue]
    has_more: bool


class GlobalSession:
    """Tells what everybody may know, and what the listener's jobs do."""

    def __init__(
        self, database: Database, hub: EventHub, keys: LiveKeys, clock: Clock, listener: Listener
    ) -> None:
        """Prepare for one listener."""
        self._database = database
        self._hub = hub
        self._keys = keys
        self._clock = clock
        self._listener = listener
        self._client_id = _readable_client(listener)
        self._form = GLOBAL_FORMS[listener.version]
        self._seq: Seq = 0

    async def run(self, socket: Socket) -> None:
        """Speak until the node stops or the key ends."""
        interest = Interest(client_id=self._client_id, public=True)
        async with self._hub.subscribed(interest) as subscription:
            await self._begin(socket)
            checked_s = _now_s()
            while True:
                news = await subscription.news(HEARTBEAT_S)
                if _now_s() - checked_s >= HEARTBEAT_S:
                    checked_s = _now_s()
                    if not await self._keys.is_live(self._listener.principal):
                        await socket.close(POLICY, KEY_ENDED)
                        return
                if news is None:
                    await self._say(socket, "heartbeat", {})
                else:
                    await self._tell(socket, news)
                    if news.is_closed:
                        await socket.close(GOING_AWAY, "the node stops")
                        return

    async def _begin(self, socket: Socket) -> None:
        """Say where things are, then what happened since."""
        overview, since = await self._overview(), self._listener.since
        if since is None:
            await self._say_overview(socket, "connected", overview, overview.newest)
        elif overview.oldest - 1 <= since <= overview.newest:
            await self._say_overview(socket, "connected", overview, since)
            await self._replay(socket)
        else:
            # What happened since is no longer known, or the number is of another log.
            await self._say_overview(socket, "resync", overview, overview.newest)

    async def _replay(self, socket: Socket) -> None:
        client_id = self._client_id
        while True:
            page = await self._database.read(
                lambda c: log.visible_after(c, client_id, self._seq, REPLAY_PAGE)
            )
            for event in page:
                await socket.send(self._form(event))
                self._seq = event.seq
            if len(page) < REPLAY_PAGE:
                return

    async def _tell(self, socket: Socket, news: News) -> None:
        if news.is_behind:
            overview = await self._overview()
            await self._say_overview(socket, "resync", overview, overview.newest)
        for told in news.events:
            if told.event.seq > self._seq:
                await socket.send(told.text(self._form))
                self._seq = told.event.seq

    async def _overview(self) -> _Overview:
        return await self._database.read(self._read_overview)

    def _read_overview(self, connection: Connection) -> _Overview:
        job_ids = self._open_job_ids(connection)
        shown = job_ids[:OPEN_JOBS_MAX]
        states = shown_states(connection, shown)
        return _Overview(
            newest=log.newest_seq(connection),
            oldest=log.oldest_seq(connection),
            open_jobs=[
                {"job_id": job_text(id_), **state_of(self._listener.version, states[id_].phase)}
                for id_ in shown
            ],
            has_more=len(job_ids) > OPEN_JOBS_MAX,
        )

    def _open_job_ids(self, connection: Connection) -> list[Hash]:
        if self._client_id is None:
            return []
        query = (
            select(jobs.c.job_id)
            .where(jobs.c.client_id == self._client_id, LIVE)
            .order_by(jobs.c.seq.desc())
            .limit(OPEN_JOBS_MAX + 1)
        )
        return list(connection.execute(query).scalars())

    async def _say_overview(self, socket: Socket, kind: str, overview: _Overview, seq: Seq) -> None:
        self._seq = seq
        data: dict[str, JsonValue] = {
            "open_jobs": overview.open_jobs,
            "has_more": overview.has_more,
            "oldest_seq": overview.oldest,
        }
        await self._say(socket, kind, data)

    async def _say(self, socket: Socket, kind: str, data: dict[str, JsonValue]) -> None:
        at: dict[str, JsonValue] = {"timestamp": format_time(self._clock())}
        await socket.send(envelope(kind, data | at, self._seq))


class JobSession:
    """Tells the states of one job, from the current one to the final one."""

    def __init__(self, feed: JobFeed, keys: LiveKeys, listener: Listener, job_id: Hash) -> None:
        """Prepare for one listener; the job is its own."""
        self._feed = feed
        self._keys = keys
        self._listener = listener
        self._job_id = job_id

    async def run(self, socket: Socket) -> None:
        """Speak until the job's final state, or until the node stops or the key ends."""
        since = self._listener.since
        bookmark = None if since is None else Bookmark(since)
        steps = self._feed.follow(self._job_id, bookmark, idle_s=HEARTBEAT_S)
        async with aclosing(steps):
            async for step in steps:
                if await self._tell(socket, step):
                    return
        await socket.close(GOING_AWAY, "the node stops")

    async def _tell(self, socket: Socket, step: Step) -> bool:
        """Say a step; return whether it was the last one."""
        if isinstance(step, StateChange):
            message = job_message(self._listener.version, self._job_id, step)
            await socket.send(compact(message))
            if step.is_final:
                await socket.close()
            return step.is_final
        assert isinstance(step, Idle), "no text was asked for"
        is_live = await self._keys.is_live(self._listener.principal)
        if not is_live:
            await socket.close(POLICY, KEY_ENDED)
        return not is_live


def _readable_client(listener: Listener) -> str | None:
    """Return the client whose jobs a listener may read; None for a key of miners alone (A3)."""
    principal = listener.principal
    return principal.client_id if principal.scopes & READER else None


def _now_s() -> float:
    return asyncio.get_running_loop().time()

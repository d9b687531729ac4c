"""Listeners that do not read: their own queue overflows, and nobody else notices."""

import asyncio
import gc
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection
from websockets.asyncio.client import ClientConnection, connect

from coordinator.events import EventKind, NewEvent, record
from coordinator.events.feed import StateChange
from coordinator.events.places import Places, StreamLimits
from coordinator.events.streams import counted
from coordinator.events.subscription import WAITING_MAX
from coordinator.jobs import JobPhase, JsonValue
from tests.api.listening import PATIENCE_S, address, hear, refusal
from tests.api.site import Site

JOB = {"payload": {"prompt": "Hello", "model": "llama3.2"}}
FILLING = "x" * 16_384
ROUNDS = 100
EVENTS_OF_A_ROUND = 20
"""Together 32 MB: more than the buffers of a connection hold."""


async def hear_events(socket: ClientConnection, count: int) -> list[int]:
    """Return the places of so many events."""
    seqs: list[int] = []
    while len(seqs) < count:
        message = await hear(socket)
        if message["type"] == "marketplace_update":
            seqs.append(message["seq"])
        assert message["type"] != "resync", "a listener that reads lost events"
    return seqs


async def test_one_that_does_not_read_costs_the_others_nothing(site: Site) -> None:
    core = site.world.services.core
    hub = core.events.hub
    told = [NewEvent(EventKind.MARKETPLACE_UPDATE, 0, {"event": FILLING})] * EVENTS_OF_A_ROUND
    options: dict[str, Any] = {"max_queue": 1, "ping_interval": None}
    async with (
        connect(address(site, "/ws"), **options) as slow,
        connect(address(site, "/ws")) as quick,
    ):
        for socket in (slow, quick):
            assert (await hear(socket))["type"] == "connected"
        everything = asyncio.create_task(hear_events(quick, ROUNDS * EVENTS_OF_A_ROUND))
        most = 0
        for _ in range(ROUNDS):
            await core.database.write(lambda c: record(c, told))
            hub.kick()
            await asyncio.sleep(0)
            most = max(most, hub.waiting_most)
        seqs = await everything
        assert seqs == sorted(set(seqs))
        assert EVENTS_OF_A_ROUND < most <= WAITING_MAX
        resync = await hear(slow)
        while resync["type"] != "resync":
            resync = await hear(slow)
        assert resync["data"]["open_jobs"] == []
        assert seqs[0] < resync["seq"] <= seqs[-1]
        if resync["seq"] < seqs[-1]:
            assert (await hear(slow))["seq"] > resync["seq"]


async def test_a_reader_of_one_job_that_fell_behind_is_told_where_it_is(site: Site) -> None:
    core = site.world.services.core
    job_id = await site.queued(JOB)
    raw_id = bytes.fromhex(job_id.removeprefix("job_"))
    state = NewEvent(
        kind=EventKind.JOB_UPDATE,
        at_ms=0,
        data={"phase": "running", "attempt": 1},
        client_id="client_demo",
        job_id=raw_id,
    )

    def flood(connection: Connection) -> None:
        phases = (JobPhase.RUNNING.value, JobPhase.QUEUED.value)
        changes: list[dict[str, JsonValue]] = [
            {"phase": phase, "attempt": n} for n in range(200) for phase in phases
        ]
        record(connection, [replace(state, data=change) for change in changes])

    async with (
        asyncio.timeout(PATIENCE_S),
        aclosing(core.events.feed.follow(raw_id, idle_s=1)) as f,
    ):
        assert isinstance(await anext(f), StateChange)
        await core.database.write(flood)
        core.events.hub.kick()
        await site.register()
        await site.claim(job_id)
        await site.complete(job_id)
        told = [step async for step in f if isinstance(step, StateChange)]
    assert told[-1].phase is JobPhase.COMPLETED
    assert len(told) < WAITING_MAX


async def test_more_streams_than_a_key_may_have_are_refused_before_they_begin(site: Site) -> None:
    # The program never changes its settings; a test may.
    places = Places(StreamLimits(per_key=2))
    object.__setattr__(site.world.services.events, "places", places)
    job_id = await site.queued(JOB)
    url = address(site, "/ws")
    async with connect(url) as one, connect(address(site, f"/v1/jobs/{job_id}/ws")) as other:
        await hear(one)
        await hear(other)
        status, body = await refusal(url)
        assert (status, body["error_code"]) == (429, "TOO_MANY_STREAMS")
        streamed = await site.http.get(f"/v1/jobs/{job_id}/events")
        assert (streamed.status_code, streamed.json()["error_code"]) == (429, "TOO_MANY_STREAMS")
        async with connect(
            url, additional_headers={"X-Api-Key": await site.key()}
        ) as somebody_else:
            await hear(somebody_else)


async def test_a_stream_that_nobody_begins_to_read_gives_its_place_back() -> None:
    places = Places(StreamLimits(per_key=1))

    async def never() -> AsyncGenerator[bytes, None]:
        yield b"begun"

    pieces = counted(places.take("key", "address"), never())
    assert places.open == 1
    del pieces
    gc.collect()
    assert places.open == 0


async def test_a_listener_that_talks_is_shown_out(site: Site) -> None:
    async with connect(address(site, "/ws")) as socket:
        await hear(socket)
        for _ in range(61):
            await socket.send(json.dumps({"type": "ping"}))
        await asyncio.wait_for(socket.wait_closed(), PATIENCE_S)
        assert socket.close_code == 1008
    async with connect(address(site, "/ws")) as socket:
        await hear(socket)
        await socket.send("x" * 5_000)
        await asyncio.wait_for(socket.wait_closed(), PATIENCE_S)
        assert socket.close_code == 1009


async def test_a_node_that_stops_says_so(site: Site) -> None:
    async with connect(address(site, "/ws")) as socket:
        await hear(socket)
        site.world.services.release_waiting()
        await asyncio.wait_for(socket.wait_closed(), PATIENCE_S)
        assert socket.close_code == 1001


@pytest.mark.parametrize("path", ["/ws", "/v1/jobs/{job_id}/ws"])
async def test_a_listener_that_is_gone_leaves_nothing(site: Site, path: str) -> None:
    events = site.world.services.events
    job_id = await site.queued(JOB)
    async with connect(address(site, path.format(job_id=job_id))) as socket:
        await hear(socket)
        assert (events.places.open, events.hub.consumers) == (1, 1)
        socket.transport.abort()
    async with asyncio.timeout(PATIENCE_S):
        while events.places.open or events.hub.consumers:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)

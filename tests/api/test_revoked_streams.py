"""A stream ends with the key that opened it, also while a miner writes."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager

import pytest

from coordinator.chat import service as chat
from coordinator.chat.orders import order_of
from coordinator.clients import Principal
from coordinator.clients.key_ring import KeyWish
from coordinator.errors import InvalidApiKey
from coordinator.events import sse
from coordinator.events.feed import Idle
from coordinator.events.listener import Listener
from coordinator.events.sse import JobEvents
from tests.api.site import Site
from tests.coordinator.world import CLIENT, PATIENCE_S

JOB = {"prompt": "A long story."}

SOON_S = 0.02


@asynccontextmanager
async def writing(site: Site, job_id: bytes) -> AsyncGenerator[None, None]:
    """Let text come all the time, so that there is never a silence."""

    async def write() -> None:
        while True:
            site.world.services.events.hub.touch(job_id)
            await asyncio.sleep(0)

    async with asyncio.timeout(PATIENCE_S):
        task = asyncio.create_task(write())
        try:
            yield
        finally:
            task.cancel()


@pytest.fixture
async def job_id(site: Site) -> bytes:
    return bytes.fromhex((await site.queued(JOB)).removeprefix("job_"))


@pytest.fixture
async def revoked(site: Site) -> Principal:
    """Return who was identified by a key that was revoked since."""
    clients = site.world.services.clients
    issued = await clients.keys.issue(CLIENT, KeyWish())
    principal = await clients.authenticate(issued.text)
    await clients.keys.revoke(CLIENT, principal.key_id)
    return principal


async def test_text_that_flows_on_puts_no_look_off(site: Site, job_id: bytes) -> None:
    feed = site.world.services.core.events.feed
    async with (
        writing(site, job_id),
        aclosing(feed.follow(job_id, with_text=True, idle_s=SOON_S)) as steps,
    ):
        seen = [await anext(steps) for _ in range(3)]
    assert [type(step) for step in seen[1:]] == [Idle, Idle]


async def test_server_sent_events_end_with_their_key(
    site: Site, job_id: bytes, revoked: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "KEEP_ALIVE_S", SOON_S)
    events = site.world.services.events
    listener = Listener(principal=revoked, version="2026-05-11", since=None)
    async with writing(site, job_id):
        stream = JobEvents(events.feed, events.keys, listener, job_id).stream(None)
        frames = [frame async for frame in stream]
    assert b"still there" not in b"".join(frames)


async def test_a_chat_ends_with_its_key_and_its_job_is_cancelled(
    site: Site, job_id: bytes, revoked: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat, "KEEP_ALIVE_S", SOON_S)
    service = site.world.services.chat
    order = order_of({"model": "llama3.2", "messages": [{"role": "user", "content": "x"}]}, 1)
    async with writing(site, job_id):
        with pytest.raises(InvalidApiKey):
            async for _ in service.stream(revoked, order, job_id):
                pass
        assert (await site.http.get(f"/v1/jobs/job_{job_id.hex()}?wait=20")).json()[
            "status"
        ] == "cancelled"

"""Server-sent events of a job: states, and its text while a miner says it."""

import asyncio
from contextlib import aclosing
from typing import Any

import httpx
import pytest

from tests.api.listening import PATIENCE_S, Sent, all_events, eventually, read_events
from tests.api.site import MINER, Site

pytestmark = pytest.mark.asyncio(loop_scope="module")

JOB = {"payload": {"prompt": "Hello", "model": "llama3.2"}}


@pytest.fixture
def site(site_of_module: Site) -> Site:
    """Return the module's site: what its tests leave behind, none of them minds."""
    return site_of_module


async def show(site: Site, job_id: str, text: str, *, offset: int, attempt: int = 1) -> int:
    body = {"miner_id": MINER, "attempt": attempt, "offset": offset, "text": text}
    response = await site.http.post(f"/v1/jobs/{job_id}/progress", json=body)
    assert response.status_code == 200, response.text
    next_offset = response.json()["next_offset"]
    assert isinstance(next_offset, int)
    return next_offset


async def running(site: Site) -> str:
    """Return a job that the miner holds."""
    await site.register()
    job_id = await site.queued(JOB)
    claimed = await site.claim(job_id)
    assert claimed.status_code == 200, claimed.text
    return job_id


def states(events: list[Sent]) -> list[str]:
    return [sent.data["state"] for sent in events if sent.event == "state"]


def text_of(events: list[Sent]) -> str:
    return "".join(sent.data["text"] for sent in events if sent.event == "text")


async def test_a_stream_tells_states_and_text_and_ends(site: Site) -> None:
    job_id = await running(site)
    path = f"/v1/jobs/{job_id}/events"
    async with asyncio.timeout(PATIENCE_S), site.http.stream("GET", path) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        async with aclosing(read_events(response.aiter_lines())) as events:
            heard = [await anext(events)]
            for said, offset in (("Once ", 0), ("upon ", 5), ("a time", 10)):
                await show(site, job_id, said, offset=offset)
                heard.append(await anext(events))
            await site.complete(job_id, "Once upon a time")
            heard += [sent async for sent in events]
    assert [sent.event for sent in heard] == ["state", "text", "text", "text", "state"]
    assert states(heard) == ["RUNNING", "COMPLETED"]
    assert text_of(heard) == "Once upon a time"
    assert [sent.data["offset"] for sent in heard if sent.event == "text"] == [0, 5, 10]
    assert {sent.data["attempt"] for sent in heard} == {1}


async def test_who_comes_later_is_told_all_text_at_once(site: Site) -> None:
    job_id = await running(site)
    await show(site, job_id, "Häl", offset=0)
    await show(site, job_id, "lo 👋", offset=3)
    await site.complete(job_id)
    events = await all_events(site.http, f"/v1/jobs/{job_id}/events")
    assert states(events) == ["COMPLETED"]


async def test_a_reader_that_comes_back_goes_on_where_it_was(site: Site) -> None:
    job_id = await running(site)
    path = f"/v1/jobs/{job_id}/events"
    await show(site, job_id, "The first half, ", offset=0)
    async with asyncio.timeout(PATIENCE_S), site.http.stream("GET", path) as response:
        events = read_events(response.aiter_lines())
        before = [await anext(events), await anext(events)]
        await events.aclose()
    await show(site, job_id, "the second half", offset=16)
    async with asyncio.timeout(PATIENCE_S):
        again = asyncio.create_task(all_events(site.http, path, {"Last-Event-ID": before[-1].id}))
        await site.complete(job_id)
        after = await again
    assert text_of(before) == "The first half, "
    assert text_of(after) == "the second half"
    assert states(after)[-1] == "COMPLETED"
    ended = await site.http.get(path, headers={"Last-Event-ID": after[-1].id})
    assert ended.status_code == 204
    assert (await site.http.get(f"{path}?since={after[-1].id}")).status_code == 204


async def test_an_order_that_was_told_before_it_was_recorded_is_not_told_again(site: Site) -> None:
    await site.register()
    chain = site.world.chain
    chain.is_paused = True
    created = await site.http.post("/v1/jobs", json=JOB)
    job_id = created.json()["job_id"]
    path = f"/v1/jobs/{job_id}/events"
    async with asyncio.timeout(PATIENCE_S), site.http.stream("GET", path) as response:
        events = read_events(response.aiter_lines())
        first = await anext(events)
        await events.aclose()
    assert (first.data["state"], first.id) == ("QUEUED", "0-0-0")
    chain.is_paused = False
    chain.make_block()
    assert (await site.claim(job_id)).status_code == 200
    await site.complete(job_id)
    rest = await all_events(site.http, path, {"Last-Event-ID": first.id})
    assert states(rest) == ["RUNNING", "COMPLETED"]
    whole = await all_events(site.http, f"{path}?since=0")
    assert states(whole) == ["QUEUED", "RUNNING", "COMPLETED"]


async def test_another_attempt_begins_another_text(site: Site) -> None:
    job_id = await running(site)
    path = f"/v1/jobs/{job_id}/events"
    await show(site, job_id, "A first try that", offset=0)
    async with asyncio.timeout(PATIENCE_S), site.http.stream("GET", path) as response:
        events = read_events(response.aiter_lines())
        heard = [await anext(events), await anext(events)]
        released = await site.http.post(
            f"/v1/jobs/{job_id}/release",
            json={"miner_id": MINER, "attempt": 1, "reason": "RUNNER_FAILED"},
        )
        assert released.status_code == 200, released.text
        site.world.clock.advance(11)
        site.world.chain.make_block()
        assert (await site.claim(job_id)).status_code == 200
        late = {"miner_id": MINER, "attempt": 1, "offset": 16, "text": " fails"}
        refused = await site.http.post(f"/v1/jobs/{job_id}/progress", json=late)
        assert (refused.status_code, refused.json()["error_code"]) == (409, "LEASE_LOST")
        await show(site, job_id, "A second try", offset=0, attempt=2)
        await site.complete(job_id, "A second try")
        heard += [sent async for sent in events]
    assert states(heard) == ["RUNNING", "QUEUED", "RUNNING", "COMPLETED"]
    by_attempt = {
        attempt: text_of([sent for sent in heard if sent.data["attempt"] == attempt])
        for attempt in (1, 2)
    }
    assert by_attempt == {1: "A first try that", 2: "A second try"}


async def test_what_was_said_is_not_added_again_and_a_gap_is_asked_for(site: Site) -> None:
    job_id = await running(site)
    assert await show(site, job_id, "abc", offset=0) == 3
    assert await show(site, job_id, "abc", offset=0) == 3
    assert await show(site, job_id, "cde", offset=2) == 5
    assert await show(site, job_id, "xyz", offset=9) == 5
    held = site.world.services.events.texts.since(
        bytes.fromhex(job_id.removeprefix("job_")), attempt=1, offset=0
    )
    assert held is not None
    assert held.text == "abcde"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"attempt": None}, 400),
        ({"offset": -1}, 400),
        ({"text": "x" * 16_385}, 400),
        ({"text": 7}, 400),
        ({"attempt": 2}, 409),
        ({"miner_id": "nobody"}, 404),
    ],
)
async def test_what_is_no_text_of_the_attempt_is_refused(
    site: Site, change: dict[str, Any], status: int
) -> None:
    job_id = await running(site)
    body = {"miner_id": MINER, "attempt": 1, "offset": 0, "text": "x"} | change
    response = await site.http.post(f"/v1/jobs/{job_id}/progress", json=body)
    assert response.status_code == status, response.text


async def test_a_stream_of_no_job_is_not_found(site: Site) -> None:
    response = await site.http.get(f"/v1/jobs/job_{'0' * 64}/events")
    assert (response.status_code, response.json()["error_code"]) == (404, "JOB_NOT_FOUND")


@pytest.mark.parametrize("bookmark", ["x", "-1", "1-2", "1-2-3-4", "9" * 20])
async def test_what_is_no_bookmark_is_refused(site: Site, bookmark: str) -> None:
    job_id = await site.queued(JOB)
    path = f"/v1/jobs/{job_id}/events"
    response = await site.http.get(path, headers={"Last-Event-ID": bookmark})
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (
        400,
        "Last-Event-ID",
    )


async def test_a_browser_names_version_and_ticket_in_the_address(site: Site) -> None:
    await site.register()
    job_id = await site.done(JOB)
    ticket = (await site.http.post("/v1/tickets")).json()["ticket"]
    path = f"/v1/jobs/{job_id}/events?version=2024-01-01&ticket={ticket}"
    (event,) = await all_events(site.http, path)
    assert event.data["status"] == "completed"
    again: httpx.Response = await site.http.get(path)
    assert again.status_code == 401


async def test_a_reader_that_goes_leaves_nothing_behind(site: Site) -> None:
    job_id = await site.queued(JOB)
    events = site.world.services.events
    async with asyncio.timeout(PATIENCE_S):
        async with site.http.stream("GET", f"/v1/jobs/{job_id}/events") as response:
            await anext(read_events(response.aiter_lines()))
            assert events.places.open == 1
        await eventually(lambda: not events.places.open and not events.hub.consumers)

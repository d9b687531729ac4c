"""The clients listen to a running coordinator over WebSockets, blocking and awaited."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, closing
from typing import Any

import pytest

from aitbc import JobNotFound
from tests.api.site import Site
from tests.sdk.ways import WAYS, Heard, Way


def up_to(kind: str, messages: Any) -> Any:
    """Return the messages up to the first one of a kind, and leave their loop."""

    async def awaited() -> AsyncIterator[Any]:
        async with aclosing(messages):
            async for message in messages:
                yield message
                if message.type == kind:
                    return

    def blocking() -> Iterator[Any]:
        with closing(messages):
            for message in messages:
                yield message
                if message.type == kind:
                    return

    return awaited() if isinstance(messages, AsyncIterator) else blocking()


@pytest.mark.parametrize("way", WAYS)
async def test_a_client_hears_of_its_jobs_and_nobody_elses(site: Site, way: Way) -> None:
    async def heard(use: Callable[[Any], Any], api_key: str | None) -> Any:
        return await asyncio.to_thread(way, site.url, use, api_key=api_key)

    await site.register()
    key = await site.key()
    submitted = await site.http.post(
        "/v1/jobs", json={"payload": {"prompt": "x"}}, headers={"X-Api-Key": key}
    )
    job_id = submitted.json()["job_id"]
    begun = Heard()

    async def serve() -> None:
        await begun.first()
        await site.serve_next_job("Hello back.")

    changes, _ = await asyncio.gather(
        heard(lambda client: begun.all_of(client.listen_to_job(job_id, 60.0)), key), serve()
    )
    assert [change.state for change in changes] == ["QUEUED", "RUNNING", "COMPLETED"]
    since = changes[1].seq
    rest = await heard(lambda client: client.listen_to_job(job_id, 60.0, since=since), key)
    assert rest == changes[2:]
    known = changes[2].seq
    assert await heard(lambda c: c.listen_to_job(job_id, 60.0, since=known), key) == []
    told = await heard(lambda client: up_to("job_update", client.listen(60.0, since=since)), key)
    assert told[0].type == "connected"
    assert (told[-1].data.job_id, told[-1].data.state) == (job_id, "COMPLETED")
    with pytest.raises(JobNotFound):
        await heard(lambda client: client.listen_to_job(job_id, 60.0), None)

"""The clients that the documents print, run as they print them but for the base URL."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from tests.api.documents import (
    FOLDER,
    printed,
)
from tests.api.node_site import NodeSite
from tests.api.site import MINER, Site


def class_of(name: str, document: str, url: str) -> Any:
    """Return a class that a document prints."""
    names: dict[str, Any] = {}
    exec(printed(document, url).partition("# Usage")[0], names)
    return names[name]


@pytest.mark.row(
    "2026-01-24.004.sdk.httpx.submit_job",
    "2026-01-24.004.sdk.httpx.get_job",
    "2026-01-24.004.sdk.httpx.wait_for_job",
)
async def test_the_client_of_004_stops_waiting_at_every_end(demo_site: NodeSite) -> None:
    """Its loop knows completed, failed and cancelled; an expired job has to be one of them."""
    coordinator = class_of("CoordinatorClient", "httpx-client.py.txt", demo_site.url)(demo_site.url)
    await demo_site.register()
    expired = await demo_site.queued({"prompt": "Hello", "ttl_seconds": 2})
    done = await demo_site.done({"prompt": "Hello"})
    failed = await demo_site.failed({"prompt": "Hello"})
    cancelled = await demo_site.queued({"prompt": "Hello"})
    await demo_site.http.post(f"/v1/jobs/{cancelled}/cancel")
    ends = {done: "completed", failed: "failed", cancelled: "cancelled", expired: "failed"}
    for job_id, status in ends.items():
        job = await asyncio.to_thread(coordinator.wait_for_job, job_id)
        assert job["status"] == status
    with pytest.raises(httpx.HTTPStatusError):
        await asyncio.to_thread(coordinator.get_job, "job_unknown")
    tuned = await asyncio.to_thread(coordinator.submit_job, "Hi", max_tokens=5, seed=7)
    assert tuned["status"] == "pending"
    await demo_site.escrowed(tuned["job_id"])
    lease = (await demo_site.claim(tuned["job_id"])).json()
    assert (lease["params"]["max_tokens"], lease["params"]["seed"]) == (5, 7)
    coordinator.client.close()


@pytest.mark.row("2026-01-24.004.sdk.httpx-async.wait_for_job")
async def test_the_async_client_of_004_returns_completed_and_failed_jobs(
    demo_site: NodeSite,
) -> None:
    made = class_of("AsyncCoordinatorClient", "httpx-async-client.py.txt", demo_site.url)
    coordinator = made(demo_site.url)
    await demo_site.register()
    done = await demo_site.done({"prompt": "Hello"}, "Hello back.")
    assert (await coordinator.wait_for_job(done))["result"] == "Hello back."
    expired = await demo_site.queued({"prompt": "Hello", "ttl_seconds": 2})
    assert (await coordinator.wait_for_job(expired))["status"] == "failed"
    await coordinator.client.aclose()


@pytest.mark.row("2026-01-24.004.sdk.httpx.construct", "2026-01-24.004.sdk.httpx-async.construct")
async def test_the_clients_of_004_send_a_key_only_when_one_is_given(
    closed_node_site: NodeSite,
) -> None:
    url = closed_node_site.url
    key = (await closed_node_site.http.post("/v1/clients", json={})).json()["api_key"]
    plain = class_of("CoordinatorClient", "httpx-client.py.txt", url)
    for api_key, status in ((None, 401), (key, 404)):
        client = plain(url, api_key)
        with pytest.raises(httpx.HTTPStatusError) as refusal:
            await asyncio.to_thread(client.get_job, "job_unknown")
        assert refusal.value.response.status_code == status
        assert refusal.value.request.headers.get("X-Api-Key") == api_key
        client.client.close()
    made = class_of("AsyncCoordinatorClient", "httpx-async-client.py.txt", url)
    for api_key, status in ((None, 401), (key, 404)):
        async with made(url, api_key).client as client:
            answer = await client.get(f"{url}/v1/jobs/job_unknown")
        assert answer.status_code == status
        assert answer.request.headers.get("X-Api-Key") == api_key


def retry_loop(sleep: Callable[[float], None]) -> Any:
    """Return document 004's `with_retry`, sleeping as told."""
    names: dict[str, Any] = {}
    exec((FOLDER / "retry.py.txt").read_text(), names)
    names["time"] = SimpleNamespace(sleep=sleep)
    return names["with_retry"]


@pytest.mark.row("2026-01-24.004.sdk.retry.5xx")
def test_the_retry_loop_of_004_succeeds_once_a_node_is_whole_again(node_site: NodeSite) -> None:
    url, key = node_site.url, node_site.key_header
    stored = httpx.post(f"{url}/v1/artifacts", content=b"An input.", headers=key)
    assert stored.status_code == 201, stored.text
    codes, slept = list[int](), list[float]()

    def read() -> bytes:
        answer = httpx.get(url + stored.headers["location"], headers=key)
        codes.append(answer.status_code)
        answer.raise_for_status()
        return answer.content

    with ExitStack() as broken:
        broken.enter_context(node_site.without_artifacts())

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            broken.close()

        assert retry_loop(sleep)(read) == b"An input."
    assert (codes, slept) == ([500, 200], [2])


async def test_the_retry_loop_of_004_succeeds_once_the_chain_answers_again(site: Site) -> None:
    chain, slept = site.world.chain, list[float]()
    await site.register()
    job_id = await site.queued({"prompt": "Hello"})

    def claim() -> int:
        claimed = httpx.post(f"{site.url}/v1/jobs/{job_id}/claim", json={"miner_id": MINER})
        claimed.raise_for_status()
        return claimed.status_code

    async def mend() -> None:
        chain.is_paused = False
        chain.make_block()
        await site.world.services.core.follower.catch_up()

    loop = asyncio.get_running_loop()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        asyncio.run_coroutine_threadsafe(mend(), loop).result()

    chain.is_paused = True
    with site.world.impatience():
        assert await asyncio.to_thread(retry_loop(sleep), claim) == 200
    assert slept == [2]


@pytest.mark.row("2026-01-24.004.sdk.retry.429", "2026-01-24.004.sdk.retry.other")
async def test_the_retry_loop_of_004_understands_our_refusals(node_site: NodeSite) -> None:
    """It sleeps `int(Retry-After)` at 429, retries 5xx, and raises everything else at once."""
    slept: list[float] = []
    with_retry = retry_loop(slept.append)
    await node_site.limit(status=1)

    def ask(path: str) -> int:
        response = httpx.get(node_site.url + path, headers=node_site.key_header)
        response.raise_for_status()
        return response.status_code

    def retried(path: str) -> int:
        code: int = with_retry(lambda: ask(path))
        return code

    assert await asyncio.to_thread(retried, "/v1/jobs") == 200
    with pytest.raises(Exception, match="Max retries exceeded"):
        await asyncio.to_thread(retried, "/v1/jobs")
    assert len(slept) == 3
    assert all(isinstance(seconds, int) and 1 <= seconds <= 60 for seconds in slept)
    slept.clear()
    with pytest.raises(httpx.HTTPStatusError):
        await asyncio.to_thread(retried, "/v1/nothing")
    assert slept == []
    with (
        node_site.without_artifacts(),
        pytest.raises(Exception, match="Max retries exceeded"),
    ):
        await asyncio.to_thread(retried, f"/v1/artifacts/sha256:{'0' * 64}")
    assert slept == [2, 4, 6]

"""The clients that the documents print, run as they print them but for the base URL."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from tests.api.documents import (
    DEVELOPMENT,
    FOLDER,
    PRODUCTION,
    Run,
    curl_lines,
    printed,
    run_curl,
    run_python,
)
from tests.api.site import MINER, PLENTY, Site, running_site

MINIMAL = {"payload": {"model": "llama2", "prompt": "Hello world"}, "ttl_seconds": 900}

ANSWER = "Grüße, 世界! \U0001f30d"


def check_printed(ran: Run, text: str) -> None:
    assert (ran.code, ran.out.strip(), ran.err) == (0, text, "")


@pytest.mark.row(
    "2026-05-11.003.curl.submit", "2026-05-11.003.curl.status", "2026-05-11.003.curl.result"
)
async def test_the_curl_lines_of_003_submit_ask_and_read_the_result(site: Site) -> None:
    await site.register(capabilities=["llama2"])
    submit, status, result = curl_lines("curl-2026-05-11.sh.txt", site.url, replaces=DEVELOPMENT)
    submitted = await run_curl(submit)
    body, _, code = submitted.out.rpartition("\n")
    assert code == "201", submitted
    job = json.loads(body)
    assert job["state"] == "QUEUED"

    await site.serve_next_job("Hello yourself.")

    shown = await run_curl(status, job_id=job["job_id"])
    body, _, code = shown.out.rpartition("\n")
    assert (code, json.loads(body)["state"]) == ("200", "COMPLETED")
    read = await run_curl(result, job_id=job["job_id"])
    body, _, code = read.out.rpartition("\n")
    assert (code, json.loads(body)["result"]["output"]) == ("200", "Hello yourself.")


@pytest.mark.row("2026-01-24.004.auth.curl")
async def test_the_curl_line_of_004_lists_jobs_below_the_production_path(site: Site) -> None:
    await site.submit({"prompt": "Hello"})
    (listing,) = curl_lines("curl-2026-01-24.sh.txt", f"{site.url}/api", replaces=PRODUCTION)
    listed = await run_curl(listing)
    body, _, code = listed.out.rpartition("\n")
    assert code == "200"
    assert [job["status"] for job in json.loads(body)] == ["pending"]


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        pytest.param(
            "httpx-client.py.txt", "", marks=pytest.mark.row("2026-01-24.004.sdk.httpx.usage")
        ),
        pytest.param(
            "httpx-async-client.py.txt",
            "/api",
            marks=pytest.mark.row(
                "2026-01-24.004.sdk.httpx-async.usage",
                "2026-01-24.004.sdk.httpx-async.submit_job",
            ),
        ),
    ],
)
async def test_the_python_clients_of_004_print_the_answer(
    site: Site, name: str, prefix: str
) -> None:
    await site.register()
    ran, _ = await asyncio.gather(run_python(name, site.url + prefix), site.serve_next_job(ANSWER))
    check_printed(ran, ANSWER)


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
async def test_the_client_of_004_stops_waiting_at_every_end(site: Site) -> None:
    """Its loop knows completed, failed and cancelled; an expired job has to be one of them."""
    coordinator = class_of("CoordinatorClient", "httpx-client.py.txt", site.url)(site.url)

    done = await site.done({"prompt": "Hello"})
    failed = await site.failed({"prompt": "Hello"})
    cancelled = await site.queued({"prompt": "Hello"})
    await site.http.post(f"/v1/jobs/{cancelled}/cancel")
    expired = await site.queued({"prompt": "Hello", "ttl_seconds": 1})
    await site.world.pass_time(60)
    ends = {done: "completed", failed: "failed", cancelled: "cancelled", expired: "failed"}
    for job_id, status in ends.items():
        job = await asyncio.to_thread(coordinator.wait_for_job, job_id)
        assert job["status"] == status
    with pytest.raises(httpx.HTTPStatusError):
        await asyncio.to_thread(coordinator.get_job, "job_unknown")
    tuned = await asyncio.to_thread(coordinator.submit_job, "Hi", max_tokens=5, seed=7)
    assert tuned["status"] == "pending"
    reached = await site.world.get(bytes.fromhex(tuned["job_id"].removeprefix("job_")))
    assert (reached.spec.params["max_tokens"], reached.spec.params["seed"]) == (5, 7)
    coordinator.client.close()


@pytest.mark.row("2026-01-24.004.sdk.httpx-async.wait_for_job")
async def test_the_async_client_of_004_returns_completed_and_failed_jobs(site: Site) -> None:
    made = class_of("AsyncCoordinatorClient", "httpx-async-client.py.txt", site.url)
    coordinator = made(site.url)
    done = await site.done({"prompt": "Hello"}, "Hello back.")
    assert (await coordinator.wait_for_job(done))["result"] == "Hello back."
    expired = await site.queued({"prompt": "Hello", "ttl_seconds": 1})
    await site.world.pass_time(60)
    assert (await coordinator.wait_for_job(expired))["status"] == "failed"
    await coordinator.client.aclose()


@pytest.mark.row("2026-01-24.004.sdk.httpx.construct", "2026-01-24.004.sdk.httpx-async.construct")
async def test_the_clients_of_004_send_a_key_only_when_one_is_given(closed_site: Site) -> None:
    url, key = closed_site.url, await closed_site.key()
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
async def test_the_retry_loop_of_004_understands_our_refusals(folder: Path) -> None:
    """It sleeps `int(Retry-After)` at 429, retries 5xx, and raises everything else at once."""
    slept: list[float] = []
    with_retry = retry_loop(slept.append)
    async with running_site(folder, quotas=replace(PLENTY, status=1)) as site:

        def ask(path: str) -> int:
            response = httpx.get(site.url + path)
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
        with pytest.raises(Exception, match="Max retries exceeded"):
            await asyncio.to_thread(retried, "/faulty")
        assert slept == [2, 4, 6]

"""The clients that the documents print, run as they print them but for the base URL."""

import asyncio
import json
import shutil
from dataclasses import replace
from pathlib import Path

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
    run_javascript,
    run_python,
)
from tests.api.site import PLENTY, Site, running_site

MINIMAL = {"payload": {"model": "llama2", "prompt": "Hello world"}, "ttl_seconds": 900}

ANSWER = "Grüße, 世界! \U0001f30d"


def check_printed(ran: Run, text: str) -> None:
    assert (ran.code, ran.out.strip(), ran.err) == (0, text, "")


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


async def test_the_curl_line_of_004_lists_jobs_below_the_production_path(site: Site) -> None:
    await site.submit({"prompt": "Hello"})
    (listing,) = curl_lines("curl-2026-01-24.sh.txt", f"{site.url}/api", replaces=PRODUCTION)
    listed = await run_curl(listing)
    body, _, code = listed.out.rpartition("\n")
    assert code == "200"
    assert [job["status"] for job in json.loads(body)] == ["pending"]


@pytest.mark.parametrize(
    ("name", "prefix"), [("httpx-client.py.txt", ""), ("httpx-async-client.py.txt", "/api")]
)
async def test_the_python_clients_of_004_print_the_answer(
    site: Site, name: str, prefix: str
) -> None:
    await site.register()
    ran, _ = await asyncio.gather(run_python(name, site.url + prefix), site.serve_next_job(ANSWER))
    check_printed(ran, ANSWER)


async def test_the_javascript_client_of_004_prints_the_answer(site: Site) -> None:
    if shutil.which("node") is None:
        pytest.skip("NODE.JS IS MISSING: the printed JavaScript client was NOT run (apt: nodejs)")
    await site.register()
    ran, _ = await asyncio.gather(
        run_javascript("fetch-client.js.txt", site.url), site.serve_next_job(ANSWER)
    )
    check_printed(ran, ANSWER)


async def test_the_client_of_004_stops_waiting_at_every_end(site: Site) -> None:
    """Its loop knows completed, failed and cancelled; an expired job has to be one of them."""
    client = printed("httpx-client.py.txt", site.url).partition("# Usage")[0]
    names: dict[str, object] = {}
    exec(client, names)
    coordinator = names["CoordinatorClient"](site.url)  # type: ignore[operator]

    cancelled = await site.queued({"prompt": "Hello"})
    await site.http.post(f"/v1/jobs/{cancelled}/cancel")
    expired = await site.queued({"prompt": "Hello", "ttl_seconds": 1})
    await site.world.pass_time(60)
    for job_id, status in ((cancelled, "cancelled"), (expired, "failed")):
        job = await asyncio.to_thread(coordinator.wait_for_job, job_id)
        assert job["status"] == status
    with pytest.raises(httpx.HTTPStatusError):
        await asyncio.to_thread(coordinator.get_job, "job_unknown")
    tuned = await asyncio.to_thread(coordinator.submit_job, "Hi", max_tokens=5, seed=7)
    assert tuned["status"] == "pending"
    coordinator.client.close()


async def test_the_retry_loop_of_004_understands_our_refusals(folder: Path) -> None:
    """It sleeps `int(Retry-After)` at 429, retries 5xx, and raises everything else at once."""
    slept: list[float] = []
    names: dict[str, object] = {}
    exec((FOLDER / "retry.py.txt").read_text(), names)

    class Sleeper:
        @staticmethod
        def sleep(seconds: float) -> None:
            slept.append(seconds)

    names["time"] = Sleeper
    with_retry = names["with_retry"]
    async with running_site(folder, quotas=replace(PLENTY, status=1)) as site:

        def ask(path: str) -> int:
            response = httpx.get(site.url + path)
            response.raise_for_status()
            return response.status_code

        def retried(path: str) -> int:
            code: int = with_retry(lambda: ask(path))  # type: ignore[operator]
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

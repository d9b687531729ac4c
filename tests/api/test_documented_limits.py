"""Limits, over HTTP, by a clock that is turned; the documented numbers are met on a node."""

import asyncio
import secrets
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from coordinator.clients import Scope
from coordinator.clients.keys import new_key
from coordinator.clients.store import set_quotas
from coordinator.errors import InvalidApiKey
from coordinator.http import Quotas
from coordinator.http.faults import RateLimitExceeded
from coordinator.http.guesses import Guesses
from tests.api.site import PLENTY, Site, running_site

JOB = {"payload": {"prompt": "Hello"}}
AT_ONCE = 10


class Clock:
    """Seconds, when they are turned."""

    now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


async def statuses(http: httpx.AsyncClient, count: int, **request: Any) -> Counter[int]:
    """Send a request so many times, a few at once, and count the answers by status."""
    answered: Counter[int] = Counter()

    async def send(times: int) -> None:
        for _ in range(times):
            answered[(await http.request(**request)).status_code] += 1

    await asyncio.gather(*(send(count // AT_ONCE) for _ in range(AT_ONCE)))
    return answered


def check_refusal(refused: httpx.Response, policy: str, quota: int) -> None:
    assert refused.status_code == 429
    assert refused.json()["error_code"] == "RATE_LIMIT_EXCEEDED"
    assert refused.headers["retry-after"] == "60"
    assert refused.json()["detail"].endswith("come back in 60 s")
    assert refused.headers["ratelimit-policy"] == f'"{policy}";q={quota};w=60'
    assert refused.headers["ratelimit"] == f'"{policy}";r=0;t=60'


async def test_a_minute_after_the_last_submission_the_next_passes(folder: Path) -> None:
    clock = Clock()
    async with running_site(folder, quotas=replace(Quotas(), submit=10), clock=clock) as site:
        request: dict[str, Any] = {"method": "POST", "url": "/v1/jobs", "json": JOB}
        assert await statuses(site.http, 10, **request) == {201: 10}
        check_refusal(await site.http.request(**request), "submit", 10)
        clock.now_s += 60
        assert (await site.http.request(**request)).status_code == 201


async def test_lists_and_payments_are_status_queries_too(folder: Path) -> None:
    clock = Clock()
    async with running_site(folder, quotas=replace(Quotas(), status=10), clock=clock) as site:
        job_id = (await site.submit(JOB))["job_id"]
        request: dict[str, Any] = {"method": "GET", "url": f"/v1/jobs/{job_id}"}
        assert await statuses(site.http, 10, **request) == {200: 10}
        check_refusal(await site.http.request(**request), "status", 10)
        assert (await site.http.get(f"/v1/jobs/{job_id}/payment")).status_code == 429
        assert (await site.http.get("/v1/jobs")).status_code == 429
        clock.now_s += 60
        assert (await site.http.request(**request)).status_code == 200


async def test_receipts_of_a_job_are_results_too(folder: Path) -> None:
    clock = Clock()
    async with running_site(folder, quotas=replace(Quotas(), result=10), clock=clock) as site:
        job_id = await site.done(JOB)
        request: dict[str, Any] = {"method": "GET", "url": f"/v1/jobs/{job_id}/result"}
        assert await statuses(site.http, 10, **request) == {200: 10}
        check_refusal(await site.http.request(**request), "result", 10)
        assert (await site.http.get(f"/v1/jobs/{job_id}/receipt")).status_code == 429
        assert (await site.http.get(f"/v1/jobs/{job_id}")).status_code == 200
        clock.now_s += 60
        assert (await site.http.request(**request)).status_code == 200


async def test_a_key_with_limits_of_its_own_is_counted_by_them(folder: Path) -> None:
    async with running_site(folder, quotas=Quotas(), clock=Clock()) as site:
        text = await site.key()
        key_id = text.split("_")[1]
        database = site.world.services.core.database
        assert await database.write(lambda c: set_quotas(c, key_id, {"status": 2}))
        async with site.with_key(text) as http:
            told = [await http.get("/v1/jobs") for _ in range(3)]
            assert [answer.status_code for answer in told] == [200, 200, 429]
            assert told[0].headers["ratelimit"] == '"status";r=1;t=60'
            assert (
                (await http.get("/v1/clients/me"))
                .headers["ratelimit-policy"]
                .startswith('"other";q=1000')
            )


async def test_the_operator_gives_a_key_limits_of_its_own_and_takes_them_back(
    site: Site,
) -> None:
    text = await site.key()
    path = f"/v1/admin/keys/{text.split('_')[1]}/limits"
    operator = site.world.config.operator_key_path.read_text().strip()
    async with site.with_key(operator) as admin, site.with_key(text) as http:
        assert (await http.put(path, json={"submit": 10**6})).status_code == 403
        told = await admin.put(path, json={"status": 7})
        assert (told.status_code, told.json()) == (200, {"status": 7})
        assert (await http.get("/v1/jobs")).headers["ratelimit-policy"] == '"status";q=7;w=60'
        assert (await admin.put(path, json={})).status_code == 200
        assert ";q=7;" not in (await http.get("/v1/jobs")).headers["ratelimit-policy"]
        assert (await admin.put(path, json={"status": 0})).status_code == 400
        unknown = await admin.put("/v1/admin/keys/000000000000/limits", json={})
        assert unknown.status_code == 404


async def test_every_answer_says_where_its_caller_stands(site: Site) -> None:
    for path, policy in (
        ("/v1/jobs", "status"),
        ("/v1/jobs/job_00/result", "result"),
        ("/v1/receipts", "other"),
        ("/v1/clients/me", "other"),
    ):
        headers = (await site.http.get(path)).headers
        assert headers["ratelimit-policy"].startswith(f'"{policy}";q=')
        assert headers["ratelimit"].startswith(f'"{policy}";r=')


async def test_who_is_refused_is_told_and_counted_too(folder: Path) -> None:
    async with running_site(folder, is_devnet=False, quotas=replace(PLENTY, other=3)) as site:
        reader = await site.key(Scope.READ)
        async with site.with_key(reader) as http:
            refused = await http.post("/v1/jobs", json={"prompt": "x"})
            assert (refused.status_code, refused.json()["error_code"]) == (403, "FORBIDDEN")
            assert refused.headers["ratelimit-policy"].startswith('"submit"')
        statuses = []
        for headers in ({}, {"X-Api-Key": "nonsense"}, {"AITBC-Version": "2025-01-01"}, {}):
            answer = await site.http.get("/v1/jobs", headers=headers)
            assert answer.headers["ratelimit-policy"].startswith('"other";q=3')
            statuses.append(answer.status_code)
        assert statuses == [401, 401, 400, 429]


async def test_what_leads_nowhere_is_counted_by_key_and_by_address(folder: Path) -> None:
    clock = Clock()
    quotas = replace(PLENTY, other=4)
    async with running_site(folder, is_devnet=False, quotas=quotas, clock=clock) as site:
        nowhere = [("GET", "/v1/nowhere"), ("PUT", "/v1/stats"), ("POST", "/nowhere")]
        expected = [(404, "NOT_FOUND"), (405, "METHOD_NOT_ALLOWED"), (404, "NOT_FOUND")]
        for left, (method, path), (status, code) in zip((3, 2, 1), nowhere, expected, strict=True):
            answer = await site.http.request(method, path)
            assert (answer.status_code, answer.json()["error_code"]) == (status, code)
            assert answer.headers["ratelimit-policy"] == '"other";q=4;w=60'
            assert answer.headers["ratelimit"].startswith(f'"other";r={left};')
        assert (await site.http.put("/v1/stats")).headers["allow"]
        refused = await site.http.get("/v1/nowhere")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
        assert refused.json()["error_code"] == "RATE_LIMIT_EXCEEDED"
        # What is known to be somewhere counts with it.
        assert (await site.http.get("/v1/stats")).status_code == 429
        async with site.with_key(await site.key()) as http:
            # A key that was never read is not read for this; one that was has its own count.
            assert (await http.get("/v1/nowhere")).status_code == 429
            assert (await http.get("/v1/jobs")).status_code == 200
            answer = await http.get("/v1/nowhere")
            assert (answer.status_code, answer.headers["ratelimit"][:11]) == (404, '"other";r=3')
        clock.now_s += 60
        assert (await site.http.get("/v1/nowhere")).status_code == 404


async def test_who_guesses_keys_is_not_looked_up_for_ever(folder: Path) -> None:
    clock = Clock()
    quotas = replace(PLENTY, other=3)
    async with running_site(folder, is_devnet=False, quotas=quotas, clock=clock) as site:
        old, new = await site.key(), await site.key()

        async def answer(key: str) -> int:
            async with site.with_key(key) as http:
                return (await http.get("/v1/jobs")).status_code

        assert await answer(old) == 200
        guesses = [new_key(secrets.token_bytes).text for _ in range(4)]
        assert [await answer(guess) for guess in guesses] == [401, 401, 401, 429]
        # What was read before needs no database; what was not is refused as the guesses are.
        assert (await answer(old), await answer(new)) == (200, 429)
        clock.now_s += 60
        assert await answer(new) == 200


def test_keys_that_are_right_are_no_guesses() -> None:
    clock = Clock()
    guesses = Guesses(2, clock)
    for _ in range(5):
        with guesses.one_of("192.0.2.1"):
            pass
    for _ in range(2):
        with pytest.raises(InvalidApiKey), guesses.one_of("192.0.2.1"):
            raise InvalidApiKey("no such key")
    with pytest.raises(RateLimitExceeded), guesses.one_of("192.0.2.1"):
        pytest.fail("it was let through")
    with guesses.one_of("192.0.2.2"):
        clock.now_s += 60
    with guesses.one_of("192.0.2.1"):
        pass

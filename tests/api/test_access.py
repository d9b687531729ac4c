"""Who may call what (A1 to A4), on a devnet and off it."""

import zlib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from litestar import Litestar

from coordinator.api import coordinator_handlers
from coordinator.http.operation import PUBLIC
from coordinator.openapi.routes import described_routes
from tests.api.node_site import NodeSite
from tests.api.site import MINER, PLENTY, REGISTRATION, Site, running_site

PROMPT = {"prompt": "Hello"}

UNKNOWN_JOB = f"/v1/jobs/job_{'0' * 64}"

BODIES = {
    "/v1/jobs": PROMPT,
    "/v1/miners/register": REGISTRATION,
    "/v1/miners/poll": {"miner_id": "nobody"},
    "/v1/jobs/{job_id}/claim": {"miner_id": "nobody"},
    "/v1/jobs/{job_id}/heartbeat": {"miner_id": "nobody"},
    "/v1/jobs/{job_id}/release": {"miner_id": "nobody", "reason": "RUNNER_FAILED"},
    "/v1/jobs/{job_id}/fail": {"miner_id": "nobody", "reason": "BAD_INPUT"},
    "/v1/jobs/{job_id}/complete": {"miner_id": "nobody", "result": ""},
    "/v1/clients": {},
    "/v1/clients/me/keys": {},
}

_NOTHING: Any = SimpleNamespace(idempotency=None)
"""Stands for what would answer: routes declare themselves without it."""


def application_of_declarations() -> Litestar:
    """Return the application as far as its documents need it."""
    handlers = coordinator_handlers(_NOTHING, _NOTHING, _NOTHING)
    return Litestar(route_handlers=handlers, openapi_config=None)


ROUTES = [
    pytest.param(route, id=f"{route.method} {route.path}")
    for route in described_routes(application_of_declarations())
]


async def call(client: httpx.AsyncClient, route) -> httpx.Response:
    path = route.path
    for name, value in (
        ("{job_id}", f"job_{'0' * 64}"),
        ("{receipt_id}", f"receipt_{'0' * 64}"),
        ("{miner_id}", "nobody"),
        ("{artifact}", f"sha256:{'0' * 64}"),
        ("{key_id}", "none"),
    ):
        path = path.replace(name, value)
    return await client.request(route.method.upper(), path, json=BODIES.get(route.path))


def code_of(response: httpx.Response) -> tuple[int, str]:
    body = response.json()
    # Where OpenAI's clients call, the code is in its shape (E1).
    code = body["error_code"] if "error_code" in body else body["error"]["code"].upper()
    return response.status_code, code


@pytest.mark.row("2026-01-24.002.jobs.create.unauthorized", "2026-01-24.004.status.401")
async def test_off_a_devnet_every_route_that_is_not_public_needs_a_key(
    closed_node_site: NodeSite,
) -> None:
    async with closed_node_site.with_key("aitbc_wrong") as wrong:
        for (route,) in (parameter.values for parameter in ROUTES):
            response = await call(closed_node_site.http, route)
            if route.operation.access == PUBLIC:
                assert response.status_code != 401, route
                continue
            assert code_of(response) == (401, "AUTHENTICATION_REQUIRED"), route
            assert response.headers["www-authenticate"].startswith("Bearer")
            assert code_of(await call(wrong, route)) == (401, "INVALID_API_KEY"), route


@pytest.mark.row("2026-01-24.004.auth.public.stats")
async def test_statistics_are_public_off_a_devnet_too(closed_node_site: NodeSite) -> None:
    response = await closed_node_site.http.get("/v1/stats")
    assert response.status_code == 200
    assert set(response.json()) == {
        "total_jobs",
        "active_miners",
        "total_receipts",
        "block_height",
    }


async def test_the_documents_keys_open_nothing_off_a_devnet(closed_site: Site) -> None:
    for key in ("your-api-key", "your_key"):
        async with closed_site.with_key(key) as client:
            assert code_of(await client.get("/v1/jobs")) == (401, "INVALID_API_KEY")


async def test_on_a_devnet_no_key_and_the_documents_keys_are_one_identity(site: Site) -> None:
    job = await site.submit(PROMPT)
    for key in ("your-api-key", "your_key"):
        async with site.with_key(key) as client:
            assert [item["job_id"] for item in (await client.get("/v1/jobs")).json()] == [
                job["job_id"]
            ]
    async with site.with_key("your-api-kee") as client:
        assert code_of(await client.get("/v1/jobs")) == (401, "INVALID_API_KEY")
        assert code_of(await client.get("/v1/stats")) == (401, "INVALID_API_KEY")


async def test_another_clients_job_is_not_found_whatever_is_asked_of_it(site: Site) -> None:
    job_id = await site.done(PROMPT)
    async with site.with_key(await site.key()) as stranger:
        for path in ("", "/result", "/results", "/payment", "/receipt", "/receipts"):
            response = await stranger.get(f"/v1/jobs/{job_id}{path}")
            assert code_of(response) == (404, "JOB_NOT_FOUND")
            # Nor does the version say in which one the job was made.
            assert response.headers["aitbc-version-source"] == "route"
        cancelled = await stranger.post(f"/v1/jobs/{job_id}/cancel")
        assert code_of(cancelled) == (404, "JOB_NOT_FOUND")
        assert code_of(await stranger.delete(f"/v1/jobs/{job_id}")) == (404, "JOB_NOT_FOUND")
        assert (await stranger.get("/v1/jobs")).json() == []


async def test_a_miner_of_another_key_is_forbidden(site: Site) -> None:
    await site.register()
    job_id = await site.queued(PROMPT)
    async with site.with_key(await site.key()) as stranger:
        taken = await stranger.post("/v1/miners/register", json=REGISTRATION)
        assert code_of(taken) == (409, "MINER_ALREADY_REGISTERED")
        for path, body in (
            (f"/v1/jobs/{job_id}/claim", {"miner_id": MINER}),
            (f"/v1/jobs/{job_id}/complete", {"miner_id": MINER, "result": "mine"}),
            ("/v1/miners/poll", {"miner_id": MINER}),
        ):
            assert code_of(await stranger.post(path, json=body)) == (403, "FORBIDDEN")
        response = await stranger.get(f"/v1/jobs/available?miner_id={MINER}")
        assert code_of(response) == (403, "FORBIDDEN")


async def test_miners_are_counted_one_by_one(folder: Path) -> None:
    async with running_site(folder, quotas=replace(PLENTY, miner=2, miners=6)) as site:
        for name in ("a", "b"):
            for status in (404, 404, 429):
                response = await site.http.get(f"/v1/jobs/available?miner_id={name}")
                assert response.status_code == status
        # All together they are one key's: inventing names is no way around.
        response = await site.http.get("/v1/jobs/available?miner_id=c")
        assert (response.status_code, response.headers["ratelimit"][:8]) == (429, '"miners"')


async def test_without_a_key_public_routes_are_counted_by_address(folder: Path) -> None:
    async with running_site(folder, is_devnet=False, quotas=replace(PLENTY, other=2)) as site:
        for status in (200, 200, 429):
            assert (await site.http.get("/v1/stats")).status_code == status


async def test_what_leads_nowhere_is_counted_whoever_asks_and_tells_nothing_of_a_key(
    folder: Path,
) -> None:
    async with running_site(folder, is_devnet=False, quotas=replace(PLENTY, other=4)) as site:
        key = await site.key()
        async with site.with_key(key) as known:
            assert (await known.get("/v1/clients/me")).status_code == 200
        # Another secret of the same public part, which the checksum does not give away.
        body = f"{key[:19]}{'a' * 52}"
        wrong = f"{body}_{zlib.crc32(body.encode()):08x}"
        async with site.with_key(wrong) as guessing:
            for status in (404, 404, 404, 404, 429):
                assert (await guessing.get("/v1/nothing")).status_code == status


async def test_who_knows_the_digest_may_read_with_any_key_and_nobody_without(
    closed_site: Site,
) -> None:
    async with (
        closed_site.with_key(await closed_site.key()) as owner,
        closed_site.with_key(await closed_site.key()) as other,
    ):
        stored = await owner.post("/v1/artifacts", content=b"input")
        assert (await other.get(stored.headers["location"])).content == b"input"
        assert (await closed_site.http.get(stored.headers["location"])).status_code == 401

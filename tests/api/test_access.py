"""Who may call what (A1 to A4), on a devnet and off it."""

from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from litestar import Litestar

from coordinator.api import coordinator_handlers
from coordinator.clients import Scope
from coordinator.http.operation import PUBLIC
from coordinator.openapi.routes import described_routes
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

ROUTES = [
    pytest.param(route, id=f"{route.method} {route.path}")
    for route in described_routes(
        Litestar(route_handlers=coordinator_handlers(None, None, None), openapi_config=None)
    )
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
    return response.status_code, response.json()["error_code"]


async def test_off_a_devnet_every_route_that_is_not_public_needs_a_key(closed_site: Site) -> None:
    async with closed_site.with_key("aitbc_wrong") as wrong:
        for (route,) in (parameter.values for parameter in ROUTES):
            response = await call(closed_site.http, route)
            if route.operation.access == PUBLIC:
                assert response.status_code != 401, route
                continue
            assert code_of(response) == (401, "AUTHENTICATION_REQUIRED"), route
            assert response.headers["www-authenticate"].startswith("Bearer")
            assert code_of(await call(wrong, route)) == (401, "INVALID_API_KEY"), route


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


async def test_a_client_registers_and_its_key_works_in_both_headers(site: Site) -> None:
    response = await site.http.post("/v1/clients", json={"label": "me"})
    assert response.status_code == 201
    assert response.headers["cache-control"] == "no-store"
    registered = response.json()
    key = registered["api_key"]
    for headers in ({"X-API-KEY": key}, {"Authorization": f"Bearer {key}"}):
        me = await site.http.get("/v1/clients/me", headers=headers)
        assert me.status_code == 200
        assert me.json()["client_id"] == registered["client_id"]
        assert "api_key" not in me.json()
    both = {"X-Api-Key": key, "Authorization": f"Bearer {key}"}
    assert (await site.http.get("/v1/clients/me", headers=both)).status_code == 200
    other = {"X-Api-Key": key, "Authorization": "Bearer your-api-key"}
    assert code_of(await site.http.get("/v1/clients/me", headers=other)) == (400, "KEYS_DIFFER")


async def test_keys_are_issued_listed_and_revoked(site: Site) -> None:
    async with site.with_key(await site.key()) as client:
        issued = await client.post("/v1/clients/me/keys", json={"label": "ci", "scopes": ["read"]})
        assert issued.status_code == 201
        reader_key = issued.json()["api_key"]
        keys = (await client.get("/v1/clients/me/keys")).json()["keys"]
        assert {key["label"] for key in keys} == {"", "ci"}
        assert reader_key not in str(keys)
        async with site.with_key(reader_key) as reader:
            assert (await reader.get("/v1/jobs")).status_code == 200
            wider = await reader.post("/v1/clients/me/keys", json={"scopes": ["client"]})
            assert code_of(wider) == (403, "FORBIDDEN")
            revoked = await client.delete(f"/v1/clients/me/keys/{issued.json()['key_id']}")
            assert (revoked.status_code, revoked.content) == (204, b"")
            assert code_of(await reader.get("/v1/jobs")) == (401, "INVALID_API_KEY")
        past = {"expires_at": "2020-01-01T00:00:00Z"}
        late = await client.post("/v1/clients/me/keys", json=past)
        async with site.with_key(late.json()["api_key"]) as expired:
            assert code_of(await expired.get("/v1/jobs")) == (401, "INVALID_API_KEY")
        bad = await client.post("/v1/clients/me/keys", json={"scopes": ["root"]})
        assert code_of(bad) == (400, "VALIDATION_ERROR")


async def test_a_key_without_the_scope_is_forbidden_before_its_body_is_read(site: Site) -> None:
    allowed = {
        Scope.READ: {"/v1/jobs": 200},
        Scope.MINER: {f"/v1/jobs/available?miner_id={MINER}": 404},
    }
    for scope, answers in allowed.items():
        async with site.with_key(await site.key(scope)) as client:
            refused = await client.post("/v1/jobs", content=b"{")
            assert code_of(refused) == (403, "FORBIDDEN")
            for path, status in answers.items():
                assert (await client.get(path)).status_code == status
    async with site.with_key(await site.key(Scope.READ)) as reader:
        assert code_of(await reader.post("/v1/miners/register", json={})) == (403, "FORBIDDEN")
    async with site.with_key(await site.key(Scope.MINER)) as miner:
        assert code_of(await miner.get(UNKNOWN_JOB)) == (403, "FORBIDDEN")


async def test_another_clients_job_is_not_found_whatever_is_asked_of_it(site: Site) -> None:
    job_id = await site.done(PROMPT)
    async with site.with_key(await site.key()) as stranger:
        for path in ("", "/result", "/payment", "/receipt", "/receipts"):
            response = await stranger.get(f"/v1/jobs/{job_id}{path}")
            assert code_of(response) == (404, "JOB_NOT_FOUND")
            # Nor does the version say in which one the job was made.
            assert response.headers["aitbc-version-source"] == "route"
        cancelled = await stranger.post(f"/v1/jobs/{job_id}/cancel")
        assert code_of(cancelled) == (404, "JOB_NOT_FOUND")
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


@pytest.mark.parametrize("key", [None, "your-api-key"])
@pytest.mark.parametrize(
    ("host", "origin", "is_refused"),
    [
        (None, None, False),
        (None, "http://localhost:3000", False),
        (None, "https://evil.example", True),
        (None, "null", True),
        ("rebound.example", None, True),
        ("localhost:8011", None, False),
    ],
)
async def test_a_foreign_page_cannot_act_as_the_demo_identity(
    site: Site, key: str | None, host: str | None, origin: str | None, is_refused: bool
) -> None:
    headers = {"X-Api-Key": key, "Host": host, "Origin": origin}
    sent = {name: value for name, value in headers.items() if value is not None}
    response = await site.http.post("/v1/jobs", json=PROMPT, headers=sent)
    if is_refused:
        assert code_of(response) == (403, "ORIGIN_REFUSED")
    else:
        assert response.status_code == 201
    own = sent | {"X-Api-Key": await site.key()}
    assert (await site.http.get("/v1/jobs", headers=own)).status_code == 200


async def test_pages_of_this_machine_may_read_answers_and_foreign_ones_not(site: Site) -> None:
    async def allowed(origin: str) -> str | None:
        headers = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type,x-api-key,aitbc-version",
        }
        preflight = await site.http.options("/v1/jobs", headers=headers)
        return preflight.headers.get("access-control-allow-origin")

    assert await allowed("http://localhost:5173") == "http://localhost:5173"
    assert await allowed("https://evil.example") is None
    assert await allowed("http://localhost.evil.example") is None
    read = await site.http.get("/v1/stats", headers={"Origin": "http://localhost:5173"})
    assert read.headers["access-control-allow-origin"] == "http://localhost:5173"
    assert "AITBC-Version" in read.headers["access-control-expose-headers"]


async def test_the_hundredth_submission_of_a_minute_passes_and_the_next_does_not(
    tmp_path: Path,
) -> None:
    async with running_site(tmp_path, quotas=replace(PLENTY, submit=100)) as site:
        for remaining in range(99, -1, -1):
            response = await site.http.post("/v1/jobs", json={})
            assert response.status_code == 400
            assert response.headers["ratelimit-policy"] == '"submit";q=100;w=60'
            assert response.headers["ratelimit"].startswith(f'"submit";r={remaining};t=')
        refused = await site.http.post("/v1/jobs", json=PROMPT)
        assert code_of(refused) == (429, "RATE_LIMIT_EXCEEDED")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert (await site.http.get("/v1/jobs")).status_code == 200
        async with site.with_key(await site.key()) as other:
            assert (await other.post("/v1/jobs", json=PROMPT)).status_code == 201


async def test_miners_are_counted_one_by_one(tmp_path: Path) -> None:
    async with running_site(tmp_path, quotas=replace(PLENTY, miner=2, miners=6)) as site:
        for name in ("a", "b"):
            for status in (404, 404, 429):
                response = await site.http.get(f"/v1/jobs/available?miner_id={name}")
                assert response.status_code == status
        # All together they are one key's: inventing names is no way around.
        response = await site.http.get("/v1/jobs/available?miner_id=c")
        assert (response.status_code, response.headers["ratelimit"][:8]) == (429, '"miners"')


async def test_without_a_key_public_routes_are_counted_by_address(tmp_path: Path) -> None:
    async with running_site(tmp_path, is_devnet=False, quotas=replace(PLENTY, other=2)) as site:
        for status in (200, 200, 429):
            assert (await site.http.get("/v1/stats")).status_code == status


async def test_keyed_answers_are_kept_by_no_shared_cache(site: Site) -> None:
    response = await site.http.get("/v1/jobs")
    assert response.headers["cache-control"] == "private, no-cache"
    assert {"AITBC-Version", "X-Api-Key", "Authorization", "Accept"} <= {
        name.strip() for name in response.headers["vary"].split(",")
    }
    assert response.headers["x-content-type-options"] == "nosniff"

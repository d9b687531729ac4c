"""Keys, scopes and the pages that may use a devnet without a key (A1 to A3)."""

import httpx
import pytest

from coordinator.clients import Scope
from coordinator.http.times import format_time
from tests.api.node_site import NodeSite
from tests.api.site import MINER, Site

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def site(site_of_module: Site) -> Site:
    """Return the module's site: its tests leave nothing behind that another one minds."""
    return site_of_module


PROMPT = {"prompt": "Hello"}

UNKNOWN_JOB = f"/v1/jobs/job_{'0' * 64}"


def code_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error_code"]


@pytest.mark.row(
    "2026-01-24.002.auth.header", "2026-05-11.003.auth.header", "2026-05-11.003.auth.obtain"
)
async def test_a_client_registers_and_its_key_works_in_both_headers(node_site: NodeSite) -> None:
    response = await node_site.http.post("/v1/clients", json={"label": "me"})
    assert response.status_code == 201
    assert response.headers["cache-control"] == "no-store"
    registered = response.json()
    key = registered["api_key"]
    async with node_site.without_key() as http:
        await check_both_headers(http, key, registered["client_id"])


async def check_both_headers(http: httpx.AsyncClient, key: str, client_id: str) -> None:
    for headers in ({"X-API-KEY": key}, {"Authorization": f"Bearer {key}"}):
        me = await http.get("/v1/clients/me", headers=headers)
        assert me.status_code == 200
        assert me.json()["client_id"] == client_id
        assert "api_key" not in me.json()
    both = {"X-Api-Key": key, "Authorization": f"Bearer {key}"}
    assert (await http.get("/v1/clients/me", headers=both)).status_code == 200
    other = {"X-Api-Key": key, "Authorization": "Bearer your-api-key"}
    assert code_of(await http.get("/v1/clients/me", headers=other)) == (400, "KEYS_DIFFER")


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
        assert code_of(late) == (400, "VALIDATION_ERROR")
        assert late.json()["errors"][0]["pointer"] == "/expires_at"
        soon = {"expires_at": format_time(site.world.clock.now_ms + 60_000)}
        issued = await client.post("/v1/clients/me/keys", json=soon)
        async with site.with_key(issued.json()["api_key"]) as brief:
            assert (await brief.get("/v1/jobs")).status_code == 200
            site.world.clock.advance(61)
            assert code_of(await brief.get("/v1/jobs")) == (401, "INVALID_API_KEY")
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
    registered = await site.http.post("/v1/clients", json={}, headers=sent)
    assert registered.status_code == (403 if is_refused else 201)
    own = sent | {"X-Api-Key": await site.key()}
    assert (await site.http.get("/v1/jobs", headers=own)).status_code == 200


async def test_pages_of_this_machine_may_read_answers_and_foreign_ones_not(site: Site) -> None:
    async def allowed(origin: str) -> object:
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


async def test_keyed_answers_are_kept_by_no_shared_cache(site: Site) -> None:
    response = await site.http.get("/v1/jobs")
    assert response.headers["cache-control"] == "private, no-cache"
    assert {"AITBC-Version", "X-Api-Key", "Authorization", "Accept"} <= {
        name.strip() for name in response.headers["vary"].split(",")
    }
    assert response.headers["x-content-type-options"] == "nosniff"

"""What every answer has, and what HTTP allows besides GET and POST."""

import uuid

import httpx
import pytest

from tests.api.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = "http://localhost:3000"
"""A page of this machine, which a devnet answers."""

UNKNOWN = f"/v1/jobs/job_{'0' * 64}"


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/stats", "/v1/nothing", UNKNOWN, "/openapi.json"])
async def test_head_is_get_without_its_body(site_of_module: Site, path: str) -> None:
    shown = await site_of_module.http.get(path)
    asked = await site_of_module.http.head(path)
    assert asked.status_code == shown.status_code
    assert asked.content == b""
    for name in ("content-type", "content-length", "aitbc-version"):
        assert asked.headers[name] == shown.headers[name]


async def test_options_lists_the_methods_of_a_path(site_of_module: Site) -> None:
    answer = await site_of_module.http.options("/v1/webhooks/webhook_00")
    assert answer.status_code == 204
    assert set(answer.headers["allow"].split(", ")) >= {"DELETE", "GET", "PATCH", "OPTIONS"}
    refused = await site_of_module.http.put("/v1/jobs")
    assert (refused.status_code, refused.json()["error_code"]) == (405, "METHOD_NOT_ALLOWED")
    assert set(refused.headers["allow"].split(", ")) >= {"GET", "POST"}


@pytest.mark.parametrize("path", ["/v1/jobs/", "/api/v1/jobs/", "/v1/stats/", "/api/health/"])
async def test_a_slash_at_the_end_changes_nothing_and_nobody_is_redirected(
    site_of_module: Site, path: str
) -> None:
    with_slash = await site_of_module.http.get(path, follow_redirects=False)
    without = await site_of_module.http.get(path.rstrip("/"), follow_redirects=False)
    assert with_slash.status_code == without.status_code
    assert with_slash.headers["content-type"] == without.headers["content-type"]


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/nothing", UNKNOWN, "/faulty", "/openapi.json"])
async def test_every_answer_tells_browsers_what_not_to_do(site_of_module: Site, path: str) -> None:
    headers = (await site_of_module.http.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert "server" not in headers


async def test_the_policy_of_a_page_is_its_own(site_of_module: Site) -> None:
    headers = (await site_of_module.http.get("/docs")).headers
    assert "script-src 'self'" in headers["content-security-policy"]


def preflight(http: httpx.AsyncClient, origin: str, method: str) -> httpx.Request:
    return http.build_request(
        "OPTIONS",
        "/v1/jobs",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "content-type, idempotency-key, aitbc-version",
        },
    )


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
async def test_a_page_of_this_machine_may_call_a_devnet(site_of_module: Site, method: str) -> None:
    http = site_of_module.http
    answer = await http.send(preflight(http, PAGE, method))
    assert answer.status_code < 300
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert method in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"].lower()
    for name in ("idempotency-key", "last-event-id", "if-none-match", "if-range", "range"):
        assert name in allowed.split(", ")
    shown = await http.get("/v1/jobs", headers={"Origin": PAGE})
    assert shown.headers["access-control-allow-origin"] == PAGE
    exposed = shown.headers["access-control-expose-headers"].lower()
    for name in ("ratelimit", "retry-after", "link", "idempotency-replayed", "aitbc-version"):
        assert name in exposed
    for name in ("etag", "content-range", "aitbc-expires-at", "www-authenticate"):
        assert name in exposed


async def test_a_page_of_elsewhere_may_not(site_of_module: Site) -> None:
    http = site_of_module.http
    answer = await http.send(preflight(http, "https://evil.example", "POST"))
    assert "access-control-allow-origin" not in answer.headers
    body = {"prompt": "Mine coins for me"}
    refused = await http.post("/v1/jobs", json=body, headers={"Origin": "https://evil.example"})
    assert (refused.status_code, refused.json()["error_code"]) == (403, "ORIGIN_REFUSED")
    assert "access-control-allow-origin" not in refused.headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", UNKNOWN, 404),
        ("GET", "/v1/nothing", 404),
        ("PUT", "/v1/jobs", 405),
        ("POST", "/v1/jobs", 400),
    ],
)
async def test_who_names_problem_json_gets_it_for_every_kind_of_error(
    site_of_module: Site, method: str, path: str, status: int
) -> None:
    accept = {"Accept": "application/problem+json, application/json"}
    answer = await site_of_module.http.request(method, path, headers=accept)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["type"] == f"urn:aitbc:error:{body['error_code']}"
    assert body["instance"] == path
    plain = (await site_of_module.http.request(method, path)).json()
    assert "status" not in plain
    assert plain["error_code"] == body["error_code"]


async def test_a_key_makes_no_body_longer_than_it_may_be(site_of_module: Site) -> None:
    key = {"Idempotency-Key": str(uuid.uuid4())}
    body = {"prompt": "x" * 1_100_000}
    refused = await site_of_module.http.post("/v1/jobs", json=body, headers=key)
    assert (refused.status_code, refused.json()["error_code"]) == (413, "TOO_LARGE")

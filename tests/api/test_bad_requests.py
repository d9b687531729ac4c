"""Requests that are wrong in themselves: 400, with the place and what has to be there."""

import pytest

from tests.api.node_site import NodeSite
from tests.api.site import MINER, Site

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.row("2026-01-24.002.jobs.create.prompt-required", "2026-01-24.004.status.400")
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"model": "llama3.2"},
        {"prompt": None},
        {"prompt": 7},
        {"prompt": "x", "model": 7},
        {"prompt": "x", "model": "no spaces"},
        {"prompt": "x", "params": []},
        {"prompt": "x", "params": {"max_tokens": 0}},
        {"prompt": "x", "params": {"max_tokens": 1.5}},
        {"prompt": "x", "params": {"max_tokens": True}},
        {"prompt": "x", "params": {"temperature": "hot"}},
        {"prompt": "x", "params": {"top_p": 1.1}},
        {"prompt": "x", "promt": "y"},
        {"prompt": "x", "max_price": "0"},
        {"prompt": "x", "ttl_seconds": 0},
        {"prompt": "x", "ttl_seconds": 86_401},
        [],
        "prompt",
    ],
)
async def test_a_body_that_is_no_job_is_a_bad_request(node_site: NodeSite, body: object) -> None:
    response = await node_site.http.post("/v1/jobs", json=body)
    assert response.status_code == 400, response.text
    error = response.json()
    assert error["error_code"] == "VALIDATION_ERROR"
    assert error["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/v1/clients", {"label": "a\0b"}, "/label"),
        ("/v1/clients/me/keys", {"label": "\0"}, "/label"),
        ("/v1/jobs", {"type": "\0", "input": {"prompt": "x"}}, "/type"),
        ("/v1/jobs", {"type": "llm_inference", "name": "\0", "input": {"prompt": "x"}}, "/name"),
        ("/v1/miners/poll", {"miner_id": "\0"}, "/miner_id"),
        (
            "/v1/jobs/x/release",
            {"miner_id": MINER, "reason": "RUNNER_FAILED", "message": "a\n\0"},
            "/message",
        ),
        ("/v1/marketplace/offers", {"job_type": "x", "price": 1, "miner_id": "\0"}, "/miner_id"),
    ],
)
async def test_a_text_that_is_stored_as_such_holds_no_nul(
    site_of_module: Site, path: str, body: dict[str, object], pointer: str
) -> None:
    response = await site_of_module.http.post(path, json=body)
    assert response.status_code == 400, response.text
    assert response.json()["errors"][0] == {
        "pointer": pointer,
        "code": "INVALID",
        "detail": "must not hold U+0000",
    }


@pytest.mark.parametrize(
    "path",
    [
        "/v1/jobs/available?miner_id=%00",
        "/v1/jobs?type=a%00",
        "/v1/jobs?%00=a",
        "/v1/marketplace/offers?job_type=%00",
        "/v1/receipts?provider=%00",
        "/v1/miners/a%00b",
        "/v1/webhooks/%00",
        "/v1/clients/me/keys/%00/usage",
    ],
)
async def test_no_path_and_no_query_holds_a_nul(site_of_module: Site, path: str) -> None:
    response = await site_of_module.http.get(path)
    assert response.status_code == 400, response.text
    assert response.json()["errors"][0]["detail"] == "must not hold U+0000"


async def test_an_empty_prompt_is_shown_like_any_other(site_of_module: Site) -> None:
    made = await site_of_module.http.post("/v1/jobs", json={"prompt": "", "hold": True})
    assert made.status_code == 201
    read = await site_of_module.http.get(f"/v1/jobs/{made.json()['job_id']}")
    assert (made.json()["prompt"], read.json()["prompt"]) == ("", "")


async def test_a_prompt_is_stored_as_it_is_with_any_character(site_of_module: Site) -> None:
    response = await site_of_module.http.post("/v1/jobs", json={"prompt": "a\0b"})
    assert response.status_code == 201, response.text


@pytest.mark.row("2026-01-24.002.jobs.create.body-required")
@pytest.mark.parametrize(
    ("headers", "content"),
    [
        ({}, b""),
        ({"Content-Type": "application/json"}, b""),
        ({"Content-Type": "application/json"}, b" \r\n"),
    ],
)
async def test_a_request_without_a_body_is_a_bad_request(
    node_site: NodeSite, headers: dict[str, str], content: bytes
) -> None:
    response = await node_site.http.post("/v1/jobs", headers=headers, content=content)
    assert response.status_code == 400
    assert set(response.json()) >= {"detail", "error_code"}


@pytest.mark.row("2026-01-24.002.jobs.available.miner-id-required")
async def test_available_needs_a_miner_that_is_there(node_site: NodeSite) -> None:
    missing = await node_site.http.get("/v1/jobs/available")
    assert (missing.status_code, missing.json()["errors"][0]["pointer"]) == (400, "miner_id")
    unknown = await node_site.http.get("/v1/jobs/available?miner_id=nobody")
    assert (unknown.status_code, unknown.json()["error_code"]) == (404, "MINER_NOT_FOUND")


@pytest.mark.row("2026-01-24.002.jobs.claim.miner-id-required")
@pytest.mark.parametrize("body", [{}, {"miner_id": None}, {"miner_id": ""}, {"miner_id": 7}])
async def test_a_claim_needs_a_miner_id(node_site: NodeSite, body: object) -> None:
    response = await node_site.http.post(f"/v1/jobs/job_{'0' * 64}/claim", json=body)
    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == "/miner_id"


@pytest.mark.row("2026-01-24.002.jobs.complete.required")
@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"result": "x"}, "/miner_id"),
        ({"miner_id": MINER}, "/result"),
        ({"miner_id": MINER, "result": 7}, "/result"),
        ({"miner_id": MINER, "result": "x", "completed_at": "yesterday"}, "/completed_at"),
        ({"miner_id": MINER, "result": "x", "output": {}}, "/result"),
        ({"miner_id": MINER, "output": {"txt": ""}}, "/output/txt"),
        ({"miner_id": MINER, "output": {}, "salt": "00"}, "/salt"),
    ],
)
async def test_a_completion_that_is_none_is_a_bad_request(
    node_site: NodeSite, body: object, pointer: str
) -> None:
    response = await node_site.http.post(f"/v1/jobs/job_{'0' * 64}/complete", json=body)
    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == pointer


@pytest.mark.row("2026-01-24.002.miners.register.bad-request")
@pytest.mark.parametrize(
    "changes",
    [
        {"miner_id": None},
        {"miner_id": ""},
        {"miner_id": "white space"},
        {"miner_id": "job_1"},
        {"miner_id": "x" * 64},
        {"capabilities": None},
        {"capabilities": []},
        {"capabilities": [7]},
        {"capabilities": "llama3.2"},
        {"gpu_info": []},
        {"gpu_info": {"memory": 24}},
        {"price": "-1"},
        {"colour": "red"},
    ],
)
async def test_a_registration_that_is_none_is_a_bad_request(
    node_site: NodeSite, changes: dict[str, object]
) -> None:
    response = await node_site.register(**changes)
    assert response.status_code == 400, response.text
    assert set(response.json()) >= {"detail", "error_code"}


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=-1",
        "limit=101",
        "limit=ten",
        "limit=1e1",
        "limit=١",
        "limit=1&limit=2",
        "offset=-1",
        "offset=x",
        "status=done",
        "status=pending&state=RUNNING",
        "cursor=nonsense",
    ],
)
async def test_a_parameter_out_of_range_is_a_bad_request(site_of_module: Site, query: str) -> None:
    response = await site_of_module.http.get(f"/v1/jobs?{query}")
    assert response.status_code == 400, response.text
    assert response.json()["error_code"] == "VALIDATION_ERROR"


@pytest.mark.parametrize(
    "query",
    [
        "client=ait1client...",
        "client=nobody",
        "client=ait1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq",
        "provider=ait1oops",
        "limit=101",
        "limit=0",
    ],
)
async def test_a_receipt_filter_that_is_no_address_is_a_bad_request(
    site_of_module: Site, query: str
) -> None:
    response = await site_of_module.http.get(f"/v1/receipts?{query}")
    assert (response.status_code, response.json()["error_code"]) == (400, "VALIDATION_ERROR")

"""The version of every answer, and how it was chosen (V1 to V3), over real HTTP."""

import httpx
import pytest

from tests.api.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="module")

OLDEST: dict[str, object] = {"type": "ai-inference", "input": {"prompt": "Hello"}}
OLDER: dict[str, object] = {"prompt": "Hello"}
NEWER: dict[str, object] = {"payload": {"prompt": "Hello"}}

BODIES: dict[str, dict[str, object]] = {
    "2024-01-01": OLDEST,
    "2026-01-24": OLDER,
    "2026-05-11": NEWER,
}

SUPPORTED = list(BODIES)


def served(response: httpx.Response) -> tuple[str, str]:
    return response.headers["aitbc-version"], response.headers["aitbc-version-source"]


async def test_a_submission_is_served_in_the_version_of_its_body(site_of_module: Site) -> None:
    oldest = await site_of_module.http.post("/v1/jobs", json=OLDEST)
    assert served(oldest) == ("2024-01-01", "body")
    assert oldest.json()["status"] == "submitted"
    older = await site_of_module.http.post("/v1/jobs", json=OLDER)
    assert served(older) == ("2026-01-24", "body")
    assert older.json()["status"] == "pending"
    newer = await site_of_module.http.post("/v1/jobs", json=NEWER)
    assert served(newer) == ("2026-05-11", "body")
    assert newer.json()["state"] == "QUEUED"


async def test_a_job_answers_in_its_own_version_where_its_document_has_the_route(
    site_of_module: Site,
) -> None:
    site = site_of_module
    done = {version: await site.done(body) for version, body in BODIES.items()}
    for path, documents in (
        ("", SUPPORTED),
        ("/results", ["2024-01-01"]),
        ("/result", ["2026-05-11"]),
        ("/payment", ["2026-05-11"]),
        ("/receipt", ["2026-05-11"]),
        ("/receipts", ["2026-05-11"]),
    ):
        for created_in, job_id in done.items():
            response = await site.http.get(f"/v1/jobs/{job_id}{path}")
            assert response.status_code == 200, response.text
            own = (created_in, "object")
            expected = own if created_in in documents else (documents[-1], "route")
            assert served(response) == expected, path
    for created_in, body in BODIES.items():
        by_post = await site.http.post(f"/v1/jobs/{await site.queued(body)}/cancel")
        by_delete = await site.http.delete(f"/v1/jobs/{await site.queued(body)}")
        if created_in == "2024-01-01":
            assert served(by_post) == ("2026-05-11", "route")
            assert served(by_delete) == ("2024-01-01", "object")
        else:
            assert served(by_post) == (created_in, "object")
            assert served(by_delete) == ("2024-01-01", "route")
        assert by_delete.json()["status"] == "cancelled"


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("/v1/jobs", ("2026-01-24", "route")),
        ("/v1/receipts", ("2026-01-24", "route")),
        ("/v1/stats", ("2026-01-24", "route")),
        ("/explorer/blocks", ("2026-01-24", "route")),
        ("/explorer/receipts", ("2026-01-24", "route")),
        (f"/v1/receipts/job_{'0' * 64}", ("2024-01-01", "object")),
        (f"/v1/receipts/receipt_{'0' * 64}", ("2026-01-24", "object")),
        ("/v1/miners", ("2026-05-11", "default")),
        ("/v1/clients/me", ("2026-05-11", "default")),
        ("/nothing", ("2026-05-11", "default")),
    ],
)
async def test_a_route_without_an_object_answers_in_its_newest_document(
    site_of_module: Site, path: str, version: tuple[str, str]
) -> None:
    assert served(await site_of_module.http.get(path)) == version


@pytest.mark.parametrize("created_in", BODIES)
async def test_a_job_made_in_one_version_is_readable_in_all(
    site_of_module: Site, created_in: str
) -> None:
    site = site_of_module
    job_id = await site.done(BODIES[created_in], "Hello back.")
    for version in SUPPORTED:
        headers = {"AITBC-Version": version}
        response = await site.http.get(f"/v1/jobs/{job_id}", headers=headers)
        assert served(response) == (version, "header")
        job = response.json()
        if version == "2026-05-11":
            assert (job["state"], job["payment_status"]) == ("COMPLETED", "released")
        else:
            assert job["status"] == "completed"
        if version == "2026-01-24":
            assert job["result"] == "Hello back."
            assert job["prompt"] == "Hello"
        result = await site.http.get(f"/v1/jobs/{job_id}/result", headers=headers)
        assert result.json()["result"]["output"] == "Hello back."
        results = await site.http.get(f"/v1/jobs/{job_id}/results", headers=headers)
        assert results.json()["results"] == {"output": "Hello back."}
        receipt = await site.http.get(f"/v1/jobs/{job_id}/receipt", headers=headers)
        name = "provider" if version == "2026-01-24" else "miner_id"
        assert receipt.json()[name] == "my-miner-001"
        by_job = await site.http.get(f"/v1/receipts/{job_id}", headers=headers)
        assert by_job.json() == receipt.json()


@pytest.mark.parametrize("version", SUPPORTED)
async def test_every_route_of_jobs_answers_in_every_version(
    site_of_module: Site, version: str
) -> None:
    site, headers = site_of_module, {"AITBC-Version": version}
    created = await site.submit(BODIES[version], **headers)
    assert created["job_id"]
    for method in ("DELETE", "POST"):
        job_id = await site.queued(BODIES["2026-01-24"])
        path = f"/v1/jobs/{job_id}" + ("/cancel" if method == "POST" else "")
        response = await site.http.request(method, path, headers=headers)
        assert (response.status_code, served(response)) == (200, (version, "header"))
        spelling = response.json().get("status") or response.json()["state"]
        assert spelling.lower() == "cancelled"
    job_id = await site.queued(BODIES["2026-05-11"])
    await site.register()
    offered = await site.http.get("/v1/jobs/available?miner_id=my-miner-001", headers=headers)
    assert offered.json()["job_id"]
    lease = await site.http.post(
        f"/v1/jobs/{job_id}/claim", json={"miner_id": "my-miner-001"}, headers=headers
    )
    assert lease.json()["job"]["job_id"] == job_id
    receipt = await site.http.post(
        f"/v1/jobs/{job_id}/complete",
        json={"miner_id": "my-miner-001", "result": "Done."},
        headers=headers,
    )
    assert receipt.json()["job_id"] == job_id
    listed = await site.http.get("/v1/receipts?limit=1", headers=headers)
    assert set(listed.json()[0]) == set(receipt.json())


async def test_lists_have_the_shape_and_the_limits_of_their_version(site_of_module: Site) -> None:
    site = site_of_module
    await site.submit(OLDER)
    older = await site.http.get("/v1/jobs?limit=1", headers={"AITBC-Version": "2026-01-24"})
    assert [set(job) >= {"job_id", "status"} for job in older.json()] == [True]
    headers = {"AITBC-Version": "2026-05-11"}
    newer = (await site.http.get("/v1/jobs", headers=headers)).json()
    assert set(newer) == {"jobs", "total", "limit", "offset"}
    assert (newer["limit"], newer["offset"]) == (50, 0)
    assert newer["total"] >= len(newer["jobs"]) >= 1
    assert all("state" in job for job in newer["jobs"])
    clamped = (await site.http.get("/v1/jobs?limit=1000", headers=headers)).json()
    assert clamped["limit"] == 100
    refused = await site.http.get("/v1/jobs?limit=0", headers=headers)
    assert refused.status_code == 400
    skipped = (await site.http.get("/v1/jobs?offset=1&limit=1", headers=headers)).json()
    assert [job["job_id"] for job in skipped["jobs"]] == [newer["jobs"][1]["job_id"]]


POINTERS = {"2024-01-01": "/type", "2026-01-24": "/prompt", "2026-05-11": "/payload"}


@pytest.mark.parametrize("sent", SUPPORTED)
@pytest.mark.parametrize("asked", SUPPORTED)
async def test_an_explicit_version_refuses_the_others_body(
    site_of_module: Site, asked: str, sent: str
) -> None:
    headers = {"AITBC-Version": asked}
    response = await site_of_module.http.post("/v1/jobs", json=BODIES[sent], headers=headers)
    assert served(response) == (asked, "header")
    if asked == sent:
        assert response.status_code == 201
        return
    assert response.status_code == 400
    assert response.json()["error_code"] == "VALIDATION_ERROR"
    assert response.json()["errors"][0]["pointer"] == POINTERS[sent]
    assert f"this body is of version {sent}" in response.json()["detail"]


@pytest.mark.parametrize("headers", [{}, {"AITBC-Version": "2024-01-01"}])
async def test_a_body_of_two_versions_is_ambiguous(
    site_of_module: Site, headers: dict[str, str]
) -> None:
    for body in (OLDEST | OLDER, OLDER | NEWER, OLDEST | NEWER, {"name": "n", "prompt": "p"}):
        response = await site_of_module.http.post("/v1/jobs", json=body, headers=headers)
        assert (response.status_code, response.json()["error_code"]) == (400, "AMBIGUOUS_BODY")


@pytest.mark.parametrize("version", ["", "latest", "2026-05-12", "2026-05-11,2026-05-11"])
async def test_an_unknown_version_is_refused_with_those_that_there_are(
    site_of_module: Site, version: str
) -> None:
    headers = {"AITBC-Version": version}
    response = await site_of_module.http.get("/v1/jobs", headers=headers)
    assert (response.status_code, response.json()["error_code"]) == (400, "UNKNOWN_API_VERSION")
    assert response.json()["supported"] == SUPPORTED


async def test_a_repeated_version_is_refused(site_of_module: Site) -> None:
    headers = [("AITBC-Version", "2026-05-11"), ("AITBC-Version", "2026-05-11")]
    response = await site_of_module.http.get("/v1/jobs", headers=headers)
    assert response.json()["error_code"] == "UNKNOWN_API_VERSION"


async def test_the_version_is_judged_before_the_key(site_of_module: Site) -> None:
    headers = {"AITBC-Version": "latest", "X-Api-Key": "wrong"}
    response = await site_of_module.http.get("/v1/jobs", headers=headers)
    assert response.json()["error_code"] == "UNKNOWN_API_VERSION"


async def test_a_receipt_is_found_by_its_jobs_id_in_an_explicit_version(
    site_of_module: Site,
) -> None:
    job_id = await site_of_module.done(OLDER)
    headers = {"AITBC-Version": "2026-01-24"}
    response = await site_of_module.http.get(f"/v1/receipts/{job_id}", headers=headers)
    assert (response.status_code, response.json()["job_id"]) == (200, job_id)
    pending = await site_of_module.queued(OLDER)
    nothing = await site_of_module.http.get(f"/v1/receipts/{pending}", headers=headers)
    assert nothing.json()["error_code"] == "RECEIPT_NOT_FOUND"


async def test_answers_say_which_final_height_they_follow(site_of_module: Site) -> None:
    job_id = await site_of_module.done(NEWER)
    response = await site_of_module.http.get(f"/v1/jobs/{job_id}")
    assert int(response.headers["aitbc-as-of-height"]) == response.json()["as_of_height"]
    assert response.json()["as_of_height"] <= site_of_module.world.chain.head().height


async def test_a_keys_pin_is_as_strict_as_the_header_which_goes_before_it(
    site_of_module: Site,
) -> None:
    site = site_of_module
    issued = await site.http.post("/v1/clients/me/keys", json={"version": "2026-05-11"})
    assert issued.json()["version"] == "2026-05-11"
    async with site.with_key(issued.json()["api_key"]) as pinned:
        listed = await pinned.get("/v1/jobs")
        assert served(listed) == ("2026-05-11", "key")
        assert "jobs" in listed.json()
        refused = await pinned.post("/v1/jobs", json=OLDER)
        assert refused.status_code == 400
        assert "this body is of version 2026-01-24" in refused.json()["detail"]
        assert served(refused) == ("2026-05-11", "key")
        named = await pinned.get("/v1/jobs", headers={"AITBC-Version": "2026-01-24"})
        assert served(named) == ("2026-01-24", "header")
        assert isinstance(named.json(), list)
    unknown = await site.http.post("/v1/clients/me/keys", json={"version": "2025-01-01"})
    assert unknown.status_code == 400
    keys = (await site.http.get("/v1/clients/me/keys")).json()["keys"]
    assert [key["version"] for key in keys] == ["2026-05-11"]

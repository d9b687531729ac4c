"""Document 000 (version 2024-01-01): lists of jobs, each on a site of its own."""

from typing import Any

import pytest

from tests.api.document_000 import EXPLICIT, TEXT, printed_request
from tests.api.document_002 import WHOLE_SECONDS
from tests.api.node_site import NodeSite
from tests.api.site import Served, Site


async def listed(site: Served, query: str = "") -> dict[str, Any]:
    response = await site.http.get(f"/v1/jobs{query}", headers=EXPLICIT)
    assert response.status_code == 200, response.text
    page: dict[str, Any] = response.json()
    return page


async def job_in(site: Served, status: str) -> str:
    """Return the id of a job that is brought to a status."""
    await site.register()
    if status == "completed":
        return await site.done(TEXT)
    job_id = await site.queued(TEXT)
    if status in {"running", "failed"}:
        assert (await site.claim(job_id)).status_code == 200
    if status == "failed":
        give_up = {"miner_id": site.miner, "reason": "BAD_INPUT"}
        assert (await site.http.post(f"/v1/jobs/{job_id}/fail", json=give_up)).is_success
        await site.refunded(job_id)
    if status == "cancelled":
        assert (await site.http.delete(f"/v1/jobs/{job_id}")).status_code == 200
    return job_id


@pytest.mark.row(
    "2024-01-01.000.jobs.list",
    "2024-01-01.000.jobs.list.limit-default",
    "2024-01-01.000.jobs.list.offset-default",
)
async def test_a_list_is_an_envelope_newest_first_of_fifty(node_site: NodeSite) -> None:
    jobs = [await node_site.submit(TEXT) for _ in range(52)]
    newest_first = [job["job_id"] for job in reversed(jobs)]
    page = await listed(node_site)
    assert set(page) == {"jobs", "total", "limit", "offset"}
    assert (page["total"], page["limit"], page["offset"]) == (52, 50, 0)
    assert [job["job_id"] for job in page["jobs"]] == newest_first[:50]
    for job in page["jobs"]:
        assert set(job) == {"job_id", "status", "type", "created_at"}
        assert (job["status"], job["type"]) == ("submitted", "ai-inference")
        assert WHOLE_SECONDS.fullmatch(job["created_at"])
    skipped = await listed(node_site, "?offset=50")
    assert (skipped["total"], skipped["limit"], skipped["offset"]) == (52, 50, 50)
    assert [job["job_id"] for job in skipped["jobs"]] == newest_first[50:]
    few = await listed(node_site, "?limit=3&offset=2")
    assert (few["total"], few["limit"], few["offset"]) == (52, 3, 2)
    assert [job["job_id"] for job in few["jobs"]] == newest_first[2:5]
    # No maximum is documented: more is served as the most that there is (J2).
    assert (await listed(node_site, "?limit=1000"))["limit"] == 100


@pytest.mark.row(
    "2024-01-01.000.jobs.list.status-submitted",
    "2024-01-01.000.jobs.list.status-running",
    "2024-01-01.000.jobs.list.status-completed",
    "2024-01-01.000.jobs.list.status-failed",
)
async def test_a_status_lists_only_its_jobs_and_counts_only_them(node_site: NodeSite) -> None:
    statuses = ("submitted", "running", "completed", "failed", "cancelled")
    wanted = {status: await job_in(node_site, status) for status in statuses}
    assert (await listed(node_site))["total"] == len(statuses)
    for status, job_id in wanted.items():
        for spelling in (f"status={status}", f"state={status.upper()}"):
            page = await listed(node_site, f"?{spelling}")
            assert page["total"] == 1, spelling
            assert [(job["job_id"], job["status"]) for job in page["jobs"]] == [(job_id, status)]
    refused = await node_site.http.get("/v1/jobs?status=sleeping", headers=EXPLICIT)
    assert (refused.status_code, refused.json()["error_code"]) == (400, "VALIDATION_ERROR")


async def test_failed_includes_expired(site: Site) -> None:
    expired = await site.queued({**TEXT, "ttl_seconds": 1})
    await site.world.pass_time(60)
    page = await listed(site, "?status=failed")
    assert [(job["job_id"], job["status"]) for job in page["jobs"]] == [(expired, "failed")]


@pytest.mark.row("2024-01-01.000.jobs.list.type")
async def test_a_type_lists_only_its_jobs_by_the_clients_spelling_or_the_service(
    node_site: NodeSite,
) -> None:
    program = (await node_site.submit(printed_request("jobs.create")))["job_id"]
    text = (await node_site.submit({**TEXT, "type": "llm-inference"}))["job_id"]
    older = (await node_site.submit({"prompt": "Hello"}))["job_id"]
    for wanted, expected in (
        ("ai-inference", [program]),
        ("python", [program]),
        ("llm-inference", [text]),
        ("llm_inference", [older, text]),
        ("whisper_transcribe", []),
    ):
        page = await listed(node_site, f"?type={wanted}")
        assert [job["job_id"] for job in page["jobs"]] == expected, wanted
        assert page["total"] == len(expected)

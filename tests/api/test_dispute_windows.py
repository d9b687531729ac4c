"""Dispute windows over HTTP: asked for in every body, disputed and accepted by their client."""

from typing import Any

import pytest

from tests.api.site import MINER, Site

WINDOW = {"dispute_window_seconds": 600}

BODIES = (
    ("/v1/jobs", {"type": "ai-inference", "input": {"prompt": "Hello"}}),
    ("/v1/jobs", {"prompt": "Hello"}),
    ("/v1/jobs", {"payload": {"prompt": "Hello"}}),
    ("/v1/services/llm/inference", {"prompt": "Hello"}),
)


async def delivered(site: Site, path: str, body: dict[str, Any]) -> str:
    """Return a job whose result is delivered, and whose window is open."""
    if (await site.http.get(f"/v1/miners/{MINER}")).status_code == 404:
        assert (await site.register()).status_code == 201
    created = await site.http.post(path, json=body | WINDOW)
    assert created.status_code == 201, created.text
    job_id = str(created.json()["job_id"])
    await site.escrowed(job_id)
    assert (await site.claim(job_id)).status_code == 200
    assert (await site.complete(job_id)).status_code == 200
    await site.world.quiet()
    return job_id


@pytest.mark.parametrize(("path", "body"), BODIES)
async def test_a_window_is_asked_for_in_every_body(
    site: Site, path: str, body: dict[str, Any]
) -> None:
    job_id = await delivered(site, path, body)
    v3 = {"AITBC-Version": "2026-05-11"}
    payment = (await site.http.get(f"/v1/jobs/{job_id}/payment", headers=v3)).json()
    assert payment["status"] == "escrowed"
    assert payment["dispute_until"] is not None
    disputed = await site.http.post(f"/v1/jobs/{job_id}/dispute", headers=v3)
    assert disputed.status_code == 200, disputed.text
    assert (disputed.json()["status"], disputed.json()["dispute_until"]) == ("disputed", None)
    accepted = await site.http.post(f"/v1/jobs/{job_id}/accept", headers=v3)
    assert (accepted.status_code, accepted.json()["status"]) == (200, "released")
    late = await site.http.post(f"/v1/jobs/{job_id}/dispute", json={"reason": "RESULT_MALFORMED"})
    assert (late.status_code, late.json()["error_code"]) == (409, "RECEIPT_SETTLED")


async def test_what_makes_no_sense_is_refused(site: Site) -> None:
    job_id = await delivered(site, *BODIES[2])
    wrong = await site.http.post(f"/v1/jobs/{job_id}/dispute", json={"reason": "I am unhappy"})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (400, "/reason")
    for window in (-1, 604_801, "1", None):
        body = {"payload": {"prompt": "Hello"}, "dispute_window_seconds": window}
        refused = await site.http.post("/v1/jobs", json=body)
        assert refused.status_code == 400
        assert refused.json()["errors"][0]["pointer"] == "/dispute_window_seconds"
    queued = await site.queued({"prompt": "Hello"})
    for path in ("dispute", "accept"):
        early = await site.http.post(f"/v1/jobs/{queued}/{path}")
        assert (early.status_code, early.json()["error_code"]) == (409, "JOB_NOT_COMPLETED")

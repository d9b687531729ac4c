"""Waiting for the end of a job: `Prefer: wait=N` and `?wait=N`."""

import asyncio
import time

import pytest

from tests.api.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def site(site_of_module: Site) -> Site:
    """Return the module's site: its tests leave nothing behind that another one minds."""
    return site_of_module


JOB = {"payload": {"prompt": "Hello"}}
NEWEST = {"AITBC-Version": "2026-05-11"}


async def test_a_submission_that_prefers_to_wait_answers_with_the_completed_job(
    site: Site,
) -> None:
    await site.register()
    response, _ = await asyncio.gather(
        site.http.post("/v1/jobs", json=JOB, headers={"Prefer": "wait=20"}),
        site.serve_next_job("Hello back."),
    )
    assert response.status_code == 201
    assert response.headers["preference-applied"] == "wait=20"
    assert response.json()["state"] == "COMPLETED"
    assert response.json()["payment_status"] in {"escrowed", "released"}


async def test_waiting_ends_without_an_end(site: Site) -> None:
    began = time.monotonic()
    response = await site.http.post("/v1/jobs", json=JOB, headers={"Prefer": "wait=1"})
    assert response.json()["state"] == "QUEUED"
    assert time.monotonic() - began >= 1
    # A second is no promise that the escrow is final by then.
    assert response.json()["payment_status"] in {None, "escrowed"}
    await site.escrowed(response.json()["job_id"])
    job = (await site.http.get(f"/v1/jobs/{response.json()['job_id']}", headers=NEWEST)).json()
    assert (job["state"], job["payment_status"]) == ("QUEUED", "escrowed")
    assert "preference-applied" not in (await site.http.post("/v1/jobs", json=JOB)).headers


async def test_a_result_that_does_not_come_in_time_is_not_there_yet(site: Site) -> None:
    job_id = await site.queued(JOB)
    response = await site.http.get(f"/v1/jobs/{job_id}/result?wait=1")
    assert (response.status_code, response.json()["error_code"]) == (409, "JOB_NOT_COMPLETED")


async def test_only_whole_seconds_up_to_thirty_are_waited(site: Site) -> None:
    job_id = await site.queued(JOB)
    for wait in ("31", "-1", "1.5", "forever"):
        response = await site.http.get(f"/v1/jobs/{job_id}?wait={wait}")
        assert (response.status_code, response.json()["errors"][0]["pointer"]) == (400, "wait")


async def test_a_submission_answers_before_its_escrow_is_final(site: Site) -> None:
    site.world.chain.is_paused = True
    began = time.monotonic()
    job = await site.submit(JOB)
    assert time.monotonic() - began < 10
    assert (job["state"], job["payment_status"]) == ("QUEUED", None)
    site.world.chain.is_paused = False
    site.world.chain.make_block()

"""Document 003 (version 2026-05-11), request by request and answer by answer."""

import asyncio
from collections.abc import Awaitable
from datetime import datetime, timedelta

import httpx
import pytest

from tests.api.node_site import NodeSite
from tests.api.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def site(site_of_module: Site) -> Site:
    """Return the module's site: its tests leave nothing behind that another one minds."""
    return site_of_module


EXAMPLE = {
    "payload": {"model": "string", "prompt": "string", "parameters": {}},
    "constraints": {"min_gpu_memory": 8, "gpu_type": "nvidia-rtx-3090"},
    "ttl_seconds": 900,
    "payment_amount": 100.0,
    "payment_currency": "AITBC",
}
"""The body that the document prints."""

MINIMAL = {"payload": {"model": "llama3.2", "prompt": "Hello world"}, "ttl_seconds": 900}

JOB_FIELDS = {
    "job_id",
    "state",
    "assigned_miner_id",
    "requested_at",
    "expires_at",
    "error",
    "payment_id",
    "payment_status",
}

JOB_EXTENSIONS = {"attempt", "as_of_height"}


@pytest.mark.row("2026-05-11.003.jobs.create", "2026-05-11.003.state.QUEUED")
async def test_the_printed_body_is_accepted_and_all_eight_fields_are_there(
    node_site: NodeSite,
) -> None:
    job = await node_site.submit(EXAMPLE)
    assert set(job) == JOB_FIELDS | JOB_EXTENSIONS | {"eligibility"}
    assert job["job_id"].startswith("job_")
    assert job["state"] == "QUEUED"
    nulls = {"assigned_miner_id", "error", "payment_id", "payment_status"}
    assert {name for name, value in job.items() if value is None} == nulls
    lifetime = datetime.fromisoformat(job["expires_at"]) - datetime.fromisoformat(
        job["requested_at"]
    )
    assert lifetime == timedelta(seconds=900)


@pytest.mark.row(
    "2026-05-11.003.jobs.create.minimal",
    "2026-05-11.003.jobs.get",
    "2026-05-11.003.jobs.result",
    "2026-05-11.003.state.RUNNING",
    "2026-05-11.003.state.COMPLETED",
)
async def test_a_job_goes_from_queued_to_paid_as_the_document_shows_it(node_site: NodeSite) -> None:
    await node_site.register()
    job_id = await node_site.queued(MINIMAL)

    job = (await node_site.http.get(f"/v1/jobs/{job_id}")).json()
    assert job["payment_id"] == "pay_" + job_id.removeprefix("job_")
    assert job["payment_status"] == "escrowed"

    await node_site.claim(job_id)
    running = (await node_site.http.get(f"/v1/jobs/{job_id}")).json()
    assert running["state"] == "RUNNING"
    assert running["assigned_miner_id"] == node_site.miner

    await node_site.complete(job_id, "Hello to you too.")
    await node_site.paid(job_id)
    done = (await node_site.http.get(f"/v1/jobs/{job_id}")).json()
    assert (done["state"], done["payment_status"]) == ("COMPLETED", "released")
    assert not {"payload", "result"} & set(done)

    result = (await node_site.http.get(f"/v1/jobs/{job_id}/result")).json()
    assert result["result"]["output"] == "Hello to you too."
    assert isinstance(result["result"]["metadata"], dict)
    assert set(result["receipt"]) == {"job_id", "miner_id", "signature", "receipt_id"}
    assert result["receipt"]["job_id"] == job_id
    assert result["receipt"]["miner_id"] == node_site.miner


@pytest.mark.row("2026-05-11.003.jobs.payment")
async def test_the_payment_has_the_documented_fields_and_a_number_as_amount(
    node_site: NodeSite,
) -> None:
    job_id = await node_site.queued(MINIMAL | {"payment_amount": 0.25})
    response = await node_site.http.get(f"/v1/jobs/{job_id}/payment")
    payment = response.json()
    assert set(payment) - {"paid", "refunded", "fee", "dispute_until"} == {
        "payment_id",
        "job_id",
        "amount",
        "currency",
        "status",
        "created_at",
    }
    assert payment["amount"] == 0.25
    assert b'"amount":0.25,' in response.content
    assert (payment["currency"], payment["status"]) == ("AITBC", "escrowed")


async def test_a_payment_is_not_found_before_the_escrow_is_final(site: Site) -> None:
    site.world.chain.is_paused = True
    job_id = (await site.submit(MINIMAL))["job_id"]
    response = await site.http.get(f"/v1/jobs/{job_id}/payment")
    assert (response.status_code, response.json()["error_code"]) == (404, "PAYMENT_NOT_FOUND")
    job = (await site.http.get(f"/v1/jobs/{job_id}")).json()
    assert (job["state"], job["payment_id"]) == ("QUEUED", None)
    site.world.chain.is_paused = False
    site.world.chain.make_block()


@pytest.mark.row("2026-05-11.003.jobs.receipt", "2026-05-11.003.jobs.receipts")
async def test_receipts_of_a_job_are_the_latest_and_a_list_of_all(node_site: NodeSite) -> None:
    job_id = await node_site.queued(MINIMAL)
    nothing = await node_site.http.get(f"/v1/jobs/{job_id}/receipt")
    assert (nothing.status_code, nothing.json()["error_code"]) == (404, "RECEIPT_NOT_FOUND")
    empty = await node_site.http.get(f"/v1/jobs/{job_id}/receipts")
    assert (empty.status_code, empty.json()) == (200, [])

    job_id = await node_site.done(MINIMAL)
    receipt = (await node_site.http.get(f"/v1/jobs/{job_id}/receipt")).json()
    assert set(receipt) >= {"job_id", "miner_id", "signature", "timestamp"}
    assert receipt["miner_id"] == node_site.miner
    assert receipt["timestamp"].endswith("Z")
    receipts = (await node_site.http.get(f"/v1/jobs/{job_id}/receipts")).json()
    assert receipts == [receipt]


@pytest.mark.row("2026-05-11.003.jobs.cancel.queued", "2026-05-11.003.state.CANCELLED")
async def test_a_queued_job_is_cancelled(node_site: NodeSite) -> None:
    job_id = await node_site.queued(MINIMAL)
    cancelled = await node_site.http.post(f"/v1/jobs/{job_id}/cancel")
    assert cancelled.status_code == 200
    assert cancelled.json() == {
        "job_id": job_id,
        "state": "CANCELLED",
        "assigned_miner_id": None,
        "error": "Cancelled by user",
    }
    again = await node_site.http.post(f"/v1/jobs/{job_id}/cancel")
    assert (again.status_code, again.json()) == (200, cancelled.json())
    job = (await node_site.http.get(f"/v1/jobs/{job_id}")).json()
    assert (job["state"], job["payment_status"]) == ("CANCELLED", "refunded")


@pytest.mark.row("2026-05-11.003.jobs.cancel.running")
async def test_a_running_job_keeps_its_miner_when_it_is_cancelled(node_site: NodeSite) -> None:
    await node_site.register()
    job_id = await node_site.queued(MINIMAL)
    await node_site.claim(job_id)
    cancelled = (await node_site.http.post(f"/v1/jobs/{job_id}/cancel")).json()
    assert cancelled["assigned_miner_id"] == node_site.miner
    assert cancelled["state"] == "CANCELLED"


@pytest.mark.row("2026-05-11.003.state.FAILED", "2026-05-11.003.state.EXPIRED")
async def test_a_failed_job_and_an_expired_job_say_why(node_site: NodeSite) -> None:
    await node_site.register()
    failed = await node_site.queued(MINIMAL)
    await node_site.claim(failed)
    gave_up = await node_site.http.post(
        f"/v1/jobs/{failed}/fail",
        json={"miner_id": node_site.miner, "reason": "BAD_INPUT", "message": "no such language"},
    )
    assert gave_up.status_code == 200, gave_up.text
    await node_site.refunded(failed)
    job = (await node_site.http.get(f"/v1/jobs/{failed}")).json()
    assert (job["state"], job["payment_status"]) == ("FAILED", "refunded")
    assert "no such language" in job["error"]
    assert await refusal(node_site.http.post(f"/v1/jobs/{failed}/cancel")) == "JOB_ALREADY_FINISHED"
    assert await refusal(node_site.claim(failed)) == "JOB_NOT_CLAIMABLE"
    assert await refusal(node_site.complete(failed)) == "LEASE_LOST"
    assert await refusal(node_site.http.get(f"/v1/jobs/{failed}/result")) == "JOB_FAILED"

    expired = await node_site.queued(MINIMAL | {"ttl_seconds": 2})
    await node_site.refunded(expired)
    job = (await node_site.http.get(f"/v1/jobs/{expired}")).json()
    assert (job["state"], job["payment_status"]) == ("EXPIRED", "refunded")
    assert job["error"] == "Job exceeded TTL without completion"
    assert (
        await refusal(node_site.http.post(f"/v1/jobs/{expired}/cancel")) == "JOB_ALREADY_FINISHED"
    )
    assert await refusal(node_site.http.get(f"/v1/jobs/{expired}/result")) == "JOB_EXPIRED"


async def refusal(call: Awaitable[httpx.Response]) -> str:
    """Return the code of a conflict."""
    response = await call
    assert response.status_code == 409, response.text
    return str(response.json()["error_code"])


async def test_a_result_that_is_not_there_says_where_the_job_is(site: Site) -> None:
    job_id = await site.queued(MINIMAL)
    early = await site.http.get(f"/v1/jobs/{job_id}/result")
    assert (early.status_code, early.json()["error_code"]) == (409, "JOB_NOT_COMPLETED")
    assert early.headers["retry-after"] == "1"
    assert early.json()["state"].lower() == "queued"
    await site.http.post(f"/v1/jobs/{job_id}/cancel")
    late = await site.http.get(f"/v1/jobs/{job_id}/result")
    assert (late.status_code, late.json()["error_code"]) == (409, "JOB_CANCELLED")


async def test_waiting_for_a_result_answers_when_it_is_there(site: Site) -> None:
    await site.register()
    job_id = await site.queued(MINIMAL)
    waiting = asyncio.create_task(site.http.get(f"/v1/jobs/{job_id}/result?wait=20"))
    watching = asyncio.create_task(site.http.get(f"/v1/jobs/{job_id}?wait=20"))
    await site.claim(job_id)
    await site.complete(job_id, "Worth the wait.")
    assert (await waiting).json()["result"]["output"] == "Worth the wait."
    assert (await watching).json()["state"] == "COMPLETED"

"""Document 002 (version 2026-01-24, OpenAPI), request by request; 004 has the same shapes."""

import base64
import json
import time

import pytest

from ledger.hashing import Purpose
from ledger.keys import ADDRESS_PREFIX, verify
from tests.api.document_002 import PRINTED, PROMPT, RECEIPT_FIELDS, WHOLE_SECONDS
from tests.api.node_site import NodeSite
from tests.api.site import REGISTRATION, Site

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def site(site_of_module: Site) -> Site:
    """Return the module's site: its tests leave nothing behind that another one minds."""
    return site_of_module


@pytest.mark.row(
    "2026-01-24.002.jobs.create",
    "2026-01-24.004.jobs.create",
    "2026-01-24.004.status.201",
    "2026-01-24.002.state.pending",
)
async def test_the_printed_body_answers_pending_and_leaves_out_what_is_absent(
    node_site: NodeSite,
) -> None:
    job = await node_site.submit(PRINTED)
    assert set(job) == {"job_id", "status", "prompt", "model", "created_at"}
    assert (job["status"], job["model"]) == ("pending", "llama3.2")
    assert job["prompt"] == PRINTED["prompt"]
    assert WHOLE_SECONDS.fullmatch(job["created_at"])


@pytest.mark.row(
    "2026-01-24.002.jobs.create.default-model",
    "2026-01-24.002.jobs.create.default-params-max-tokens",
    "2026-01-24.002.jobs.create.default-params-temperature",
    "2026-01-24.002.jobs.create.default-params-top-p",
)
async def test_the_defaults_of_model_and_parameters_reach_the_miner(node_site: NodeSite) -> None:
    await node_site.register()
    job_id = await node_site.queued({"prompt": "Hello", "params": {"stop": ["."]}})
    lease = (await node_site.claim(job_id)).json()
    assert lease["model"] == "llama3.2"
    assert lease["params"] == {
        "max_tokens": 256,
        "temperature": 0.7,
        "top_p": 0.9,
        "stop": ["."],
    }
    assert lease["input"] == {"prompt": "Hello"}


@pytest.mark.row(
    "2026-01-24.002.jobs.claim", "2026-01-24.002.jobs.claim.conflict", "2026-01-24.004.jobs.claim"
)
async def test_a_claimed_job_is_not_claimed_again_but_by_its_miner(node_site: NodeSite) -> None:
    await node_site.register()
    await node_site.register(miner_id="my-miner-002")
    job_id = await node_site.queued(PROMPT)
    lease = await node_site.claim(job_id)
    assert lease.status_code == 200
    assert set(lease.json()) >= {"job_id", "miner_id", "attempt", "lease_expires_at", "job"}
    again = await node_site.claim(job_id)
    assert (again.status_code, again.json()["attempt"]) == (200, lease.json()["attempt"])
    other = await node_site.claim(job_id, "my-miner-002")
    assert (other.status_code, other.json()["error_code"]) == (409, "JOB_ALREADY_CLAIMED")


@pytest.mark.row(
    "2026-01-24.002.jobs.complete",
    "2026-01-24.002.jobs.complete.required",
    "2026-01-24.004.jobs.complete",
)
async def test_complete_answers_with_the_receipt(node_site: NodeSite) -> None:
    await node_site.register()
    job_id = await node_site.queued(PROMPT)
    begun = time.time()
    await node_site.claim(job_id)
    response = await node_site.http.post(
        f"/v1/jobs/{job_id}/complete", json={"miner_id": node_site.miner, "result": "Done."}
    )
    assert response.status_code == 200
    receipt = response.json()
    assert set(receipt) == RECEIPT_FIELDS
    assert receipt["receipt_id"].startswith("receipt_")
    assert (receipt["job_id"], receipt["provider"]) == (job_id, node_site.miner)
    assert receipt["client"].startswith(f"{ADDRESS_PREFIX}1")
    assert isinstance(receipt["price"], float)
    assert 0 < receipt["units"] <= time.time() - begun
    assert receipt["unit_type"] == "compute_seconds"
    assert isinstance(receipt["started_at"], int)
    assert int(begun) <= receipt["started_at"] <= receipt["completed_at"] <= time.time()
    assert receipt["signature"]["alg"] == "Ed25519"
    assert set(receipt["signature"]) == {"alg", "key_id", "sig"}

    repeated = await node_site.http.post(
        f"/v1/jobs/{job_id}/complete", json={"miner_id": node_site.miner, "result": "Done."}
    )
    assert (repeated.status_code, repeated.json()) == (200, receipt)
    another = await node_site.complete(job_id, "Something else.")
    assert (another.status_code, another.json()["error_code"]) == (409, "JOB_ALREADY_COMPLETED")


async def test_a_completion_without_the_lease_is_refused(site: Site) -> None:
    await site.register()
    job_id = await site.queued(PROMPT)
    response = await site.complete(job_id)
    assert (response.status_code, response.json()["error_code"]) == (409, "LEASE_LOST")


@pytest.mark.row(
    "2026-01-24.002.miners.register", "2026-01-24.004.miners.register", "2026-01-24.004.overview"
)
async def test_the_printed_registration_registers_and_again_updates(node_site: NodeSite) -> None:
    response = await node_site.register()
    assert response.status_code == 201
    registered = response.json()
    assert registered["miner_id"] == node_site.miner
    assert registered["status"] == "active"
    assert registered["key"] == "managed"
    assert registered["capabilities"] == REGISTRATION["capabilities"]
    assert registered["address"].startswith(f"{ADDRESS_PREFIX}1")
    assert response.headers["location"] == f"/v1/miners/{node_site.miner}"
    shown = (await node_site.http.get(response.headers["location"])).json()
    assert shown["gpu_info"] == REGISTRATION["gpu_info"]
    updated = await node_site.register(capabilities=["codellama"])
    assert updated.status_code == 201
    assert updated.json()["capabilities"] == ["codellama"]
    assert (await node_site.register()).json() == registered
    listed = (await node_site.http.get("/v1/miners")).json()
    assert [miner["miner_id"] for miner in listed["miners"]].count(node_site.miner) == 1


@pytest.mark.row("2026-01-24.002.miners.register.no-gpu")
async def test_a_registration_needs_no_gpu(node_site: NodeSite) -> None:
    response = await node_site.http.post(
        "/v1/miners/register", json={"miner_id": "cpu-only", "capabilities": ["llama3.2"]}
    )
    assert response.status_code == 201


@pytest.mark.row(
    "2026-01-24.002.jobs.cancel",
    "2026-01-24.002.jobs.cancel.conflict",
    "2026-01-24.004.jobs.cancel",
    "2026-01-24.002.state.cancelled",
)
async def test_cancel_answers_with_the_job_and_refuses_a_completed_one(node_site: NodeSite) -> None:
    job_id = await node_site.queued(PROMPT)
    cancelled = await node_site.http.post(f"/v1/jobs/{job_id}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert "error" not in cancelled.json()
    done = await node_site.done(PROMPT)
    refused = await node_site.http.post(f"/v1/jobs/{done}/cancel")
    assert (refused.status_code, refused.json()["error_code"]) == (409, "JOB_ALREADY_COMPLETED")


async def test_the_same_is_served_below_api_with_its_own_links(site: Site) -> None:
    response = await site.http.post("/api/v1/jobs", json=PROMPT)
    assert response.status_code == 201
    job_id = response.json()["job_id"]
    assert response.headers["location"] == f"/api/v1/jobs/{job_id}"
    job = await site.http.get(response.headers["location"])
    assert (job.status_code, job.json()["job_id"]) == (200, job_id)
    assert (await site.http.get("/api/explorer/stats")).status_code == 200
    assert (await site.http.get("/api/nothing")).status_code == 404
    assert (await site.http.get("/apiary")).status_code == 404


async def test_a_receipts_signature_is_the_same_in_every_shape_and_verifies(site: Site) -> None:
    job_id = await site.done(PROMPT)
    newer = (await site.http.get(f"/v1/jobs/{job_id}/receipt")).json()
    older = (await site.http.get(f"/v1/receipts/{newer['receipt_id']}")).json()
    raw = (await site.http.get(f"/v1/receipts/{older['receipt_id']}/transaction")).json()
    assert older["signature"]["sig"] == newer["signature"] == raw["signature"]
    assert older["signature"]["key_id"] == newer["public_key"] == raw["public_key"]

    def decoded(text: str) -> bytes:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    signed = bytes.fromhex(raw["transaction"])
    tags = site.world.chain.tags
    receipt_id = tags.digest(Purpose.TX, signed[1:-66])
    assert older["receipt_id"] == "receipt_" + receipt_id.hex()
    message = tags[Purpose.TX_SIGN] + receipt_id
    assert verify(decoded(newer["public_key"]), message, decoded(newer["signature"]))
    assert json.dumps(older["price"]) == json.dumps(newer["price"])

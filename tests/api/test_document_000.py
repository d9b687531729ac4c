"""Document 000 (version 2024-01-01), request by request and answer by answer."""

import asyncio
from datetime import datetime

import pytest

from tests.api.document_000 import EXPLICIT, TEXT, VERSION, printed_fields, printed_request
from tests.api.document_002 import WHOLE_SECONDS
from tests.api.node_site import NodeSite
from tests.api.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def site(site_of_module: Site) -> Site:
    """Return the module's site: its tests leave nothing behind that another one minds."""
    return site_of_module


@pytest.mark.row("2024-01-01.000.jobs.create")
async def test_the_printed_body_is_accepted_and_answered_with_the_four_fields(
    node_site: NodeSite,
) -> None:
    response = await node_site.http.post("/v1/jobs", json=printed_request("jobs.create"))
    assert response.status_code == 201, response.text
    job = response.json()
    assert set(job) == printed_fields("jobs.create")
    assert len(job) == 4
    assert job["job_id"].startswith("job_")
    assert job["status"] == "submitted"
    assert WHOLE_SECONDS.fullmatch(job["created_at"])
    assert WHOLE_SECONDS.fullmatch(job["estimated_completion"])
    assert datetime.fromisoformat(job["estimated_completion"]) > datetime.fromisoformat(
        job["created_at"]
    )
    assert response.headers["location"] == f"/v1/jobs/{job['job_id']}"
    assert response.headers["aitbc-version"] == VERSION
    assert response.headers["aitbc-version-source"] == "body"


@pytest.mark.row("2024-01-01.000.jobs.get", "2024-01-01.000.state.running")
async def test_a_running_job_shows_all_seven_fields(node_site: NodeSite) -> None:
    await node_site.register()
    job_id = await node_site.queued(TEXT)
    await node_site.claim(job_id)
    beat = await node_site.http.post(
        f"/v1/jobs/{job_id}/heartbeat", json={"miner_id": node_site.miner, "progress": 75}
    )
    assert beat.status_code == 200, beat.text
    response = await node_site.http.get(f"/v1/jobs/{job_id}")
    job = response.json()
    assert set(job) == printed_fields("jobs.get")
    assert len(job) == 7
    assert (job["job_id"], job["status"], job["miner_id"]) == (job_id, "running", node_site.miner)
    assert job["progress"] == 75
    assert isinstance(job["progress"], int)
    for name in ("created_at", "started_at", "estimated_completion"):
        assert WHOLE_SECONDS.fullmatch(job[name])
    assert response.headers["aitbc-version-source"] == "object"
    await node_site.http.delete(f"/v1/jobs/{job_id}")


@pytest.mark.row("2024-01-01.000.state.submitted")
async def test_a_job_that_waits_is_submitted_and_has_no_progress(node_site: NodeSite) -> None:
    job_id = await node_site.queued(TEXT)
    job = (await node_site.http.get(f"/v1/jobs/{job_id}")).json()
    assert set(job) == {"job_id", "status", "created_at", "estimated_completion"}
    assert job["status"] == "submitted"


@pytest.mark.row("2024-01-01.000.jobs.results", "2024-01-01.000.state.completed")
async def test_a_completed_job_has_results(node_site: NodeSite) -> None:
    job_id = await node_site.done(TEXT, "It is quite small.")
    job = (await node_site.http.get(f"/v1/jobs/{job_id}")).json()
    assert (job["status"], job["progress"]) == ("completed", 100)
    response = await node_site.http.get(f"/v1/jobs/{job_id}/results")
    assert response.status_code == 200
    results = response.json()
    assert set(results) == {"job_id", "status", "results", "completed_at"}
    assert (results["job_id"], results["status"]) == (job_id, "completed")
    assert results["results"] == {"output": "It is quite small."}
    assert WHOLE_SECONDS.fullmatch(results["completed_at"])


@pytest.mark.row("2024-01-01.000.jobs.results")
async def test_a_structured_result_is_the_results_as_it_is(node_site: NodeSite) -> None:
    await node_site.register()
    job_id = await node_site.queued(TEXT)
    await node_site.claim(job_id)
    printed = {"prediction": "cat", "confidence": 0.95, "processing_time": 1.23}
    completed = await node_site.http.post(
        f"/v1/jobs/{job_id}/complete",
        json={"miner_id": node_site.miner, "output": {"text": "a cat", "json": printed}},
    )
    assert completed.status_code == 200, completed.text
    results = (await node_site.http.get(f"/v1/jobs/{job_id}/results")).json()
    assert results["results"] == printed


async def test_waiting_for_results_answers_when_they_are_there(site: Site) -> None:
    await site.register()
    job_id = await site.queued(TEXT)
    waiting = asyncio.create_task(site.http.get(f"/v1/jobs/{job_id}/results?wait=20"))
    await site.claim(job_id)
    await site.complete(job_id, "Worth the wait.")
    assert (await waiting).json()["results"] == {"output": "Worth the wait."}


async def test_results_that_are_not_there_say_where_the_job_is(site: Site) -> None:
    job_id = await site.queued(TEXT)
    early = await site.http.get(f"/v1/jobs/{job_id}/results")
    assert (early.status_code, early.json()["error_code"]) == (409, "JOB_NOT_COMPLETED")
    assert early.headers["retry-after"] == "1"
    await site.http.delete(f"/v1/jobs/{job_id}")
    late = await site.http.get(f"/v1/jobs/{job_id}/results?wait=1")
    assert (late.status_code, late.json()["error_code"]) == (409, "JOB_CANCELLED")


@pytest.mark.row("2024-01-01.000.jobs.cancel.submitted", "2024-01-01.000.state.cancelled")
async def test_delete_cancels_a_submitted_job_and_answers_with_a_body(node_site: NodeSite) -> None:
    job_id = await node_site.queued(TEXT)
    response = await node_site.http.delete(f"/v1/jobs/{job_id}")
    assert response.status_code == 200
    cancelled = response.json()
    assert set(cancelled) == {"job_id", "status", "cancelled_at"}
    assert (cancelled["job_id"], cancelled["status"]) == (job_id, "cancelled")
    assert WHOLE_SECONDS.fullmatch(cancelled["cancelled_at"])
    job = (await node_site.http.get(f"/v1/jobs/{job_id}")).json()
    assert job["status"] == "cancelled"
    again = await node_site.http.delete(f"/v1/jobs/{job_id}")
    assert (again.status_code, again.json()) == (200, cancelled)


@pytest.mark.row("2024-01-01.000.jobs.cancel.running")
async def test_delete_cancels_a_running_job_which_keeps_its_miner(node_site: NodeSite) -> None:
    await node_site.register()
    job_id = await node_site.queued(TEXT)
    await node_site.claim(job_id)
    response = await node_site.http.delete(f"/v1/jobs/{job_id}")
    assert (response.status_code, response.json()["status"]) == (200, "cancelled")
    job = (await node_site.http.get(f"/v1/jobs/{job_id}")).json()
    assert (job["status"], job["miner_id"]) == ("cancelled", node_site.miner)
    assert "error" not in job


@pytest.mark.row(
    "2024-01-01.000.jobs.cancel.completed", "2024-01-01.000.error.job-already-completed"
)
async def test_a_completed_job_is_not_cancelled(node_site: NodeSite) -> None:
    job_id = await node_site.done(TEXT)
    response = await node_site.http.delete(f"/v1/jobs/{job_id}")
    assert (response.status_code, response.json()["error_code"]) == (409, "JOB_ALREADY_COMPLETED")
    assert (await node_site.http.get(f"/v1/jobs/{job_id}")).json()["status"] == "completed"


@pytest.mark.row("2024-01-01.000.state.failed")
async def test_a_failed_job_and_an_expired_one_have_failed_and_say_why(node_site: NodeSite) -> None:
    await node_site.register()
    failed = await node_site.queued(TEXT)
    await node_site.claim(failed)
    give_up = {"miner_id": node_site.miner, "reason": "BAD_INPUT", "message": "no such language"}
    await node_site.http.post(f"/v1/jobs/{failed}/fail", json=give_up)
    expired = await node_site.queued({**TEXT, "ttl_seconds": 2})
    await node_site.refunded(failed)
    await node_site.refunded(expired)
    job = (await node_site.http.get(f"/v1/jobs/{failed}")).json()
    assert job["status"] == "failed"
    assert "no such language" in job["error"]
    job = (await node_site.http.get(f"/v1/jobs/{expired}")).json()
    assert job["status"] == "failed"
    assert job["error"] == "Job exceeded TTL without completion"


@pytest.mark.row("2024-01-01.000.error.job-not-found")
@pytest.mark.parametrize("headers", [{}, EXPLICIT])
async def test_an_unknown_job_is_not_found(node_site: NodeSite, headers: dict[str, str]) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/results")):
        response = await node_site.http.request(
            method, f"/v1/jobs/job_1234567890{path}", headers=headers
        )
        assert response.status_code == 404
        assert response.json()["error_code"] == "JOB_NOT_FOUND"
        assert response.json()["detail"] == "Job not found"


@pytest.mark.row("2024-01-01.000.error.insufficient-balance")
async def test_a_cost_above_the_balance_is_refused_and_leaves_nothing_behind(
    node_site: NodeSite,
) -> None:
    await node_site.queued(TEXT)  # Whoever has paid once has got what the faucet gives.
    before = (await node_site.http.get("/v1/jobs", headers=EXPLICIT)).json()["total"]
    account = (await node_site.http.get("/v1/clients/me")).json()
    body = {**printed_request("jobs.create"), "pricing": {"max_cost": "1000000.00"}}
    response = await node_site.http.post("/v1/jobs", json=body)
    assert (response.status_code, response.json()["error_code"]) == (402, "INSUFFICIENT_BALANCE")
    after = (await node_site.http.get("/v1/jobs", headers=EXPLICIT)).json()["total"]
    assert after == before
    assert (await node_site.http.get("/v1/clients/me")).json() == account


@pytest.mark.row("2024-01-01.000.error.invalid-job-type")
@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"type": "mind-reading"}, "/type"),
        ({"type": ""}, "/type"),
        ({"type": "ai-inference", "model": {"type": "cobol"}}, "/model/type"),
        ({"type": "ai-inference", "model": None, "input": {}}, "/model"),
    ],
)
async def test_an_unknown_type_is_refused_with_those_that_there_are(
    node_site: NodeSite, changes: dict[str, object], pointer: str
) -> None:
    response = await node_site.http.post("/v1/jobs", json={**TEXT, **changes})
    assert (response.status_code, response.json()["error_code"]) == (400, "INVALID_JOB_TYPE")
    assert response.json()["errors"][0]["pointer"] == pointer
    if pointer == "/type":
        assert "whisper_transcribe" in response.json()["detail"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"type": 5}, "/type"),
        ({"name": "x" * 201}, "/name"),
        ({"model": 3}, "/model"),
        ({"model": {"type": "python", "requirements": "numpy"}}, "/model/requirements"),
        ({"model": {"type": "python", "main": "model.py"}}, "/model/main"),
        ({"type": "llm-inference", "model": {"type": "python"}}, "/model"),
        ({"type": "python", "model": "model.py"}, "/model"),
        ({"input": "cat.jpeg"}, "/input"),
        ({"input": {"prompt": 5}}, "/input/prompt"),
        ({"input": {"prompt": "Hi", "params": {"top_p": 2}}}, "/input/params/top_p"),
        ({"resources": {"cpu": "fast"}}, "/resources/cpu"),
        ({"resources": {"cpu": -1}}, "/resources/cpu"),
        ({"resources": {"memory": "2Qi"}}, "/resources/memory"),
        ({"resources": {"gpu": "one"}}, "/resources/gpu"),
        ({"resources": {"gpu": 1.5}}, "/resources/gpu"),
        ({"resources": {"disk": "1Gi"}}, "/resources/disk"),
        ({"pricing": {"max_cost": "-1"}}, "/pricing/max_cost"),
        ({"pricing": {"max_cost": "0"}}, "/pricing/max_cost"),
        ({"pricing": {"max_cost": "0.1 AITBC"}}, "/pricing/max_cost"),
        ({"output": {"form": "json"}}, "/output/form"),
        ({"ttl_seconds": 0}, "/ttl_seconds"),
        ({"prize": 5}, "/prize"),
    ],
)
async def test_a_field_that_is_wrong_is_named(
    site: Site, changes: dict[str, object], pointer: str
) -> None:
    response = await site.http.post("/v1/jobs", json={**TEXT, **changes})
    assert (response.status_code, response.json()["error_code"]) == (400, "VALIDATION_ERROR")
    assert response.json()["errors"][0]["pointer"] == pointer


async def test_what_a_body_asks_for_reaches_the_miner_and_the_escrow(site: Site) -> None:
    await site.register(gpu_info={"name": "NVIDIA RTX 4090", "memory": "24GB"})
    body = {
        **TEXT,
        "input": {"prompt": "Hello", "params": {"max_tokens": 9}, "topic": "cats"},
        "resources": {"cpu": "500m", "memory": "2Gi", "gpu": "1"},
        "pricing": {"max_cost": "0.25"},
    }
    job_id = await site.queued(body)
    payment = (await site.http.get(f"/v1/jobs/{job_id}/payment")).json()
    assert payment["amount"] == 0.25
    lease = (await site.claim(job_id)).json()
    assert (lease["service"], lease["model"]) == ("llm_inference", "llama3.2")
    assert lease["input"] == {"prompt": "Hello", "topic": "cats"}
    assert lease["params"]["max_tokens"] == 9
    job = await site.world.get(bytes.fromhex(job_id.removeprefix("job_")))
    spec = job.spec
    assert (spec.gpu_count, spec.cpu_millicores, spec.memory_mib) == (1, 500, 2048)
    assert (spec.label, spec.shown_type) == ("my-job", "ai-inference")
    await site.http.delete(f"/v1/jobs/{job_id}")


async def test_the_printed_program_becomes_a_python_job(site: Site) -> None:
    job_id = await site.queued(printed_request("jobs.create"))
    job = await site.world.get(bytes.fromhex(job_id.removeprefix("job_")))
    assert (job.spec.service, job.spec.model) == ("python", "")
    assert job.spec.input == {
        "name": "image-classification",
        "entrypoint": "model.py",
        "requirements": ["numpy", "torch"],
        "input": {"type": "image", "format": "jpeg"},
        "output": {"type": "json"},
    }
    older = await site.http.get(f"/v1/jobs/{job_id}", headers={"AITBC-Version": "2026-01-24"})
    assert older.json()["status"] == "pending"

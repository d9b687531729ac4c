"""The documents' own clients against a real node process: real consensus, store, sockets, clock."""

import asyncio
import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import httpx
import pytest

from aitbc.proofs import OutcomeProof, TransactionProof, verify_proof
from ledger.keys import format_address
from tests.api.contract import Contract
from tests.api.document_002 import WHOLE_SECONDS
from tests.api.documents import (
    DEVELOPMENT,
    FOLDER,
    PRODUCTION,
    Run,
    curl_lines,
    run,
    run_curl,
    run_javascript,
    run_python,
)
from tests.api.node_site import NodeSite, site_on
from tests.api.site import REGISTRATION
from tests.processes import NodeFolder, NodeProcess, start_node

MINER = str(REGISTRATION["miner_id"])

ANSWER = "Grüße, 世界! \U0001f30d"

JOB_2024: Mapping[str, Any] = json.loads((FOLDER / "create-job-2024-01-01.json").read_text())
"""The body of document 000's create-job example."""

AT_ONCE = 10
"""Requests that are under way together where many are sent."""


class LiteralMiner(threading.Thread):
    """A miner as document 004 prints it: no key, no heartbeat, no attempt number."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.http = httpx.Client(base_url=url, timeout=40)
        self.done = threading.Event()
        self.jobs: list[str] = []
        body = REGISTRATION | {"capabilities": ["llama3.2", "llama2", "codellama", "python"]}
        self.http.post("/v1/miners/register", json=body).raise_for_status()

    def run(self) -> None:
        while not self.done.is_set():
            polled = self.http.post(
                "/v1/miners/poll", json={"miner_id": MINER, "wait_s": 1}
            ).raise_for_status()
            if polled.json()["job"] is not None:
                offered = self.http.get(f"/v1/jobs/available?miner_id={MINER}").json()
                self.work(offered["job_id"])

    def work(self, job_id: str) -> None:
        claim = self.http.post(f"/v1/jobs/{job_id}/claim", json={"miner_id": MINER})
        claim.raise_for_status()
        body = {"miner_id": MINER, "result": ANSWER, "completed_at": "2026-01-24T15:00:05Z"}
        self.http.post(f"/v1/jobs/{job_id}/complete", json=body).raise_for_status()
        self.jobs.append(job_id)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    folder = NodeFolder(tmp_path_factory.mktemp("api") / "n", with_coordinator=True)
    with start_node(folder) as node:
        miner = LiteralMiner(node.url)
        miner.start()
        yield node
        miner.done.set()
        miner.join()
        miner.http.close()
        assert miner.jobs
        assert node.stop() == 0, node.told("did not end well")


@pytest.fixture(scope="module")
def client(node: NodeProcess) -> Iterator[httpx.Client]:
    with node.client() as client:
        yield client


@pytest.mark.row(
    "2026-05-11.003.curl.submit",
    "2026-05-11.003.curl.status",
    "2026-05-11.003.curl.result",
    "2026-01-24.004.auth.curl",
)
async def test_the_curl_lines_of_003_and_004(node: NodeProcess, client: httpx.Client) -> None:
    submit, status, result = curl_lines("curl-2026-05-11.sh.txt", node.url, replaces=DEVELOPMENT)
    submitted = await run_curl(submit)
    body, _, code = submitted.out.rpartition("\n")
    assert code == "201", submitted
    job_id = json.loads(body)["job_id"]
    assert json.loads(body)["state"] == "QUEUED"

    waited = await asyncio.to_thread(client.get, f"/v1/jobs/{job_id}/result?wait=20")
    assert waited.status_code == 200, waited.text
    shown = await run_curl(status, job_id=job_id)
    body, _, code = shown.out.rpartition("\n")
    assert (code, json.loads(body)["state"]) == ("200", "COMPLETED")
    read = await run_curl(result, job_id=job_id)
    body, _, code = read.out.rpartition("\n")
    assert (code, json.loads(body)["result"]["output"]) == ("200", ANSWER)

    (listing,) = curl_lines("curl-2026-01-24.sh.txt", f"{node.url}/api", replaces=PRODUCTION)
    listed = await run_curl(listing)
    body, _, code = listed.out.rpartition("\n")
    assert code == "200"
    assert job_id in [job["job_id"] for job in json.loads(body)]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            "httpx-client.py.txt", marks=pytest.mark.row("2026-01-24.004.sdk.httpx.usage")
        ),
        pytest.param(
            "httpx-async-client.py.txt",
            marks=pytest.mark.row(
                "2026-01-24.004.sdk.httpx-async.usage",
                "2026-01-24.004.sdk.httpx-async.submit_job",
            ),
        ),
    ],
)
async def test_the_python_clients_of_004(node: NodeProcess, name: str) -> None:
    ran = await run_python(name, f"{node.url}/api")
    assert (ran.code, ran.out.strip(), ran.err) == (0, ANSWER, "")


def fill_dots(program: str) -> str:
    """Return document 000's program with its dots replaced by what the example has besides.

    The dots become the remaining fields of its own example (resolution 1.7).
    """
    rest = {name: JOB_2024[name] for name in JOB_2024 if name not in {"name", "type"}}
    assert program.count("    ...\n") == 1
    return program.replace("    ...\n", f"    **{rest!r},\n")


async def run_program(program: str, node: NodeProcess) -> Run:
    """Run a Python program whose clients find the node by the environment."""
    found = {**os.environ, "AITBC_BASE_URL": node.url}
    return await run(sys.executable, "-c", program, env=found)


@pytest.mark.row(
    "2024-01-01.000.sdk.python.construct",
    "2024-01-01.000.sdk.python.jobs.create",
    "2024-01-01.000.sdk.python.jobs.get_results",
)
async def test_the_program_of_000_creates_a_job_and_gets_its_results(node: NodeProcess) -> None:
    program = fill_dots((FOLDER / "aitbc-client.py.txt").read_text())
    shows = 'print(__import__("json").dumps([job, results, job.job_id, results.results]))'
    ran = await run_program(f"{program}\n{shows}\n", node)
    assert (ran.code, ran.err) == (0, "")
    job, results, attribute, inner = json.loads(ran.out)
    assert set(job) == {"job_id", "status", "created_at", "estimated_completion"}
    assert (job["job_id"], job["status"]) == (attribute, "submitted")
    assert (results["job_id"], results["status"]) == (attribute, "completed")
    assert results["results"] == inner == {"output": ANSWER}


@pytest.mark.row(
    "2026-05-11.003.sdk.python.construct",
    "2026-05-11.003.sdk.python.submit_job",
    "2026-05-11.003.sdk.python.get_job",
    "2026-05-11.003.sdk.python.get_job_result",
)
async def test_the_program_of_003_prints_state_and_result(node: NodeProcess) -> None:
    ran = await run_program((FOLDER / "aitbc-sdk.py.txt").read_text(), node)
    assert (ran.code, ran.err) == (0, "")
    state, result = ran.out.splitlines()
    assert state in {"Job state: QUEUED", "Job state: RUNNING", "Job state: COMPLETED"}
    assert result.startswith("Result: {")
    assert f"'output': '{ANSWER}'" in result


async def test_the_javascript_client_of_004(node: NodeProcess, node_js: str) -> None:
    ran = await run_javascript(node_js, "fetch-client.js.txt", f"{node.url}/api")
    assert (ran.code, ran.out.strip(), ran.err) == (0, ANSWER, "")


def test_a_job_is_paid_and_its_receipt_is_everywhere_the_documents_have_it(
    client: httpx.Client,
) -> None:
    body = {"payload": {"prompt": "Hello"}, "payment_amount": 0.5}
    created = client.post("/v1/jobs", json=body, headers={"Prefer": "wait=20"}).json()
    job_id = created["job_id"]
    assert created["state"] == "COMPLETED"
    wait_until_paid(client, job_id)
    payment = client.get(f"/v1/jobs/{job_id}/payment").json()
    assert (payment["amount"], payment["status"]) == (0.5, "released")
    assert payment["paid"] + payment["refunded"] == 0.5

    receipt_id = client.get(f"/v1/jobs/{job_id}/receipt").json()["receipt_id"]
    receipt = client.get(f"/v1/receipts/{receipt_id}").json()
    assert (receipt["job_id"], receipt["provider"]) == (job_id, MINER)
    assert receipt in client.get("/v1/receipts").json()
    assert receipt in client.get(f"/v1/receipts?client={receipt['client']}").json()
    assert receipt in client.get("/explorer/receipts").json()
    stats = client.get("/explorer/stats").json()
    assert stats["total_receipts"] >= 1
    assert stats["active_miners"] == 1
    blocks = client.get("/explorer/blocks").json()
    assert blocks[0]["height"] > 0


def test_the_proof_of_each_line_of_a_statement_proves_it(client: httpx.Client) -> None:
    body = {"payload": {"prompt": "Hello"}, "payment_amount": 0.5}
    created = client.post("/v1/jobs", json=body, headers={"Prefer": "wait=20"}).json()
    wait_until_paid(client, created["job_id"])
    found = client.get("/api/v1/statements", params={"limit": 1_000}).json()["lines"]
    lines = [line for line in found if line["job_id"] == created["job_id"]]
    assert {"escrow", "refund", "earning"} <= {line["kind"] for line in lines}
    for line in lines:
        bundle = client.get(line["proof"])
        assert bundle.status_code == 200, bundle.text
        claims = verify_proof(bundle.content)
        assert claims.block.height == line["height"]
        moved = (nait(line["credit"]), nait(line["debit"]), nait(line["fee"]))
        if isinstance(claims, OutcomeProof):
            of = claims.outcome
            parties = dict(zip(map(format_address, of.parties), of.amounts, strict=True))
            assert (parties[line["account"]], 0, 0) == moved
        else:
            assert isinstance(claims, TransactionProof)
            signed = claims.transaction
            assert format_address(signed.sender) == line["account"]
            assert (0, signed.fields.get("max_price", 0), signed.fee) == moved


def nait(text: str) -> int:
    return int(Decimal(text) * 10**9)


def wait_until_paid(client: httpx.Client, job_id: str) -> None:
    """Return when the attestation has settled the job: nothing tells of it but asking."""
    deadline = time.monotonic() + 20
    while (job := client.get(f"/v1/jobs/{job_id}").json())["payment_status"] != "released":
        assert time.monotonic() < deadline, job
        time.sleep(0.02)


async def statuses(site: NodeSite, count: int, **request: Any) -> Counter[int]:
    """Send a request so many times, a few at once, and count the answers by status."""
    answered: Counter[int] = Counter()

    async def send(http: httpx.AsyncClient, times: int) -> None:
        for _ in range(times):
            answered[(await http.request(**request)).status_code] += 1

    async with site.with_key(site.key_header["X-Api-Key"]) as http:
        await asyncio.gather(*(send(http, count // AT_ONCE) for _ in range(AT_ONCE)))
    return answered


async def check_limit(site: NodeSite, quota: int, policy: str, **request: Any) -> None:
    """Send what a documented limit lets through in a minute, and the one more."""
    assert set(await statuses(site, quota, **request)) == {201 if "json" in request else 200}
    refused = await site.http.request(**request)
    assert (refused.status_code, refused.json()["error_code"]) == (429, "RATE_LIMIT_EXCEEDED")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["ratelimit-policy"] == f'"{policy}";q={quota};w=60'
    assert refused.headers["ratelimit"].startswith(f'"{policy}";r=0;t=')


@pytest.mark.row(
    "2026-05-11.003.rate-limit.submit",
    "2024-01-01.000.error.rate-limit-exceeded",
    "2026-01-24.004.status.429",
)
async def test_a_hundred_submissions_a_minute_pass_and_the_next_is_refused(
    node: NodeProcess, declared: Contract
) -> None:
    site, other = site_on(node, declared), site_on(node, declared)
    held = {"prompt": "Hello", "hold": True}
    await check_limit(site, 100, "submit", method="POST", url="/v1/jobs", json=held)
    # Another policy, and another key, are not used up by it.
    assert (await site.http.get("/v1/jobs")).status_code == 200
    await other.submit(held)


@pytest.mark.row("2026-05-11.003.rate-limit.status", "2026-05-11.003.rate-limit.result")
async def test_as_many_status_queries_and_results_pass_as_is_documented(
    node: NodeProcess, declared: Contract
) -> None:
    site = site_on(node, declared)
    job = await site.submit({"payload": {"prompt": "Hello"}}, Prefer="wait=20")
    assert job["state"] == "COMPLETED"
    path = f"/v1/jobs/{job['job_id']}"
    await check_limit(site, 500, "result", method="GET", url=f"{path}/result")
    await check_limit(site, 1_000, "status", method="GET", url=path)


def test_many_clients_at_once_are_all_served(client: httpx.Client, node: NodeProcess) -> None:
    def submit(number: int) -> str:
        body = {"prompt": f"Question {number}"}
        answer = httpx.post(
            f"{node.url}/v1/jobs", json=body, headers={"Prefer": "wait=30"}, timeout=60
        )
        assert answer.status_code == 201, answer.text
        assert answer.json()["result"] == ANSWER
        return str(answer.json()["job_id"])

    with ThreadPoolExecutor(10) as threads:
        assert len(set(threads.map(submit, range(10)))) == 10


@pytest.mark.row(
    "2024-01-01.000.health.v1", "2024-01-01.000.health.api-v1", "2026-01-24.002.health"
)
def test_health_has_the_documented_members_below_both_paths(client: httpx.Client) -> None:
    for path in ("/health", "/api/health", "/v1/health", "/api/v1/health"):
        health = client.get(path)
        assert health.status_code == 200
        found = health.json()
        assert set(found) >= {"status", "version", "environment", "timestamp", "services"}
        assert found["status"] == "ok"
        assert isinstance(found["version"], str)
        assert found["environment"] == "tests"
        assert WHOLE_SECONDS.fullmatch(found["timestamp"])
        assert found["services"] == {
            "database": "healthy",
            "blockchain": "healthy",
            "marketplace": "healthy",
        }


def test_the_document_of_a_node_has_the_chain_and_the_health_too(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/health", "/v1/chain/transactions", "/v1/jobs/{job_id}/result"} <= paths.keys()
    for path in ("/docs", "/api/redoc"):
        assert client.get(path).status_code == 200

"""The documents' own clients against a real node process: real consensus, store, sockets, clock."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import httpx
import pytest

from aitbc.proofs import OutcomeProof, TransactionProof, verify_proof
from ledger.keys import format_address
from tests.api.document_002 import WHOLE_SECONDS
from tests.api.documents import (
    DEVELOPMENT,
    PRODUCTION,
    curl_lines,
    run_curl,
    run_javascript,
    run_python,
)
from tests.api.site import REGISTRATION
from tests.processes import NodeFolder, NodeProcess, start_node

MINER = str(REGISTRATION["miner_id"])

ANSWER = "An answer from afar."


class LiteralMiner(threading.Thread):
    """A miner as document 004 prints it: no key, no heartbeat, no attempt number."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.http = httpx.Client(base_url=url, timeout=40)
        self.done = threading.Event()
        self.jobs: list[str] = []
        body = REGISTRATION | {"capabilities": ["llama3.2", "llama2", "codellama"]}
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


@pytest.mark.parametrize("name", ["httpx-client.py.txt", "httpx-async-client.py.txt"])
async def test_the_python_clients_of_004(node: NodeProcess, name: str) -> None:
    ran = await run_python(name, f"{node.url}/api")
    assert (ran.code, ran.out.strip(), ran.err) == (0, ANSWER, "")


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

"""Whatever the documents allow or forbid is asked of a running node (V6): none of it is a 5xx.

Every operation of each version's document, with statuses, media types, headers and bodies of the
answers as the document has them.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from coordinator.presenters import SERVED
from tests.api.generated_requests import Target, check_operation, operations_of
from tests.api.site import MINER, REGISTRATION
from tests.processes import NodeFolder, NodeProcess, start_node

PLENTY = 10**9

EXAMPLES = {"2024-01-01": 1, "2026-01-24": 1, "2026-05-11": 3}
"""Of each operation, by version: their routes are the same, and the newest has most of them."""

EXAMPLES_SOAK = 300

JOBS: dict[str, dict[str, Any]] = {
    "2024-01-01": {"type": "ai-inference", "input": {"prompt": "Hello"}},
    "2026-01-24": {"prompt": "Hello"},
    "2026-05-11": {"payload": {"prompt": "Hello"}},
}


OFFER = {"job_type": "llm_inference", "price": "0.01"}

BODIES = {
    "POST /v1/jobs": tuple(JOBS.items()),
    "POST /v1/jobs/quote": tuple(JOBS.items()),
    "POST /v1/services/llm/inference": tuple((each, {"prompt": "Hello"}) for each in JOBS),
    "POST /v1/marketplace/offers": tuple((each, OFFER) for each in JOBS),
    "POST /v1/clients/me/keys": tuple((each, {"scopes": ["read"]}) for each in JOBS),
}
"""Members that make sense, by route and version: what is generated seldom does."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    names = ("submit", "status", "result", "miner", "miners", "other")
    folder = NodeFolder(
        tmp_path_factory.mktemp("generated") / "n",
        with_coordinator=True,
        sections={"http": {"listen": ["127.0.0.1:0"], "quotas": dict.fromkeys(names, PLENTY)}},
    )
    with start_node(folder) as node:
        yield node
        with node.client() as client:
            assert client.get("/v1/health").json()["status"] == "ok"
        assert node.stop() == 0, node.told("did not end well")


@pytest.fixture(scope="module")
def target(node: NodeProcess) -> Target:
    """Return the node with a job in every state."""
    with node.client() as client:
        assert client.post("/v1/miners/register", json=REGISTRATION).status_code == 201
        done, running, cancelled, queued = (job(client) for _ in range(4))
        for job_id in (done, running):
            claim = client.post(f"/v1/jobs/{job_id}/claim", json={"miner_id": MINER})
            assert claim.status_code == 200, claim.text
        body = {"miner_id": MINER, "result": "An answer."}
        receipt = client.post(f"/v1/jobs/{done}/complete", json=body)
        assert receipt.status_code == 200, receipt.text
        assert client.delete(f"/v1/jobs/{cancelled}").status_code == 200
        offered = client.post("/v1/marketplace/offers", json=OFFER | {"max_jobs": 1_000})
        assert offered.status_code == 201, offered.text
        services = client.get("/v1/registry/services").json()["services"]
    return Target(
        node.url,
        {
            "job_id": (done, running, cancelled, queued),
            "receipt_id": (receipt.json()["receipt_id"], done),
            "miner_id": (MINER,),
            "offer_id": (offered.json()["offer_id"],),
            "service_id": tuple(service["id"] for service in services),
        },
        (done, cancelled),
        {(version, route): body for route, bodies in BODIES.items() for version, body in bodies},
    )


def job(client: httpx.Client) -> str:
    """Return the id of a job whose escrow is final."""
    created = client.post("/v1/jobs", json={"prompt": "Hello", "ttl_seconds": 86_400}).json()
    job_id: str = created["job_id"]
    headers = {"AITBC-Version": "2026-05-11"}
    while client.get(f"/v1/jobs/{job_id}", headers=headers).json()["payment_status"] is None:
        client.get(f"/v1/jobs/{job_id}?wait=1")
    return job_id


def document_of(node: NodeProcess, version: str) -> dict[str, Any]:
    with node.client() as client:
        document: dict[str, Any] = client.get(f"/openapi/{version}.json").json()
    return document


def check_version(node: NodeProcess, target: Target, version: str, examples: int) -> None:
    """Check all operations of a version, and say of all that fail."""
    operations = operations_of(document_of(node, version))
    assert len(operations) > 60
    failures = []
    for label, operation in operations.items():
        try:
            check_operation(operation, version, target, examples)
        except (AssertionError, BaseExceptionGroup) as error:
            failures.append(f"{label}: {error}")
    assert not failures, "\n\n".join(failures)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("version", SERVED)
def test_no_generated_request_is_answered_as_no_document_says(
    node: NodeProcess, target: Target, version: str
) -> None:
    check_version(node, target, version, EXAMPLES[version])


def test_an_answer_that_no_document_has_is_found(node: NodeProcess, target: Target) -> None:
    document = document_of(node, "2026-05-11")
    del document["paths"]["/v1/stats"]["get"]["responses"]["200"]
    document["components"]["schemas"]["MinerList"]["properties"]["miners"] = {"type": "string"}
    operations = operations_of(document)
    for label in ("GET /v1/stats", "GET /v1/miners"):
        with pytest.raises((AssertionError, BaseExceptionGroup)):
            check_operation(operations[label], "2026-05-11", target, 5)


@pytest.mark.soak
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("version", SERVED)
def test_no_request_of_very_many_is_answered_as_no_document_says(
    node: NodeProcess, target: Target, version: str
) -> None:
    check_version(node, target, version, EXAMPLES_SOAK)

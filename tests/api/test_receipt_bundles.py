"""A receipt is verified by its proof bundle, on a node that makes and checks one."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.processes import NodeFolder, NodeProcess, start_node
from tests.rest_miner import RestMiner

VERIFY = "/v1/receipts/verify"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    folder = NodeFolder(tmp_path_factory.mktemp("bundles") / "n", with_coordinator=True)
    with start_node(folder) as node:
        yield node


@pytest.fixture(scope="module")
def client(node: NodeProcess) -> Iterator[httpx.Client]:
    with node.client() as client:
        yield client


@pytest.fixture(scope="module")
def bundle(node: NodeProcess, client: httpx.Client) -> dict[str, Any]:
    miner = RestMiner.registered(node, "a-miner", "llama3.2")
    with miner.working("An answer."):
        body = {"prompt": "A question?", "model": "llama3.2"}
        made = client.post("/v1/jobs", json=body, headers={"Prefer": "wait=20"}).json()
    assert made["status"] == "completed", made
    receipt = client.get(f"/v1/receipts/{made['job_id']}").json()
    while not receipt["attestations"]:
        receipt = client.get(f"/v1/receipts/{made['job_id']}").json()
    path = f"/v1/proofs/receipt/{receipt['receipt_id']}"
    found: dict[str, Any] = client.get(path).raise_for_status().json()
    return found


def test_a_bundle_of_this_chain_is_a_valid_receipt(
    client: httpx.Client, bundle: dict[str, Any]
) -> None:
    judged = client.post(VERIFY, json={"bundle": bundle})
    assert judged.status_code == 200, judged.text
    verified = judged.json()
    assert set(verified) == {
        "valid", "miner_signature_valid", "coordinator_attestations", "verified_at"
    }  # fmt: skip
    assert (verified["valid"], verified["miner_signature_valid"]) == (True, True)
    assert verified["coordinator_attestations"] == 1


def test_a_changed_bundle_says_at_which_step_it_fails(
    client: httpx.Client, bundle: dict[str, Any]
) -> None:
    for part, member in (("genesis", "digest"), ("receipt", "signed"), ("finality", "certificate")):
        changed = json.loads(json.dumps(bundle))
        text = changed[part][member]
        changed[part][member] = text[:-1] + ("0" if text[-1] != "0" else "1")
        verified = client.post(VERIFY, json={"bundle": changed}).json()
        assert (verified["valid"], verified["miner_signature_valid"]) == (False, False)
        assert verified["coordinator_attestations"] == 0
        assert verified["reason"].startswith("the bundle fails: "), verified


@pytest.mark.parametrize("nonsense", [{}, {"kind": "receipt"}, {"kind": 5}, {"kind": "account"}])
def test_what_is_no_bundle_of_a_receipt_is_not_valid(
    client: httpx.Client, nonsense: dict[str, Any]
) -> None:
    judged = client.post(VERIFY, json={"bundle": nonsense})
    assert (judged.status_code, judged.json()["valid"]) == (200, False)
    assert judged.json()["reason"]


@pytest.mark.parametrize("body", [{}, {"receipt": {"receipt_id": "receipt_1"}, "bundle": {}}])
def test_either_a_receipt_or_a_bundle_is_verified(
    client: httpx.Client, body: dict[str, Any]
) -> None:
    refused = client.post(VERIFY, json=body)
    assert (refused.status_code, refused.json()["error_code"]) == (400, "VALIDATION_ERROR")
    assert refused.json()["errors"][0]["pointer"] == "/receipt"

"""Receipts in all three shapes, and whether one that somebody shows is authentic."""

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from coordinator.outbox import store as outbox
from ledger.hashing import Purpose
from ledger.keys import KeyPair, verify
from tests.api.document_000 import TEXT, printed_fields, printed_request
from tests.api.document_002 import WHOLE_SECONDS
from tests.api.node_site import NodeSite
from tests.api.site import Served, Site
from tests.coordinator.world import COORDINATOR

pytestmark = pytest.mark.asyncio(loop_scope="module")

VERSIONS = ("2024-01-01", "2026-01-24", "2026-05-11")


@pytest.fixture
def site(site_of_module: Site) -> Site:
    """Return the module's site: its tests leave nothing behind that another one minds."""
    return site_of_module


async def shown(site: Served, name: str, version: str) -> dict[str, Any]:
    """Return a receipt as a version shows it."""
    response = await site.http.get(f"/v1/receipts/{name}", headers={"AITBC-Version": version})
    assert response.status_code == 200, response.text
    receipt: dict[str, Any] = response.json()
    return receipt


async def verified(site: Served, receipt: Mapping[str, object]) -> dict[str, Any]:
    """Return what the server says of a receipt."""
    response = await site.http.post("/v1/receipts/verify", json={"receipt": receipt})
    assert response.status_code == 200, response.text
    assert response.headers["aitbc-version"] == "2024-01-01"
    verification: dict[str, Any] = response.json()
    return verification


@pytest.mark.row("2024-01-01.000.receipts.get-by-job")
async def test_the_receipt_of_a_job_has_the_documented_members(node_site: NodeSite) -> None:
    job_id = await node_site.done(TEXT)
    response = await node_site.http.get(f"/v1/receipts/{job_id}")
    assert response.status_code == 200
    assert response.headers["aitbc-version"] == "2024-01-01"
    receipt = response.json()
    assert set(receipt) == printed_fields("receipts.get-by-job")
    assert (receipt["job_id"], receipt["miner_id"]) == (job_id, node_site.miner)
    assert receipt["receipt_id"].startswith("receipt_")
    assert set(receipt["signature"]) == {"sig", "public_key"}
    assert WHOLE_SECONDS.fullmatch(receipt["created_at"])
    (attestation,) = receipt["attestations"]
    assert set(attestation) == {"type", "timestamp", "signature"}
    assert attestation["type"] == "completion"
    assert WHOLE_SECONDS.fullmatch(attestation["timestamp"])


async def test_the_signatures_of_a_receipt_and_its_attestation_verify(site: Site) -> None:
    job_id = await site.done(TEXT)
    receipt = await shown(site, job_id, "2024-01-01")
    view = await site.world.services.receipts.of_job(bytes.fromhex(job_id.removeprefix("job_")))
    assert view is not None
    tag = site.world.chain.tags[Purpose.TX_SIGN]
    key = base64.b64decode(receipt["signature"]["public_key"], validate=True)
    signature = base64.b64decode(receipt["signature"]["sig"], validate=True)
    assert verify(
        key, tag + bytes.fromhex(receipt["receipt_id"].removeprefix("receipt_")), signature
    )
    (made,), (said,) = view.attestations, receipt["attestations"]
    vouched = base64.b64decode(said["signature"], validate=True)
    assert verify(COORDINATOR.public_key, tag + made.transaction_id, vouched)


async def test_an_attestation_that_another_database_sent_is_read_from_the_chain(
    site: Site,
) -> None:
    job_id = await site.done(TEXT)
    before = await shown(site, job_id, "2024-01-01")
    view = await site.world.services.receipts.of_job(bytes.fromhex(job_id.removeprefix("job_")))
    assert view is not None
    (made,) = view.attestations
    await site.world.services.core.database.write(
        lambda connection: outbox.forget(connection, made.transaction_id)
    )
    assert await shown(site, job_id, "2024-01-01") == before


@pytest.mark.row("2024-01-01.000.receipts.verify")
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_receipt_is_authentic_in_every_shape(node_site: NodeSite, version: str) -> None:
    job_id = await node_site.done(TEXT)
    receipt = await shown(node_site, job_id, version)
    verification = await verified(node_site, receipt)
    assert set(verification) == printed_fields("receipts.verify")
    assert (verification["valid"], verification["miner_signature_valid"]) == (True, True)
    assert verification["coordinator_attestations"] == 1
    assert WHOLE_SECONDS.fullmatch(verification["verified_at"])


@pytest.mark.row("2024-01-01.000.receipts.verify")
async def test_the_printed_members_alone_are_enough_in_either_alphabet(node_site: NodeSite) -> None:
    receipt = await shown(node_site, await node_site.done(TEXT), "2024-01-01")
    assert set(printed_request("receipts.verify")["receipt"]) == {"receipt_id", "signature"}
    padded = receipt["signature"]
    url = {name: text.replace("+", "-").replace("/", "_") for name, text in padded.items()}
    bare = {name: text.rstrip("=") for name, text in url.items()}
    for signature in (padded, url, bare):
        claim = {"receipt_id": receipt["receipt_id"], "signature": signature}
        assert (await verified(node_site, claim))["valid"] is True


async def test_a_receipt_is_verified_by_an_id_or_by_its_signed_transaction(site: Site) -> None:
    job_id = await site.done(TEXT)
    receipt = await shown(site, job_id, "2026-05-11")
    raw = (await site.http.get(f"/v1/receipts/{receipt['receipt_id']}/transaction")).json()
    for claim in (
        {"job_id": job_id},
        {"receipt_id": receipt["receipt_id"]},
        {"transaction_id": raw["transaction_id"]},
        raw,
        (await site.http.get(f"/v1/jobs/{job_id}/result")).json()["receipt"],
    ):
        assert (await verified(site, claim))["valid"] is True, claim
    # The last byte of an Ed25519 signature is at most 0x10.
    spoilt = raw | {"transaction": raw["transaction"][:-2] + "ff"}
    assert (await verified(site, spoilt))["reason"] == "transaction is not what the receipt says"


async def test_null_and_true_are_no_values_of_a_receipt(site: Site) -> None:
    receipt = await shown(site, await site.done(TEXT), "2026-05-11")
    for member in ({"custody": None}, {"block_height": True}, {"price": "0.02"}):
        assert (await verified(site, receipt | member))["valid"] is False, member


def another(value: Any) -> Any:
    """Return another value of the same type."""
    if isinstance(value, str):
        return f"{value}x"
    return value + 1


@pytest.mark.parametrize("version", VERSIONS)
async def test_no_member_of_an_authentic_receipt_can_be_changed(site: Site, version: str) -> None:
    receipt = await shown(site, await site.done(TEXT), version)
    members = set(receipt) - {"signature", "public_key", "attestations"}
    for name in members:
        spoilt = {**receipt, name: another(receipt[name])}
        verification = await verified(site, spoilt)
        assert verification["valid"] is False, name
        assert verification["miner_signature_valid"] is False
        assert verification["coordinator_attestations"] == 0
        assert verification["reason"]


async def test_another_signature_or_key_is_not_the_miners(site: Site) -> None:
    receipt = await shown(site, await site.done(TEXT), "2024-01-01")
    message = b"some other message"
    stranger = KeyPair(bytes(range(32)))
    forged = base64.b64encode(stranger.sign(message)).decode()
    public_key = base64.b64encode(stranger.public_key).decode()
    for signature, reason in (
        (receipt["signature"] | {"sig": forged}, "the signature is not the miner's"),
        (receipt["signature"] | {"sig": ""}, "the signature is not the miner's"),
        (receipt["signature"] | {"public_key": public_key}, "the key is not the miner's"),
        ({"sig": forged, "public_key": public_key}, "the key is not the miner's"),
    ):
        verification = await verified(site, {**receipt, "signature": signature})
        assert verification["valid"] is False
        assert verification["reason"].startswith(reason)
    older = await shown(site, receipt["job_id"], "2026-05-11")
    verification = await verified(site, older | {"public_key": public_key})
    assert verification["reason"] == "the key is not the miner's"


async def test_an_attestation_that_nobody_made_is_found(site: Site) -> None:
    receipt = await shown(site, await site.done(TEXT), "2024-01-01")
    (made,) = receipt["attestations"]
    spoilt = {**receipt, "attestations": [made, made | {"type": "rerun"}]}
    assert (await verified(site, spoilt))["valid"] is False
    # One more may have been made since the receipt was read.
    assert (await verified(site, {**receipt, "attestations": []}))["valid"] is True


async def test_the_receipt_of_another_job_is_not_this_ones(site: Site) -> None:
    first = await shown(site, await site.done(TEXT), "2024-01-01")
    second = await shown(site, await site.done(TEXT), "2024-01-01")
    mixed = {**first, "signature": second["signature"]}
    assert (await verified(site, mixed))["valid"] is False
    mixed = {**first, "job_id": second["job_id"]}
    assert (await verified(site, mixed))["reason"] == "job_id is not what the receipt says"


async def test_a_receipt_that_nobody_knows_is_not_valid(site: Site) -> None:
    printed = printed_request("receipts.verify")["receipt"]
    pending = await site.queued(TEXT)
    for claim in (
        printed,
        {"receipt_id": f"receipt_{'0' * 64}"},
        {"job_id": f"job_{'0' * 64}"},
        {"job_id": pending},
    ):
        verification = await verified(site, claim)
        assert (verification["valid"], verification["miner_signature_valid"]) == (False, False)
        assert verification["coordinator_attestations"] == 0
        assert verification["reason"] == "no final receipt has this id"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/receipt"),
        ({"receipt": "receipt_1"}, "/receipt"),
        ({"receipt": {}}, "/receipt"),
        ({"receipt": {"receipt_id": 5}}, "/receipt/receipt_id"),
        ({"receipt": {"colour": "red"}}, "/receipt/colour"),
        ({"receipt": {"job_id": "JOB", "signature": "%%%%"}}, "/receipt/signature"),
        ({"receipt": {"job_id": "JOB", "signature": "abcde"}}, "/receipt/signature"),
        ({"receipt": {"job_id": "JOB", "signature": {"sig": "é"}}}, "/receipt/signature/sig"),
        ({"receipt": {"job_id": "JOB", "signature": {}}}, "/receipt/signature/sig"),
        ({"receipt": {"job_id": "JOB", "attestations": {}}}, "/receipt/attestations"),
    ],
)
async def test_a_malformed_receipt_is_refused(
    site: Site, body: dict[str, Any], pointer: str
) -> None:
    if body.get("receipt") and isinstance(body["receipt"], dict) and "job_id" in body["receipt"]:
        body = {"receipt": {**body["receipt"], "job_id": await site.done(TEXT)}}
    response = await site.http.post("/v1/receipts/verify", json=body)
    assert (response.status_code, response.json()["error_code"]) == (400, "VALIDATION_ERROR")
    assert response.json()["errors"][0]["pointer"] == pointer


async def test_verification_is_the_same_in_every_version(site: Site) -> None:
    body = {"receipt": {"receipt_id": f"receipt_{'0' * 64}"}}
    for version in VERSIONS:
        response = await site.http.post(
            "/v1/receipts/verify", json=body, headers={"AITBC-Version": version}
        )
        assert (response.status_code, response.json()["valid"]) == (200, False)
        assert response.headers["aitbc-version"] == version

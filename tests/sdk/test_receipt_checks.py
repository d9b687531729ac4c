"""Receipts fetched from a node that lies: what a check finds, and what it cannot."""

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from aitbc import (
    ChainTags,
    InvalidValue,
    ReceiptInvalid,
    SigningKey,
    VerifiedReceipt,
    action_array,
    format_address,
    sign_transaction,
    verify_receipt,
    verify_result,
)
from tests.sdk.scripted_server import Asked, Reply, Script, serving
from tests.sdk.vectors import CHAIN, TAGS, key_of, load
from tests.sdk.ways import WAYS, Way

GENUINE = next(each for each in load("transactions.json") if each["action"] == "post_receipt")
RECEIPT_ID, JOB_ID = f"receipt_{GENUINE['id']}", f"job_{GENUINE['fields']['job_id']}"
MINER = format_address(key_of(GENUINE["signer"]).address)
LIAR = SigningKey(bytes(range(32)))
"""A key that the node made for itself: no miner of the chain."""

DOCUMENT = '{"text":"whatever the node likes"}'
SALT = bytes(32)


def receipt_by(key: SigningKey, job: str = JOB_ID) -> bytes:
    """Return a signed receipt of a key for a job, over `DOCUMENT`."""
    job_id = bytes.fromhex(job.removeprefix("job_"))
    action = action_array(
        "post_receipt",
        job_id=job_id,
        attempt=1,
        client=bytes(20),
        coordinator=bytes(20),
        payload_digest=bytes(32),
        price_cap=1,
        result_digest=TAGS.result_digest(job_id, 1, key.address, SALT, DOCUMENT.encode()),
        units_micro=0,
        unit_type=0,
        price=1,
        model="m",
        started_ms=1,
        completed_ms=2,
    )
    return sign_transaction(TAGS, key, action, fee=0, valid_until_ms=1_000).signed


def node_of(signed: bytes) -> Script:
    """Return a node that answers every question with one receipt, as it was signed; no proofs."""
    found = verify_receipt(TAGS, signed)

    def script(asked: Asked) -> Reply:
        path = urlsplit(asked.path).path
        if path == "/v1/chain/status":
            names = ("chain_id", "genesis_digest")
            return Reply(200, {name: CHAIN[name] for name in names})
        if path.startswith("/v1/proofs/"):
            return Reply(404, {"error_code": "NOT_FOUND", "detail": "it has no proofs"})
        if path.endswith("/transaction"):
            return Reply(200, {"receipt_id": found.receipt_id, "transaction": signed.hex()})
        return Reply(200, {"receipt_id": found.receipt_id, "job_id": found.job_id})

    return script


def checked(way: Way, signed: bytes, receipt_id: str, **expected: Any) -> VerifiedReceipt:
    with serving(node_of(signed)) as server:
        found: VerifiedReceipt = way(
            server.url,
            lambda client: client.receipts.check(receipt_id, tags=TAGS, **expected),
        )
        return found


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("asked", [RECEIPT_ID, JOB_ID])
def test_another_genuine_receipt_is_no_answer(way: Way, asked: str) -> None:
    genuine = checked(way, bytes.fromhex(GENUINE["signed"]), asked)
    assert (genuine.miner, genuine.block) == (MINER, None)
    of_another_job = receipt_by(key_of(GENUINE["signer"]), "job_" + "07" * 32)
    with pytest.raises(ReceiptInvalid) as refusal:
        checked(way, of_another_job, asked, miner=MINER)
    assert refusal.value.field == "receipt_id"


@pytest.mark.parametrize("way", WAYS)
def test_a_receipt_that_the_node_made_itself_is_found_out_by_the_expected_miner(way: Way) -> None:
    key = key_of(GENUINE["signer"]).public_key
    for field, expected in (("miner", MINER), ("public_key", key)):
        with pytest.raises(ReceiptInvalid) as refusal:
            checked(way, receipt_by(LIAR), JOB_ID, **{field: expected})
        assert refusal.value.field == field
        genuine = checked(way, bytes.fromhex(GENUINE["signed"]), JOB_ID, **{field: expected})
        assert genuine.receipt_id == RECEIPT_ID


@pytest.mark.parametrize("way", WAYS)
def test_without_an_expected_miner_any_key_signs_for_any_job(way: Way) -> None:
    """Assignment and finality are not proven by a signature: the documents say so."""
    found = checked(way, receipt_by(LIAR), JOB_ID)
    assert (found.job_id, found.miner) == (JOB_ID, format_address(LIAR.address))
    proof = {"document": DOCUMENT, "salt": SALT.hex()}
    assert verify_result(TAGS, found, proof) == {"text": "whatever the node likes"}


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_an_expected_key_is_taken_as_the_api_shows_it(encode: Callable[[bytes], bytes]) -> None:
    text = encode(key_of(GENUINE["signer"]).public_key).decode()
    for told in (text, text.rstrip("=")):
        found = verify_receipt(TAGS, GENUINE["signed"], miner=MINER.upper(), public_key=told)
        assert found.miner == MINER
    with pytest.raises(ReceiptInvalid, match="public_key"):
        verify_receipt(TAGS, GENUINE["signed"], public_key=encode(LIAR.public_key).decode())


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("miner", ""),
        ("miner", "a-miner"),
        ("public_key", b""),
        ("public_key", ""),
        ("public_key", "not base64!"),
    ],
)
def test_an_expectation_that_names_nobody_is_the_callers_mistake(field: str, expected: Any) -> None:
    with pytest.raises(InvalidValue) as refusal:
        verify_receipt(TAGS, GENUINE["signed"], **{field: expected})
    assert (type(refusal.value), refusal.value.field) == (InvalidValue, field)


def test_a_receipt_of_the_expected_miner_on_another_chain_is_refused() -> None:
    other = ChainTags(f"other-{bytes(8).hex()}", bytes(32))
    with pytest.raises(ReceiptInvalid, match="chain_id"):
        verify_receipt(other, GENUINE["signed"], miner=MINER)

"""Receipts and results are checked offline, over the shared vectors; each change is noticed."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aitbc import (
    ChainTags,
    JsonValue,
    ReceiptInvalid,
    action_array,
    canonical_json,
    format_address,
    sign_transaction,
    verify_receipt,
    verify_result,
)
from tests.sdk.vectors import TAGS, key_of, load

TRANSACTIONS = load("transactions.json")
RECEIPTS = [each for each in TRANSACTIONS if each["action"] == "post_receipt"]
(FIRST, *_) = RECEIPTS
SIGNED = bytes.fromhex(FIRST["signed"])
RESULT = load("digests.json")["result"]


def wire_2026_01_24(vector: Mapping[str, Any]) -> dict[str, JsonValue]:
    """Return the receipt as version 2026-01-24 shows it."""
    fields = vector["fields"]
    return {
        "receipt_id": f"receipt_{vector['id']}",
        "job_id": f"job_{fields['job_id']}",
        "provider": "a-miner",
        "client": format_address(bytes.fromhex(fields["client"])),
        "units": int(fields["units_micro"]) / 10**6,
        "price": int(fields["price"]) / 10**9,
        "model": fields["model"],
        "started_at": int(fields["started_ms"]) // 1_000,
        "completed_at": int(fields["completed_ms"]) // 1_000,
        "signature": {
            "alg": "Ed25519",
            "key_id": base64url(key_of(vector["signer"]).public_key),
            "sig": base64url(bytes.fromhex(vector["signature"])),
        },
    }


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.parametrize("vector", RECEIPTS, ids=lambda vector: vector["name"])
def test_a_receipt_of_the_vectors_says_what_was_signed(vector: Mapping[str, Any]) -> None:
    found = verify_receipt(TAGS, vector["signed"], wire_2026_01_24(vector))
    fields = vector["fields"]
    assert found.receipt_id == f"receipt_{vector['id']}"
    assert found.job_id == f"job_{fields['job_id']}"
    assert (found.price, found.units_micro) == (int(fields["price"]), int(fields["units_micro"]))
    assert found.result_digest.hex() == fields["result_digest"]
    assert found.public_key == key_of(vector["signer"]).public_key
    assert found == verify_receipt(TAGS, bytes.fromhex(vector["signed"]))


@given(at=st.integers(0, len(SIGNED) - 1), flip=st.integers(1, 255))
def test_no_changed_byte_is_a_receipt(at: int, flip: int) -> None:
    changed = bytearray(SIGNED)
    changed[at] ^= flip
    with pytest.raises(ReceiptInvalid):
        verify_receipt(TAGS, bytes(changed))


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("receipt_id", "receipt_" + "0" * 64),
        ("job_id", "job_" + "0" * 64),
        ("client", "ait1other"),
        ("units", 17.5),
        ("price", 99.0),
        ("model", "another"),
        ("started_at", 1),
        ("completed_at", 1),
        ("signature", "AAAA"),
        ("signature", "not base64!"),
        ("signature", {"sig": base64url(bytes(64))}),
        ("signature", {"key_id": base64url(bytes(32))}),
        ("public_key", base64url(bytes(32))),
    ],
)
def test_a_shown_receipt_that_differs_is_refused(member: str, value: JsonValue) -> None:
    shown = {**wire_2026_01_24(FIRST), member: value}
    if member == "public_key":
        del shown["signature"]
    with pytest.raises(ReceiptInvalid):
        verify_receipt(TAGS, SIGNED, shown)


def test_both_alphabets_of_base64_are_taken_padded_or_not() -> None:
    signature = bytes.fromhex(FIRST["signature"])
    key = key_of(FIRST["signer"]).public_key
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(signature).decode()
        for told in (text, text.rstrip("=")):
            verify_receipt(TAGS, SIGNED, {"signature": told})
        named = {"sig": text, "public_key": encode(key).decode()}
        verify_receipt(TAGS, SIGNED, {"signature": named})


def test_a_receipt_of_another_chain_is_refused() -> None:
    digest = bytes(31) + b"\1"
    other = ChainTags(f"other-{digest[:8].hex()}", digest)
    with pytest.raises(ReceiptInvalid, match="chain_id"):
        verify_receipt(other, SIGNED)


def test_another_action_is_no_receipt() -> None:
    transfer = next(each for each in TRANSACTIONS if each["action"] == "transfer")
    with pytest.raises(ReceiptInvalid, match="transfer"):
        verify_receipt(TAGS, transfer["signed"])
    for nothing in ("zz", "", b"", b"\xc1"):
        with pytest.raises(ReceiptInvalid):
            verify_receipt(TAGS, nothing)


# ------------------------------------------------------------------------------------- results


def receipt_over(document: bytes) -> bytes:
    """Return a miner's signed receipt over a result."""
    miner = key_of("miner")
    job_id = bytes.fromhex(RESULT["job_id"])
    digest = TAGS.result_digest(job_id, 2, miner.address, bytes.fromhex(RESULT["salt"]), document)
    action = action_array(
        "post_receipt",
        job_id=job_id,
        attempt=2,
        client=bytes(20),
        coordinator=bytes(20),
        payload_digest=bytes(32),
        price_cap=1,
        result_digest=digest,
        units_micro=0,
        unit_type=0,
        price=1,
        model="m",
        started_ms=1,
        completed_ms=2,
    )
    signed = sign_transaction(TAGS, miner, action, fee=0, valid_until_ms=1_000)
    return signed.signed


def test_a_result_is_the_one_that_its_receipt_names() -> None:
    document = canonical_json(RESULT["json"])
    receipt = verify_receipt(TAGS, receipt_over(document))
    assert receipt.result_digest.hex() == RESULT["digest"]
    proof = {"document": document.decode(), "salt": RESULT["salt"], "attempt": 2}
    assert verify_result(TAGS, receipt, proof) == RESULT["json"]


@pytest.mark.parametrize(
    "changes",
    [
        {"document": json.dumps({"text": "another answer"})},
        {"salt": "00" * 32},
        {"salt": "zz"},
        {"document": None},
        {"salt": 5},
    ],
)
def test_another_result_is_refused(changes: dict[str, JsonValue]) -> None:
    document = canonical_json(RESULT["json"])
    receipt = verify_receipt(TAGS, receipt_over(document))
    proof = {"document": document.decode(), "salt": RESULT["salt"], **changes}
    with pytest.raises(ReceiptInvalid):
        verify_result(TAGS, receipt, proof)

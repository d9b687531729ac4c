"""The SDK's own checker of proof bundles: shared vectors, changed bytes, the ledger's verdict."""

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aitbc import InvalidValue, ProofInvalid, check_proof, format_address, verify_proof
from aitbc.proofs import (
    DOCUMENT_BYTES_MAX,
    BalanceProof,
    Claims,
    GenesisFacts,
    OutcomeProof,
    ReceiptProof,
    TransactionProof,
    read_genesis_bytes,
)
from aitbc.proofs.check import CheckedProof
from ledger.proofs import ProofInvalid as LedgersProofInvalid
from ledger.proofs import Trust, check_bundle
from tests.sdk.vectors import load

VECTORS = load("proofs.json")
TRUSTS = VECTORS["trusts"]
BUNDLES = {each["name"]: each for each in VECTORS["bundles"]}
DIGEST = bytes.fromhex(TRUSTS["pinned"]["genesis_digest"])
TWO_GENESES = "pinned, with another chain's genesis file"
"""A trust that the SDK's caller cannot state: there a genesis is its digest."""


def trust_of(name: str) -> dict[str, Any]:
    """Return the arguments that say what a reader of the vectors brings."""
    told = TRUSTS[name]
    genesis: bytes | GenesisFacts = bytes.fromhex(told["genesis_digest"])
    if told["specification"] is not None:
        genesis = read_genesis_bytes(bytes.fromhex(told["specification"]))
    known = {int(epoch): bytes.fromhex(told) for epoch, told in told["known"].items()}
    return {"genesis": genesis, "known": known}


def changed(bundle: Any, patch: list[dict[str, Any]]) -> Any:
    """Return a bundle with the changes of a vector."""
    made = copy.deepcopy(bundle)
    for change in patch:
        *way, last = change["at"]
        place = made
        for part in way:
            place = place[part]
        if "remove" in change:
            del place[last]
        elif isinstance(place, list) and last == len(place):
            place.append(change["set"])
        else:
            place[last] = change["set"]
    return made


def encoded(bundle: Any) -> bytes:
    return json.dumps(bundle).encode()


# ---------------------------------------------------------------- the vectors


@pytest.mark.parametrize("vector", BUNDLES.values(), ids=BUNDLES)
def test_a_bundle_of_the_vectors_proves_what_is_listed(vector: Mapping[str, Any]) -> None:
    checked = check_proof(encoded(vector["bundle"]), **trust_of(vector["trust"]))
    assert checked.failed is None
    assert all(step.ok and step.detail for step in checked.steps)
    assert checked.claims is not None
    assert plain(checked.claims) == vector["claims"]
    assert checked.kind == vector["bundle"]["kind"]
    assert checked.headers[-1].height >= checked.claims.block.height


def plain(claims: Claims) -> dict[str, Any]:
    """Return claims as the vectors have them."""
    block = claims.block
    members = block.validators.members
    return {
        "chain_id": block.chain_id,
        "block_id": block.block_id.hex(),
        "height": str(block.height),
        "epoch": str(block.epoch),
        "timestamp_ms": str(block.timestamp_ms),
        "validators": [
            {"public_key": m.public_key.hex(), "name": m.name, "payout": m.payout.hex()}
            for m in members
        ],
        "signers": [str([m.name for m in members].index(name)) for name in block.signers],
        "claim": _claim(claims),
    }


def _claim(claims: Claims) -> Any:
    match claims:
        case ReceiptProof():
            found = claims.receipt
            return {
                "transaction_id": found.receipt_id.removeprefix("receipt_"),
                "index": str(claims.index),
                "sender": found.miner,
                "action": "post_receipt",
                "fields": BUNDLES_FIELDS[found.receipt_id],
            }
        case TransactionProof():
            transaction = claims.transaction
            return {
                "transaction_id": transaction.transaction_id.hex(),
                "index": str(claims.index),
                "sender": format_address(transaction.sender),
                "action": transaction.action,
                "fields": {name: _text(value) for name, value in transaction.fields.items()},
            }
        case OutcomeProof():
            told = claims.outcome
            outcome = {
                "kind": str(told.kind_number),
                "cause": told.cause.hex(),
                "object_id": told.object_id.hex(),
                "code": str(told.code),
                "parties": [party.hex() for party in told.parties],
                "amounts": [str(amount) for amount in told.amounts],
            }
            return {"index": str(claims.index), "outcome": outcome}
        case BalanceProof():
            balance = str(claims.balance)
            return {"address": claims.address_text, "exists": claims.is_live, "balance": balance}
    return None


def _text(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


BUNDLES_FIELDS = {
    f"receipt_{each['claims']['claim']['transaction_id']}": each["claims"]["claim"]["fields"]
    for each in BUNDLES.values()
    if each["bundle"]["kind"] == "receipt"
}
"""Fields of the listed receipts: a receipt that is read has them under names of its own."""


def test_a_proven_receipt_says_what_its_miner_signed() -> None:
    claims = verify_proof(encoded(BUNDLES["receipt"]["bundle"]), genesis=DIGEST)
    assert isinstance(claims, ReceiptProof)
    fields, found = BUNDLES["receipt"]["claims"]["claim"]["fields"], claims.receipt
    assert found.job_id == f"job_{fields['job_id']}"
    assert [str(found.price), str(found.units_micro)] == [fields["price"], fields["units_micro"]]
    assert found.client == format_address(bytes.fromhex(fields["client"]))
    assert found.result_digest.hex() == fields["result_digest"]


REFUSED = [each for each in VECTORS["refused"] if each["trust"] != TWO_GENESES]


@pytest.mark.parametrize("vector", REFUSED, ids=lambda vector: vector["name"])
def test_a_bundle_of_the_vectors_is_refused_at_the_listed_step(vector: Mapping[str, Any]) -> None:
    bundle = changed(BUNDLES[vector["base"]]["bundle"], vector["patch"])
    check_is_refused(encoded(bundle), vector)


@pytest.mark.parametrize("vector", VECTORS["malformed"], ids=lambda vector: vector["name"])
def test_a_document_of_the_vectors_is_refused(vector: Mapping[str, Any]) -> None:
    check_is_refused(bytes.fromhex(vector["document"]), vector)


def check_is_refused(document: bytes, vector: Mapping[str, Any]) -> None:
    trust = trust_of(vector["trust"])
    checked = check_proof(document, **trust)
    assert not checked.ok
    assert checked.failed is not None
    assert (checked.failed.name, checked.failed.code) == (vector["step"], vector["code"])
    assert checked.failed.detail
    reached = [step.ok for step in checked.steps]
    assert reached == sorted(reached, key=[True, False, None].index)
    with pytest.raises(ProofInvalid) as refusal:
        verify_proof(document, **trust)
    assert (refusal.value.step, refusal.value.code) == (vector["step"], vector["code"])


def test_every_code_of_the_document_has_a_vector() -> None:
    listed = {each["code"] for each in VECTORS["refused"]} | {"DOCUMENT_TOO_LARGE"}
    assert len(listed) >= 30


def test_a_document_of_too_many_bytes_is_not_read() -> None:
    failed = check_proof(bytes(DOCUMENT_BYTES_MAX + 1)).failed
    assert failed is not None
    assert (failed.name, failed.code) == ("document", "DOCUMENT_TOO_LARGE")


# ---------------------------------------------------------------- what the reader brings


def test_without_a_pin_the_bundles_word_is_taken_for_its_chain_and_that_is_said() -> None:
    document = encoded(BUNDLES["account"]["bundle"])
    checked = check_proof(document)
    assert checked.ok
    assert not checked.is_pinned
    assert "is the bundle's own choice" in checked.steps[1].detail
    assert check_proof(document, genesis=DIGEST).is_pinned


def test_a_digest_of_another_length_is_the_callers_fault() -> None:
    with pytest.raises(InvalidValue, match="32 bytes"):
        check_proof(b"{}", genesis=b"short")


def test_a_genesis_that_was_read_is_a_pin_too() -> None:
    specification = bytes.fromhex(BUNDLES["account"]["bundle"]["genesis"]["specification"])
    genesis = read_genesis_bytes(specification)
    assert genesis.digest == DIGEST
    for name in ("account", "outcome without the genesis specification"):
        claims = verify_proof(encoded(BUNDLES[name]["bundle"]), genesis=genesis)
        assert claims.block.genesis_digest == DIGEST


# ---------------------------------------------------------------- changed bytes


def leaves(value: Any, way: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the way to each text of a bundle."""
    if isinstance(value, str):
        yield way
        return
    parts = value.items() if isinstance(value, dict) else enumerate(value or ())
    for name, part in parts:
        yield from leaves(part, (*way, name))


@st.composite
def changed_bundles(draw: st.DrawFn) -> tuple[str, bytes]:
    """Return the name of a bundle, and it with one text changed."""
    name = draw(st.sampled_from(sorted(BUNDLES)))
    bundle = BUNDLES[name]["bundle"]
    way = draw(st.sampled_from(sorted(leaves(bundle), key=str)))
    text = bundle
    for part in way:
        text = text[part]
    at = draw(st.integers(0, max(0, len(text) - 1)))
    length = draw(st.integers(0, 4))
    put = draw(st.text("0123456789abcdef", max_size=4) | st.text(max_size=2))
    new = text[:at] + put + text[at + length :]
    return name, encoded(changed(bundle, [{"at": list(way), "set": new}]))


def ledgers_verdict(document: bytes, trust: dict[str, Any]) -> tuple[str, str] | None:
    genesis = trust["genesis"]
    digest = genesis.digest if isinstance(genesis, GenesisFacts) else genesis
    specification = None
    if isinstance(genesis, GenesisFacts):
        told = TRUSTS["pinned, with the genesis file"]["specification"]
        specification = bytes.fromhex(told)
    try:
        check_bundle(document, Trust(digest, specification, trust["known"]))
    except LedgersProofInvalid as error:
        return error.step.value, error.fault.value
    return None


def own_verdict(checked: CheckedProof) -> tuple[str, str] | None:
    return None if checked.failed is None else (checked.failed.name, checked.failed.code)


@given(changed_bundles())
@settings(max_examples=150)
def test_a_changed_bundle_never_proves_something_else_and_the_ledger_agrees(
    case: tuple[str, bytes],
) -> None:
    name, document = case
    trust = trust_of(BUNDLES[name]["trust"])
    checked = check_proof(document, **trust)
    if checked.claims is not None:
        assert plain(checked.claims) == BUNDLES[name]["claims"]
    assert own_verdict(checked) == ledgers_verdict(document, trust)


DOCUMENT = encoded(BUNDLES["receipt"]["bundle"])


@given(st.integers(0, len(DOCUMENT) - 1), st.binary(max_size=3), st.integers(0, 3))
@settings(max_examples=150)
def test_changed_bytes_of_a_document_never_prove_something_else(
    at: int, put: bytes, length: int
) -> None:
    document = DOCUMENT[:at] + put + DOCUMENT[at + length :]
    checked = check_proof(document, genesis=DIGEST)
    if checked.claims is not None:
        assert plain(checked.claims) == BUNDLES["receipt"]["claims"]
    assert own_verdict(checked) == ledgers_verdict(document, {"genesis": DIGEST, "known": {}})


@given(st.binary(max_size=64) | st.text(max_size=64).map(str.encode))
def test_whatever_is_given_has_a_verdict(document: bytes) -> None:
    checked = check_proof(document)
    assert checked.failed is not None
    assert checked.failed.name == "document"

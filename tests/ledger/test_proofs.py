"""Proof bundles: the vectors, and that no byte of one can be changed unnoticed."""

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.proofs import DOCUMENT_BYTES_MAX, Fault, ProofInvalid, Step, Trust, check_bundle
from tests.vectors.catalogue import FOLDER
from tests.vectors.proof_cuts import patched
from tests.vectors.proofs import claims, trust_of

VECTORS: Any = json.loads((FOLDER / "proofs.json").read_text(encoding="utf-8"))
BUNDLES = {case["name"]: case for case in VECTORS["bundles"]}


def trusted(name: str) -> Trust:
    return trust_of(VECTORS["trusts"][name])


def document(bundle: Any) -> bytes:
    return json.dumps(bundle).encode()


def refusal(data: bytes, trust: Trust) -> tuple[str, str]:
    with pytest.raises(ProofInvalid) as refused:
        check_bundle(data, trust)
    return refused.value.step, refused.value.fault


@pytest.mark.parametrize("name", BUNDLES)
def test_a_bundle_that_holds_proves_what_is_listed(name: str) -> None:
    case = BUNDLES[name]
    proved = check_bundle(document(case["bundle"]), trusted(case["trust"]))
    assert claims(proved) == case["claims"]


def test_each_bundle_that_does_not_hold_is_refused_at_its_step_with_its_code() -> None:
    wrong = {}
    for case in VECTORS["refused"]:
        bundle = patched(BUNDLES[case["base"]]["bundle"], case["patch"])
        verdict = refusal(document(bundle), trusted(case["trust"]))
        if verdict != (case["step"], case["code"]):
            wrong[case["name"]] = verdict
    assert wrong == {}


def test_what_is_no_bundle_is_malformed() -> None:
    for case in VECTORS["malformed"]:
        data = bytes.fromhex(case["document"])
        assert refusal(data, trusted(case["trust"])) == (case["step"], case["code"]), case["name"]


def test_a_document_that_is_too_long_is_not_read() -> None:
    verdict = refusal(b" " * (DOCUMENT_BYTES_MAX + 1), trusted("pinned"))
    assert verdict == (Step.DOCUMENT, Fault.DOCUMENT_TOO_LARGE)


def test_every_step_and_every_code_has_a_vector() -> None:
    cases = [*VECTORS["refused"], *VECTORS["malformed"]]
    assert {case["step"] for case in cases} == {step.value for step in Step}
    listed = {case["code"] for case in cases} | {Fault.DOCUMENT_TOO_LARGE.value}
    assert listed == {fault.value for fault in Fault}


@cache
def written(name: str) -> bytes:
    return document(BUNDLES[name]["bundle"])


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_changing_any_byte_of_a_bundle_is_refused_or_changes_no_claim(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(BUNDLES)), "bundle")
    changed = bytearray(written(name))
    at = data.draw(st.integers(0, len(changed) - 1), "position")
    # As a rule another digit, which gets further than what is no hex.
    other = data.draw(st.one_of(st.sampled_from(b"0123456789abcdef"), st.integers(0, 255)), "byte")
    changed[at] = other
    try:
        proved = check_bundle(bytes(changed), trusted(BUNDLES[name]["trust"]))
    except ProofInvalid:
        return
    assert claims(proved) == BUNDLES[name]["claims"]

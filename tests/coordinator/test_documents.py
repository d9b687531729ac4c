"""Payload and result documents agree with the shared vectors."""

import json
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from coordinator.errors import InvalidRequest
from coordinator.jobs import JobSpec
from coordinator.jobs.documents import (
    canonical_json,
    payload_bytes,
    payload_digest,
    result_digest,
)
from coordinator.jobs.results import artifact_refs, digest_of, result_document
from coordinator.leases import Output
from coordinator.miners import MinerRegistration, OwnKey
from coordinator.miners.capabilities import digest_of_document, document_of
from coordinator.miners.challenges import challenge_message
from ledger.hashing import Tags

VECTORS = Path(__file__).parent.parent / "vectors"


@pytest.fixture(scope="module")
def digests() -> Any:
    return json.loads((VECTORS / "digests.json").read_text())


@pytest.fixture(scope="module")
def chain() -> Any:
    return json.loads((VECTORS / "chain.json").read_text())


def test_payloads_are_the_vectors(digests: Any, chain: Any) -> None:
    vector = digests["payload"]
    content = vector["json"]
    spec = JobSpec(
        service=content["service"],
        api_version="2026-05-11",
        model=content["model"],
        input=content["input"],
        params=content["params"],
    )
    payload = payload_bytes(spec)
    assert payload.hex() == vector["canonical_json"]
    digest = payload_digest(_tags(chain), bytes.fromhex(vector["blind"]), payload)
    assert digest.hex() == vector["digest"]


def test_results_are_the_vectors(digests: Any, chain: Any) -> None:
    vector = digests["result"]
    document = result_document(Output(text=vector["json"]["text"], metadata={"tokens": 2}))
    assert document.hex() == vector["canonical_json"]
    place = (
        bytes.fromhex(vector["job_id"]),
        int(vector["attempt"]),
        bytes.fromhex(vector["miner"]),
    )
    digest = result_digest(_tags(chain), place, bytes.fromhex(vector["salt"]), document)
    assert digest.hex() == vector["digest"]


def test_challenges_and_capabilities_are_the_vectors(digests: Any, chain: Any) -> None:
    vector = digests["challenge"]
    answer = OwnKey(
        public_key=bytes.fromhex(vector["public_key"]),
        nonce=bytes.fromhex(vector["nonce"]),
        expires_at_ms=int(vector["expires_at_ms"]),
        signature=bytes(64),
        transaction=b"",
    )
    message = challenge_message(
        _tags(chain), chain["chain_id"], bytes.fromhex(vector["coordinator"]), answer
    )
    assert message.hex() == vector["message"]
    declared = digests["capabilities"]["json"]
    document = document_of(
        MinerRegistration(
            name="any",
            capabilities=tuple(declared["capabilities"]),
            aliases=declared["aliases"],
            gpu_info=declared["gpu_info"],
            price_text=declared["price"],
        )
    )
    assert document.encode().hex() == digests["capabilities"]["canonical_json"]
    assert digest_of_document(document).hex() == digests["capabilities"]["digest"]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    # Beyond 2^53 a number's shortest text has digits that it never had; it stays the same float.
    | st.floats(-(2.0**53), 2.0**53)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
def test_canonical_json_is_json_of_the_same_value(value: Any) -> None:
    assert json.loads(canonical_json(value, "x")) == value


@given(JSON)
def test_canonical_json_is_what_the_standards_own_writer_writes(value: Any) -> None:
    assert canonical_json(value, "x") == rfc8785.dumps(value)


@pytest.mark.parametrize(
    "value",
    [
        0.7,
        1e-3,
        9.99e-4,
        -0.0,
        1.0,
        1e15,
        1e16,
        1e21,
        5e-324,
        2**53 - 1,
        {"\ue000": 1, "\U0001f600": 2},
    ],
    ids=repr,
)
def test_numbers_and_names_that_writers_differ_in_are_written_by_the_standard(value: Any) -> None:
    assert canonical_json(value, "x") == rfc8785.dumps(value)


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 2**53 + 1, "\udfff", {"\ud800": 1}], ids=repr
)
def test_what_json_cannot_carry_unchanged_is_refused(value: Any) -> None:
    with pytest.raises(InvalidRequest):
        canonical_json(value, "x")


@pytest.mark.parametrize("depth", [33, 1_000, 100_000])
def test_deep_nesting_is_refused_without_recursion(depth: int) -> None:
    value: Any = []
    for _ in range(depth):
        value = {"a": value}
    with pytest.raises(InvalidRequest, match="deeper"):
        canonical_json(value, "x")


@given(st.text() | st.binary(min_size=32, max_size=32).map(lambda d: f"sha256:{d.hex()}"))
def test_only_the_one_spelling_of_a_digest_is_one(text: str) -> None:
    digest = digest_of(text)
    assert digest is None or text == f"sha256:{digest.hex()}"


def test_artifacts_may_be_named_in_short_or_with_details() -> None:
    name = "sha256:" + "ab" * 32
    short, full = artifact_refs(
        [name, {"artifact": f"artifact:{name}", "size": 7, "name": "a.mp4", "media_type": "x/y"}]
    )
    assert short.artifact == full.artifact == name
    assert (full.size, full.name, full.media_type) == (7, "a.mp4", "x/y")


def _tags(chain: Any) -> Tags:
    return Tags(bytes.fromhex(chain["genesis_digest"]))

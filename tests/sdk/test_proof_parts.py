"""What proofs are made of, on the ledger's vectors: headers, sets, certificates, trees, genesis."""

import hashlib
import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aitbc import InvalidValue, ProofInvalid
from aitbc.proofs.canonical import decode
from aitbc.proofs.finality import check_final, set_from, usable_set
from aitbc.proofs.genesis import (
    PARAMETERS,
    canonical_genesis,
    read_genesis_bytes,
    read_genesis_document,
)
from aitbc.proofs.header import Header, read_header
from aitbc.proofs.records import OUTCOME_KINDS, read_balance, read_outcome
from aitbc.proofs.trees import root_over_path, state_entry, state_root
from aitbc.proofs.validators import (
    Validator,
    ValidatorSet,
    read_certificate,
    read_validator_set,
)
from genesis import build_genesis, genesis_text
from genesis.document import document_of
from genesis.spec import canonical_bytes
from ledger.outcomes import OutcomeKind
from ledger.params import Parameters
from tests.genesis.test_specification import example
from tests.sdk.vectors import TAGS, load

BLOCKS = load("blocks.json")
VOTES = load("votes.json")
MERKLE_TREES = load("merkle_trees.json")
STATE_TREES = load("state_trees.json")


def raw(text: str) -> bytes:
    return bytes.fromhex(text)


def test_headers_and_their_ids_are_those_listed() -> None:
    for each in BLOCKS["blocks"]:
        header = read_header(TAGS, raw(each["header_bytes"]))
        assert header.block_id.hex() == each["id"]
        for name, told in each["header"].items():
            value = getattr(header, name)
            assert (value.hex() if isinstance(value, bytes) else str(value)) == told


def test_the_validator_set_has_the_hash_that_is_listed() -> None:
    told = BLOCKS["validator_set"]
    members = read_validator_set(raw(told["bytes"]))
    assert members.canonical.hex() == told["bytes"]
    assert members.hash(TAGS).hex() == told["hash"]


def test_certificates_have_the_listed_verdict() -> None:
    keys = [raw(each["public_key"]) for each in VOTES["members"]]
    members = ValidatorSet(tuple(Validator(key, f"v-{i}", bytes(20)) for i, key in enumerate(keys)))
    assert members.quorum == int(VOTES["quorum"])
    codes = {"valid": None, "VOTE_FORGED": "SIGNATURE_INVALID"}
    codes |= {"SIGNERS_NOT_DISTINCT": "SIGNERS_NOT_ASCENDING"}
    for case in VOTES["certificates"]:
        certificate = read_certificate(raw(case["bytes"]))
        header = made_for(certificate.block_id, certificate.epoch, certificate.view)
        found = None
        try:
            check_final(TAGS, members, header, raw(case["bytes"]))
        except ProofInvalid as error:
            found = error.code
        if certificate.kind_name != "finalization":
            assert found == "CERTIFICATE_NOT_FINALIZE", case["name"]
        elif case["verdict"] == "EPOCH_WRONG":
            # The vote of another epoch is a good one where the block is of that epoch.
            assert found is None
        else:
            assert found == codes.get(case["verdict"], case["verdict"]), case["name"]


def made_for(block_id: bytes, epoch: int, view: int) -> Header:
    """Return a header that a certificate is of."""
    header = read_header(TAGS, raw(BLOCKS["blocks"][0]["header_bytes"]))
    return replace(header, block_id=block_id, epoch=epoch, view=view)


def test_keys_that_libraries_differ_on_make_a_set_unusable() -> None:
    refused = 0
    for case in load("public_keys.json")["invalid"]:
        key = raw(case["public_key"])
        if not case["why"].startswith(("small order", "not canonical")):
            continue  # What takes arithmetic to tell is found where a signature is checked.
        with pytest.raises(ProofInvalid, match="SET_KEY_INVALID"):
            set_from(ValidatorSet((Validator(key, "one", bytes(20)),)).canonical)
        refused += 1
    assert refused > 5


@pytest.mark.parametrize("count", [0, 2, 101])
def test_a_set_has_1_to_100_distinct_members(count: int) -> None:
    same = Validator(raw(VOTES["members"][0]["public_key"]), "one", bytes(20))
    members = ValidatorSet((same,) * count)
    with pytest.raises(ProofInvalid, match="SET_MALFORMED"):
        usable_set(members)
    with pytest.raises(ProofInvalid, match="SET_MALFORMED"):
        set_from(members.canonical)


@pytest.mark.parametrize("tree", MERKLE_TREES["trees"], ids=lambda tree: tree["count"])
def test_paths_of_transaction_trees_lead_to_the_root(tree: dict[str, Any]) -> None:
    leaves = [raw(leaf) for leaf in MERKLE_TREES["leaves"]]
    count = int(tree["count"])
    for index, told in enumerate(tree["paths"]):
        path = [raw(each) for each in told]
        assert root_over_path(leaves[index], index, count, path) == raw(tree["root"])
        assert root_over_path(leaves[index], index, count, [*path, bytes(32)]) is None
        if path:
            assert root_over_path(leaves[index], index, count, path[:-1]) is None
            assert root_over_path(leaves[index], index, count, [*path[:-1], b"short"]) is None
        assert root_over_path(leaves[index], count, count, path) is None


@pytest.mark.parametrize("tree", STATE_TREES, ids=lambda tree: tree["name"])
def test_state_proofs_have_the_listed_verdict(tree: dict[str, Any]) -> None:
    for case in tree["proofs"]:
        assert holds(tree, case)
    for case in tree["wrong_proofs"]:
        assert not holds(tree, case)


def holds(tree: dict[str, Any], case: dict[str, Any]) -> bool:
    blob, key = raw(case["blob"]), raw(case["key"])
    siblings = [raw(each) for each in case["siblings"]]
    value = None if case["value"] is None else hashlib.sha256(raw(case["value"])).digest()
    try:
        is_said = state_entry(blob, key) == value
    except ValueError:
        return False
    return is_said and state_root(blob, siblings, key, int(tree["buckets"])) == raw(tree["root"])


@pytest.mark.parametrize("blob", [bytes(63), bytes(64 * 65), bytes(128)])
def test_entries_that_no_tree_has_are_refused(blob: bytes) -> None:
    with pytest.raises(ValueError, match="entries"):
        state_entry(blob, b"key")


def test_outcomes_and_balances_are_those_listed() -> None:
    kinds = {kind.value: kind.name.lower().replace("_", " ") for kind in OutcomeKind}
    assert kinds == OUTCOME_KINDS
    for each in load("outcomes.json")["records"]:
        found, told = read_outcome(raw(each["bytes"])), each["fields"]
        assert found.kind == each["kind"].lower().replace("_", " ")
        assert (found.cause.hex(), found.object_id.hex()) == (told["cause"], told["object_id"])
        assert found.code == int(told["code"])
        assert [each.hex() for each in found.parties] == told["parties"]
        assert [str(each) for each in found.amounts] == told["amounts"]
    (account, *_) = [each for each in load("records.json") if each["table"] == "ACCOUNT"]
    assert str(read_balance(raw(account["value"]))) == account["fields"]["balance"]


@given(st.binary(max_size=200))
def test_hostile_bytes_are_refused_or_read_never_anything_else(data: bytes) -> None:
    for read in (read_outcome, read_balance, read_certificate, read_validator_set, header_of):
        with suppress(InvalidValue):
            read(data)


def header_of(data: bytes) -> object:
    return read_header(TAGS, data)


@given(
    st.recursive(
        st.binary(max_size=40) | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=40),
        lambda inner: st.lists(inner, max_size=20),
    )
)
@settings(max_examples=50)
def test_what_is_not_canonical_is_refused(value: Any) -> None:
    data = msgpack.packb(value)
    assert decode("value", data, len(data)) == value
    with pytest.raises(InvalidValue):
        decode("value", data + b"\0", 1 << 20)
    with pytest.raises(InvalidValue, match="more than"):
        decode("value", data, len(data) - 1)


@pytest.mark.parametrize(
    "data", [b"\xcc\x01", b"\xdc\0\x01\x01", b"\xd9\x01a", b"\x81\x90\x01", b""]
)
def test_longer_forms_maps_of_arrays_and_nothing_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidValue):
        decode("value", data, 64)


# ---------------------------------------------------------------- genesis


def test_the_digest_of_a_genesis_is_the_ledgers() -> None:
    spec = replace(example(), buckets=512)
    genesis = build_genesis(spec)
    found = read_genesis_document(genesis_text(genesis))
    assert (found.tags.chain_id, found.digest) == (genesis.chain_id, genesis.digest)
    assert found.validators.hash(found.tags) == genesis.block.header.validator_set_hash
    assert (found.buckets, found.timestamp_ms) == (512, spec.timestamp_ms)
    assert canonical_genesis(document_of(spec)) == canonical_bytes(spec)
    assert Parameters.__struct_fields__ == PARAMETERS
    same = read_genesis_bytes(canonical_bytes(spec))
    assert (same.digest, same.validators) == (found.digest, found.validators)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"genesis_digest": "00" * 32}, "genesis_digest: does not follow"),
        ({"chain_id": "proofs-0"}, "chain_id: does not follow"),
        ({"format": "aitbc-genesis/2"}, "no built genesis"),
        ({"spec": []}, "must be an object"),
    ],
)
def test_a_changed_genesis_file_is_refused(change: dict[str, Any], told: str) -> None:
    document = json.loads(genesis_text(build_genesis(example())))
    with pytest.raises(InvalidValue, match=told):
        read_genesis_document(json.dumps({**document, **change}).encode())

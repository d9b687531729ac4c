"""The committed vectors against the ledger, and against `msgpack` and hashlib alone."""

import hashlib
import json
from pathlib import Path
from typing import Any

import msgpack
import nacl.bindings
import nacl.exceptions
import pytest

from ledger import block, transaction
from ledger.codec import encode
from ledger.errors import AddressInvalid, CodecError, KeyInvalid
from ledger.hashing import Purpose, Tags, chain_id_of
from ledger.keys import KeyPair, address_of, check_public_key, parse_address, verify
from ledger.merkle import merkle_root, verify_inclusion
from ledger.records import decode_record
from ledger.state_proof import StateProof, verify_state_proof
from tests.vectors.__main__ import main
from tests.vectors.catalogue import FILES, FOLDER, changed_files, contents
from tests.vectors.malformed import CODECS


def load(name: str) -> Any:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


CHAIN = load("chain.json")
TRANSACTIONS = load("transactions.json")


def tag(purpose: str) -> bytes:
    return sha(f"aitbc/1/{purpose}/{CHAIN['genesis_digest']}".encode())


@pytest.mark.parametrize("name", sorted(FILES))
def test_regenerating_gives_the_committed_file(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == contents(name)


def test_no_vector_file_is_without_a_generator() -> None:
    assert {path.name for path in Path(FOLDER).glob("*.json")} == set(FILES)


def test_vectors_are_written_only_when_the_flag_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tests.vectors.catalogue.FOLDER", tmp_path)
    monkeypatch.setattr("tests.vectors.catalogue.FILES", {"chain.json": FILES["chain.json"]})
    monkeypatch.setattr("tests.vectors.__main__.FOLDER", tmp_path)
    assert main([]) == 1
    assert list(tmp_path.iterdir()) == []
    assert main(["--wirte"]) == 2
    assert main(["--write"]) == 0
    assert main([]) == 0
    assert changed_files() == []
    assert "wrote: tests/vectors/chain.json" in capsys.readouterr().out


def test_tags_are_closed_and_bound_to_purpose_and_genesis() -> None:
    assert list(CHAIN["tags"]) == [purpose.value for purpose in Purpose]
    assert CHAIN["tags"] == {name: tag(name).hex() for name in CHAIN["tags"]}
    digest = bytes.fromhex(CHAIN["genesis_digest"])
    assert CHAIN["chain_id"] == chain_id_of("vectors", digest)
    other = Tags(bytes(32))
    assert all(other[p].hex() != CHAIN["tags"][p.value] for p in Purpose)


def test_keys_and_addresses_follow_from_their_seeds() -> None:
    for key in CHAIN["keys"].values():
        pair = KeyPair(bytes.fromhex(key["seed"]))
        assert pair.public_key.hex() == key["public_key"]
        assert sha(pair.public_key)[:20].hex() == key["address_bytes"] == pair.address.hex()
        assert parse_address(key["address"]).hex() == key["address_bytes"]


def test_address_texts_are_accepted_and_refused_as_listed() -> None:
    vectors = load("addresses.json")
    for good in vectors["valid"]:
        assert parse_address(good["address"]).hex() == good["bytes"]
        assert parse_address(good["address"].upper()).hex() == good["bytes"]
    for wrong in vectors["invalid"]:
        with pytest.raises(AddressInvalid):
            parse_address(wrong["text"])


def test_public_keys_are_accepted_and_refused_as_listed() -> None:
    vectors = load("public_keys.json")
    for good in vectors["valid"]:
        check_public_key(bytes.fromhex(good))
    assert len(vectors["invalid"]) == 34
    for wrong in vectors["invalid"]:
        with pytest.raises(KeyInvalid):
            check_public_key(bytes.fromhex(wrong["public_key"]))


def test_signatures_have_the_listed_verdict() -> None:
    cases = load("signatures.json")
    assert {case["valid"] for case in cases} == {True, False}
    for case in cases:
        key, message, signature = (
            bytes.fromhex(case[name]) for name in ("public_key", "message", "signature")
        )
        assert verify(key, message, signature) is case["valid"], case["name"]


@pytest.mark.parametrize("case", TRANSACTIONS, ids=lambda case: case["name"])
def test_a_transactions_bytes_id_and_signature_follow_without_the_ledger(
    case: dict[str, Any],
) -> None:
    unsigned, signed = bytes.fromhex(case["unsigned"]), bytes.fromhex(case["signed"])
    fields = msgpack.unpackb(unsigned)
    assert msgpack.packb(fields) == unsigned
    assert fields[:3] == [1, CHAIN["chain_id"], public_key(case["signer"])]
    assert fields[4:] == [
        int(case["fee"]),
        int(case["valid_until_ms"]),
        bytes.fromhex(case["salt"]),
    ]
    assert [as_text(value) for value in fields[3][1:]] == list(case["fields"].values())
    identifier = sha(tag("tx"), unsigned)
    assert identifier.hex() == case["id"]
    signature = bytes.fromhex(case["signature"])
    assert msgpack.packb([fields, signature]) == signed
    nacl.bindings.crypto_sign_open(
        signature + tag("tx-sign") + identifier, public_key(case["signer"])
    )
    leaf = identifier + int(case["valid_until_ms"]).to_bytes(8, "big") + sha(signature)
    assert leaf.hex() == case["leaf"]


def test_a_signature_is_of_no_use_for_another_purpose_or_chain() -> None:
    case = TRANSACTIONS[0]
    signature, identifier = bytes.fromhex(case["signature"]), bytes.fromhex(case["id"])
    for wrong_tag in (tag("tx"), tag("header"), sha(b"aitbc/1/tx-sign/" + b"00" * 32)):
        with pytest.raises(nacl.exceptions.BadSignatureError):
            nacl.bindings.crypto_sign_open(
                signature + wrong_tag + identifier, public_key(case["signer"])
            )


@pytest.mark.parametrize("case", TRANSACTIONS, ids=lambda case: case["name"])
def test_the_ledger_decodes_each_transaction_to_its_fields(case: dict[str, Any]) -> None:
    signed = transaction.CODEC.decode(bytes.fromhex(case["signed"]))
    assert encode(signed.transaction).hex() == case["unsigned"]
    tags = Tags(bytes.fromhex(CHAIN["genesis_digest"]))
    identifier = transaction.transaction_id(tags, signed.transaction)
    assert identifier.hex() == case["id"]
    assert transaction.transaction_id_of_bytes(tags, bytes.fromhex(case["signed"])) == identifier
    assert signed.transaction.sender == address_of(public_key(case["signer"]))
    transaction.verify_signature(tags, identifier, signed)


@pytest.mark.parametrize("case", load("evidence.json")["cases"], ids=lambda case: case["name"])
def test_evidence_follows_without_the_ledger(case: dict[str, Any]) -> None:
    """Epoch and view, the pair of kinds, both signatures: the verdict from arrays alone."""
    purposes = {"1": "notarize", "2": "nullify", "3": "finalize"}
    accused = bytes.fromhex(case["authority"])
    statements, valid = [], True
    for which in ("first", "second"):
        statement, signature = case[which]
        numbers = [int(part) for part in statement[:4]]
        array = [*numbers, *(bytes.fromhex(part) for part in statement[4:])]
        message = tag(purposes[statement[0]]) + msgpack.packb(array)
        assert message.hex() == case[f"{which}_message"]
        statements.append(array)
        try:
            nacl.bindings.crypto_sign_open(bytes.fromhex(signature) + message, accused)
        except nacl.exceptions.BadSignatureError:
            valid = False
    one, two = statements
    kinds = {one[0], two[0]}
    contradict = one[1:3] == two[1:3] and one != two and kinds in ({1}, {3}, {2, 3})
    assert (case["code"] is None) == (contradict and valid)


def test_digests_follow_without_the_ledger() -> None:
    vectors = load("digests.json")
    payload, result, challenge = vectors["payload"], vectors["result"], vectors["challenge"]
    blind, data = bytes.fromhex(payload["blind"]), bytes.fromhex(payload["canonical_json"])
    assert json.loads(data) == payload["json"]
    assert sha(tag("payload"), blind, sha(data)).hex() == payload["digest"]
    parts = [bytes.fromhex(result[name]) for name in ("job_id", "miner", "salt", "canonical_json")]
    attempt = int(result["attempt"]).to_bytes(8, "big")
    joined = parts[0] + attempt + parts[1] + parts[2] + sha(parts[3])
    assert sha(tag("result"), joined).hex() == result["digest"]
    names = ("coordinator", "public_key", "nonce")
    fields = [CHAIN["chain_id"], *(bytes.fromhex(challenge[name]) for name in names)]
    message = tag("challenge") + msgpack.packb([*fields, int(challenge["expires_at_ms"])])
    assert message.hex() == challenge["message"]
    signature = bytes.fromhex(challenge["signature"])
    nacl.bindings.crypto_sign_open(signature + message, public_key("miner"))


def test_blocks_commit_to_their_transactions() -> None:
    vectors = load("blocks.json")
    set_bytes = bytes.fromhex(vectors["validator_set"]["bytes"])
    assert sha(tag("validator-set"), set_bytes).hex() == vectors["validator_set"]["hash"]
    leaves = [bytes.fromhex(case["leaf"]) for case in TRANSACTIONS]
    for case, own_leaves in zip(vectors["blocks"], ([], leaves), strict=True):
        header, data = bytes.fromhex(case["header_bytes"]), bytes.fromhex(case["bytes"])
        assert sha(tag("header"), header).hex() == case["id"]
        decoded = block.CODEC.decode(data)
        assert encode(decoded) == data
        assert encode(decoded.header) == header
        body = [msgpack.unpackb(bytes.fromhex(signed)) for signed in case["transactions"]]
        assert msgpack.packb([msgpack.unpackb(header), body]) == data
        assert merkle_root(own_leaves).hex() == case["header"]["transaction_root"]
        assert [as_text(value) for value in msgpack.unpackb(header)] == list(
            case["header"].values()
        )


def test_outcomes_and_records_decode_to_the_same_bytes() -> None:
    outcomes = load("outcomes.json")
    data = [bytes.fromhex(record["bytes"]) for record in outcomes["records"]]
    assert [encode(CODECS["outcome"].decode(one)) for one in data] == data
    assert merkle_root(data).hex() == outcomes["root"]
    for case in load("records.json"):
        key, value = bytes.fromhex(case["key"]), bytes.fromhex(case["value"])
        assert encode(decode_record(key, value)) == value
        assert msgpack.packb(msgpack.unpackb(value)) == value
        assert key[1:].hex() == case["id"]


@pytest.mark.parametrize("case", load("malformed.json"), ids=lambda c: f"{c['type']}: {c['why']}")
def test_malformed_bytes_are_refused_with_the_listed_code(case: dict[str, str]) -> None:
    with pytest.raises(CodecError) as refusal:
        CODECS[case["type"]].decode(bytes.fromhex(case["bytes"]))
    assert refusal.value.code == case["code"]


def test_merkle_paths_lead_to_their_roots_and_to_no_other() -> None:
    vectors = load("merkle_trees.json")
    leaves = [bytes.fromhex(leaf) for leaf in vectors["leaves"]]
    assert [sha(b"\x00", leaf).hex() for leaf in leaves] == vectors["leaf_hashes"]
    for tree in vectors["trees"]:
        count, root = int(tree["count"]), bytes.fromhex(tree["root"])
        assert merkle_root(leaves[:count]) == root
        assert len(tree["paths"]) == count
        for index, hexes in enumerate(tree["paths"]):
            path = [bytes.fromhex(sibling) for sibling in hexes]
            assert verify_inclusion(root, leaves[index], index, count, path)
            assert not verify_inclusion(root, leaves[index - 1], index, count, path) or count == 1


def test_state_proofs_hold_and_wrong_ones_do_not() -> None:
    trees = load("state_trees.json")
    for tree in trees:
        root, buckets = bytes.fromhex(tree["root"]), int(tree["buckets"])
        for claim in tree["proofs"]:
            assert verify_state_proof(root, buckets, *proof_of(claim)), tree["name"]
        for claim in tree["wrong_proofs"]:
            assert not verify_state_proof(root, buckets, *proof_of(claim)), claim["why"]
    assert sum(len(tree["wrong_proofs"]) for tree in trees) == 16


def proof_of(claim: dict[str, Any]) -> tuple[bytes, bytes | None, StateProof]:
    value = None if claim["value"] is None else bytes.fromhex(claim["value"])
    siblings = tuple(bytes.fromhex(sibling) for sibling in claim["siblings"])
    return (
        bytes.fromhex(claim["key"]),
        value,
        StateProof(bytes.fromhex(claim["blob"]), siblings),
    )


def public_key(role: str) -> bytes:
    return bytes.fromhex(CHAIN["keys"][role]["public_key"])


def as_text(value: object) -> object:
    """Write a decoded value as the vector files do."""
    if isinstance(value, list):
        return [as_text(part) for part in value]
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

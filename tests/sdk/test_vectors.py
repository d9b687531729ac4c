"""The SDK against the vectors that the ledger made."""

import pickle
from typing import Any

import pytest

from aitbc import (
    ChainTags,
    InvalidValue,
    action_array,
    address_of,
    canonical_json,
    format_address,
    parse_address,
    read_transaction,
    sign_transaction,
)
from aitbc.actions import ACTIONS
from aitbc.field_checks import FieldValue
from aitbc.governance import check_contradiction, motion_array, prove_possession
from tests.sdk.vectors import CHAIN, TAGS, key_of, load

TRANSACTIONS = load("transactions.json")
EVIDENCE = load("evidence.json")
REFUSED = [case for case in load("malformed.json") if case["type"] == "transaction"]


def fields_of(case: dict[str, Any]) -> dict[str, FieldValue]:
    """Return the fields as the SDK takes them; vectors hold integers as text and bytes as hex."""
    template = read_transaction(TAGS, bytes.fromhex(case["signed"])).fields
    return {name: _typed(template[name], value) for name, value in case["fields"].items()}


def _typed(like: FieldValue, value: Any) -> FieldValue:
    if isinstance(like, list):
        return [_typed(one, part) for one, part in zip(like, value, strict=True)]
    if like is None:
        assert value is None
        return None
    if isinstance(like, bytes):
        return bytes.fromhex(value)
    if isinstance(like, bool):
        return bool(value)
    return int(value) if isinstance(like, int) else str(value)


def test_tags_are_those_of_the_chain() -> None:
    assert {name: TAGS.tag(name).hex() for name in CHAIN["tags"]} == CHAIN["tags"]


def test_another_chains_id_is_refused() -> None:
    with pytest.raises(InvalidValue, match="chain_id"):
        ChainTags("vectors-0000000000000000", TAGS.genesis_digest)
    with pytest.raises(InvalidValue, match="genesis_digest"):
        ChainTags(CHAIN["chain_id"], b"short")


def test_keys_and_addresses_follow_from_their_seeds() -> None:
    for role, told in CHAIN["keys"].items():
        key = key_of(role)
        assert key.public_key.hex() == told["public_key"]
        assert address_of(key.public_key).hex() == told["address_bytes"]
        assert format_address(key.address) == told["address"]


def test_address_texts_are_accepted_and_refused_as_listed() -> None:
    vectors = load("addresses.json")
    for good in vectors["valid"]:
        assert parse_address(good["address"]).hex() == good["bytes"]
        assert parse_address(good["address"].upper()).hex() == good["bytes"]
        assert format_address(bytes.fromhex(good["bytes"])) == good["address"]
    for wrong in vectors["invalid"]:
        with pytest.raises(InvalidValue, match="address"):
            parse_address(wrong["text"])


def test_every_action_has_a_vector() -> None:
    assert {case["action"] for case in TRANSACTIONS} == set(ACTIONS)


@pytest.mark.parametrize("case", TRANSACTIONS, ids=lambda case: case["name"])
def test_signing_gives_the_listed_bytes(case: dict[str, Any]) -> None:
    signed = sign_transaction(
        TAGS,
        key_of(case["signer"]),
        action_array(case["action"], **fields_of(case)),
        fee=int(case["fee"]),
        valid_until_ms=int(case["valid_until_ms"]),
        salt=bytes.fromhex(case["salt"]),
    )
    assert signed.transaction_id.hex() == case["id"]
    assert signed.signed.hex() == case["signed"]


@pytest.mark.parametrize("case", TRANSACTIONS, ids=lambda case: case["name"])
def test_reading_gives_back_what_was_signed(case: dict[str, Any]) -> None:
    found = read_transaction(TAGS, bytes.fromhex(case["signed"]))
    assert found.transaction_id.hex() == case["id"]
    assert found.sender == key_of(case["signer"]).address
    assert (found.action, found.fields) == (case["action"], fields_of(case))
    assert (found.fee, found.valid_until_ms) == (int(case["fee"]), int(case["valid_until_ms"]))


@pytest.mark.parametrize("case", TRANSACTIONS, ids=lambda case: case["name"])
def test_a_changed_byte_anywhere_is_refused(case: dict[str, Any]) -> None:
    good = bytes.fromhex(case["signed"])
    for at in range(0, len(good), 7):
        changed = good[:at] + bytes((good[at] ^ 1,)) + good[at + 1 :]
        with pytest.raises(InvalidValue):
            read_transaction(TAGS, changed)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["why"])
def test_malformed_bytes_are_refused(case: dict[str, str]) -> None:
    with pytest.raises(InvalidValue):
        read_transaction(TAGS, bytes.fromhex(case["bytes"]))


def test_a_transaction_of_another_chain_is_refused() -> None:
    digest = bytes(32)
    other = ChainTags(f"vectors-{digest[:8].hex()}", digest)
    with pytest.raises(InvalidValue, match="chain_id"):
        read_transaction(other, bytes.fromhex(TRANSACTIONS[0]["signed"]))


def test_payload_result_and_challenge_are_those_listed() -> None:
    vectors = load("digests.json")
    payload, result, challenge = vectors["payload"], vectors["result"], vectors["challenge"]
    data = canonical_json(payload["json"])
    assert data.hex() == payload["canonical_json"]
    assert TAGS.payload_digest(data, bytes.fromhex(payload["blind"])).hex() == payload["digest"]
    digest = TAGS.result_digest(
        bytes.fromhex(result["job_id"]),
        int(result["attempt"]),
        bytes.fromhex(result["miner"]),
        bytes.fromhex(result["salt"]),
        canonical_json(result["json"]),
    )
    assert digest.hex() == result["digest"]
    message = TAGS.challenge_message(
        bytes.fromhex(challenge["coordinator"]),
        bytes.fromhex(challenge["public_key"]),
        bytes.fromhex(challenge["nonce"]),
        int(challenge["expires_at_ms"]),
    )
    assert message.hex() == challenge["message"]
    assert key_of("miner").sign(message).hex() == challenge["signature"]


@pytest.mark.parametrize("value", [float("nan"), 2**60, "\ud800", {1: "key"}])
def test_what_json_does_not_have_is_refused(value: Any) -> None:
    with pytest.raises(InvalidValue, match="json"):
        canonical_json(value)


@pytest.mark.parametrize(
    ("name", "fields", "at_fault"),
    [
        ("mint", {}, "action"),
        ("transfer", {"to": bytes(20)}, "amount"),
        ("transfer", {"to": bytes(20), "amount": 1, "memo": "x"}, "memo"),
        ("transfer", {"to": bytes(19), "amount": 1}, "to"),
        ("transfer", {"to": bytes(20), "amount": 2**63}, "amount"),
        ("transfer", {"to": bytes(20), "amount": True}, "amount"),
        ("cancel_job", {"job_id": "00" * 32, "compensation_max": 0}, "job_id"),
        ("release_job", {"job_id": bytes(32), "attempt": 1, "reason": 12}, "reason"),
        ("cast_vote", {"ballot_id": bytes(31), "motion": None, "support": True}, "ballot_id"),
        ("cast_vote", {"ballot_id": None, "motion": [9], "support": True}, "motion"),
        (
            "cast_vote",
            {"ballot_id": None, "motion": [4, bytes(19)], "support": True},
            "motion.address",
        ),
    ],
)
def test_a_refusal_names_the_field(name: str, fields: dict[str, Any], at_fault: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        action_array(name, **fields)
    assert refusal.value.field == at_fault


@pytest.mark.parametrize("case", EVIDENCE["cases"], ids=lambda case: case["name"])
def test_evidence_has_the_listed_verdict(case: dict[str, Any]) -> None:
    fields: dict[str, FieldValue] = {"authority": bytes.fromhex(case["authority"])}
    for which in ("first", "second"):
        statement, signature = case[which]
        number, *told = statement
        numbers = [int(part) for part in (number, *told[:3])]
        block = [bytes.fromhex(told[3])] if len(told) > 3 else []
        fields[which] = [[*numbers, *block], bytes.fromhex(signature)]
    if case["code"] is None:
        check_contradiction(TAGS, fields)
    else:
        with pytest.raises(InvalidValue):
            check_contradiction(TAGS, fields)


def test_a_possession_proof_is_the_ledgers() -> None:
    told = EVIDENCE["possession"]
    proof = prove_possession(TAGS, key_of("other"), told["name"], bytes.fromhex(told["payout"]))
    assert proof.hex() == told["proof"]


def test_a_motion_is_written_by_name() -> None:
    opened = next(case for case in TRANSACTIONS if case["name"] == "cast_vote to set_parameter")
    motion = motion_array("set_parameter", name="fee_base", value=2_000)
    assert fields_of(opened)["motion"] == motion
    with pytest.raises(InvalidValue, match="not one of"):
        motion_array("abolish_fees")
    with pytest.raises(InvalidValue, match="missing field"):
        motion_array("set_parameter", name="fee_base")


def test_a_signing_key_does_not_show_or_give_away_its_secret() -> None:
    key = key_of("client")
    assert key.seed().hex() not in repr(key)
    with pytest.raises(TypeError):
        pickle.dumps(key)

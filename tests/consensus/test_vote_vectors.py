"""The committed votes, certificates and evidence: judged by consensus, and by nothing of ours.

The second judge knows the documented bytes only: `msgpack`, hashlib and libsodium.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import msgpack
import nacl.exceptions
import nacl.signing
import pytest

from consensus import CERTIFICATE_CODEC, EVIDENCE_CODEC, VOTE_CODEC, Committee, MessageInvalid
from ledger.codec import encode
from ledger.hashing import Tags
from ledger.keys import verify

FOLDER = Path(__file__).parents[1] / "vectors"


def load(name: str) -> Any:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


CHAIN, VECTORS = load("chain.json"), load("votes.json")
MEMBERS = [bytes.fromhex(member["public_key"]) for member in VECTORS["members"]]
EPOCH, QUORUM = int(VECTORS["epoch"]), int(VECTORS["quorum"])
COMMITTEE = Committee(Tags(bytes.fromhex(CHAIN["genesis_digest"])), EPOCH, MEMBERS)
PURPOSES = {1: "notarize", 2: "nullify", 3: "finalize"}


def cases(kind: str) -> list[Any]:
    return [pytest.param(case, id=case["name"]) for case in VECTORS[kind]]


# By consensus -------------------------------------------------------------------------------


@pytest.mark.parametrize("case", cases("votes"))
def test_consensus_reaches_the_verdict_on_a_vote(case: Any) -> None:
    vote = VOTE_CODEC.decode(bytes.fromhex(case["bytes"]))
    assert encode(vote).hex() == case["bytes"]
    assert verdict(COMMITTEE.check_vote, vote) == case["verdict"]


@pytest.mark.parametrize("case", cases("certificates"))
def test_consensus_reaches_the_verdict_on_a_certificate(case: Any) -> None:
    certificate = CERTIFICATE_CODEC.decode(bytes.fromhex(case["bytes"]))
    assert encode(certificate).hex() == case["bytes"]
    assert verdict(COMMITTEE.check_certificate, certificate) == case["verdict"]


@pytest.mark.parametrize("case", cases("evidence"))
def test_consensus_reaches_the_verdict_on_evidence(case: Any) -> None:
    evidence = EVIDENCE_CODEC.decode(bytes.fromhex(case["bytes"]))
    assert encode(evidence).hex() == case["bytes"]
    assert verdict(COMMITTEE.check_evidence, evidence) == case["verdict"]


def verdict(check: Any, message: Any) -> str:
    try:
        check(message)
    except MessageInvalid as error:
        return error.code
    return "valid"


# By nothing of ours -------------------------------------------------------------------------


def tagged(statement: list[Any]) -> bytes:
    """Return what a vote's signature is over: tag(purpose) ‖ canonical statement."""
    purpose = PURPOSES[statement[0]]
    text = f"aitbc/1/{purpose}/{CHAIN['genesis_digest']}"
    return hashlib.sha256(text.encode()).digest() + msgpack.packb(statement)


def is_signed(signer: int, message: bytes, signature: bytes) -> bool:
    if signer >= len(MEMBERS):
        return False
    try:
        nacl.signing.VerifyKey(MEMBERS[signer]).verify(message, signature)
    except nacl.exceptions.BadSignatureError:
        return False
    return True


def is_statement(statement: list[Any]) -> bool:
    kind, epoch, view, *block = statement
    return bool(epoch == EPOCH and (kind == 2 or block[0] < view))


def is_vote(vote: list[Any]) -> bool:
    statement, signer, signature = vote
    return is_statement(statement) and is_signed(signer, tagged(statement), signature)


@pytest.mark.parametrize("case", cases("votes"))
def test_a_stranger_reaches_the_verdict_on_a_vote(case: Any) -> None:
    vote = msgpack.unpackb(bytes.fromhex(case["bytes"]))
    assert tagged(vote[0]).hex() == case["signed"]
    assert is_vote(vote) == (case["verdict"] == "valid")


@pytest.mark.parametrize("case", cases("certificates"))
def test_a_stranger_reaches_the_verdict_on_a_certificate(case: Any) -> None:
    statement, entries = msgpack.unpackb(bytes.fromhex(case["bytes"]))
    signers = [signer for signer, _ in entries]
    is_quorum = len(signers) >= QUORUM and signers == sorted(set(signers))
    is_certificate = is_quorum and all(is_vote([statement, *entry]) for entry in entries)
    assert is_certificate == (case["verdict"] == "valid")


@pytest.mark.parametrize("case", cases("evidence"))
def test_a_stranger_reaches_the_verdict_on_evidence(case: Any) -> None:
    first, second = msgpack.unpackb(bytes.fromhex(case["bytes"]))
    kinds = sorted((first[0][0], second[0][0]))
    is_evidence = (
        is_vote(first)
        and is_vote(second)
        and first[1] == second[1]
        and first[0][1:3] == second[0][1:3]
        and first[0] != second[0]
        and kinds in ([1, 1], [3, 3], [2, 3])
    )
    assert is_evidence == (case["verdict"] == "valid")


@pytest.mark.parametrize("case", cases("possession"))
def test_a_stranger_reaches_the_verdict_on_a_proof_of_possession(case: Any) -> None:
    public_key = bytes.fromhex(case["public_key"])
    message = b"aitbc/1/genesis-pop" + public_key + case["chain_name"].encode()
    assert message.hex() == case["message"]
    is_proof = verify(public_key, message, bytes.fromhex(case["signature"]))
    assert is_proof == (case["verdict"] == "valid")


def test_the_quorum_of_six_is_five() -> None:
    assert (len(MEMBERS), QUORUM, COMMITTEE.quorum) == (6, 5, 5)

"""The vectors of hellos and records, read with `msgpack`, hashlib and a signature check alone."""

import hashlib
import json
from pathlib import Path
from typing import Any

import msgpack
import nacl.exceptions
import nacl.signing
import pytest

VECTORS = Path(__file__).parents[1] / "vectors"
CHAIN = json.loads((VECTORS / "chain.json").read_text(encoding="utf-8"))
PEERS = json.loads((VECTORS / "peers.json").read_text(encoding="utf-8"))
HELLO = PEERS["hello"]
NOW_MS = int(PEERS["now_ms"])
TAGS = {
    purpose: hashlib.sha256(f"aitbc/1/{purpose}/{CHAIN['genesis_digest']}".encode()).digest()
    for purpose in ("hello", "peer-record")
}


def is_signed(key: bytes, data: bytes, signature: bytes) -> bool:
    try:
        nacl.signing.VerifyKey(key).verify(data, signature)
    except nacl.exceptions.BadSignatureError:
        return False
    return True


def opening_of(side: str) -> list[Any]:
    opening: list[Any] = msgpack.unpackb(bytes.fromhex(HELLO[side]["opening"]))
    return opening


def statement_of(side: str, expires_ms: int) -> bytes:
    """Return what a side signs, from both openings and both certificates."""
    other = "listener" if side == "dialler" else "dialler"
    _, version, _, role, key, nonce = opening_of(side)
    _, _, _, _, counterpart, counterpart_nonce = opening_of(other)
    return TAGS["hello"] + msgpack.packb(
        [
            version,
            1 if side == "dialler" else 2,
            role,
            key,
            counterpart,
            nonce,
            counterpart_nonce,
            bytes.fromhex(HELLO["listener_certificate"]),
            bytes.fromhex(HELLO["dialler_certificate"]),
            expires_ms,
        ]
    )


@pytest.mark.parametrize("side", ["dialler", "listener"])
def test_both_sides_of_the_hello_follow_from_openings_and_certificates(side: str) -> None:
    vector = HELLO[side]
    kind, version, genesis, role, key, nonce = opening_of(side)
    assert (kind, version, genesis.hex()) == (1, 1, CHAIN["genesis_digest"])
    assert (str(role), nonce.hex()) == (vector["role"], vector["nonce"])
    assert key == bytes(nacl.signing.SigningKey(bytes.fromhex(vector["seed"])).verify_key)
    proof_kind, expires_ms, signature = msgpack.unpackb(bytes.fromhex(vector["proof"]))
    assert (proof_kind, expires_ms) == (2, NOW_MS + 60_000)
    assert statement_of(side, expires_ms).hex() == vector["signed"]
    assert is_signed(key, statement_of(side, expires_ms), signature)


@pytest.mark.parametrize("proof", HELLO["proofs"], ids=lambda proof: proof["name"])
def test_only_a_fresh_signature_over_this_connection_is_a_proof(proof: dict[str, str]) -> None:
    key = opening_of("dialler")[4]
    try:
        _, expires_ms, signature = msgpack.unpackb(bytes.fromhex(proof["bytes"]))
    except ValueError:
        assert proof["verdict"] == "HELLO_MALFORMED"
        return
    signed = is_signed(key, statement_of("dialler", expires_ms), signature)
    is_fresh = abs(expires_ms - 60_000 - NOW_MS) <= 86_400_000 + 60_000
    expected = "PROOF_FORGED" if not signed else "valid" if is_fresh else "PROOF_EXPIRED"
    assert proof["verdict"] == expected


@pytest.mark.parametrize("record", PEERS["records"], ids=lambda record: record["name"])
def test_a_record_counts_for_a_day_in_its_validators_own_words(record: dict[str, str]) -> None:
    fields = msgpack.unpackb(bytes.fromhex(record["bytes"]))
    assert msgpack.unpackb(bytes.fromhex(record["frame"])) == [3, [fields]]
    key, _, issued_ms, expires_ms, signature = fields
    expected = "ignored"
    if key == opening_of("dialler")[4] and NOW_MS < expires_ms <= issued_ms + 86_400_000:
        signed = TAGS["peer-record"] + msgpack.packb(fields[:-1])
        expected = "valid" if is_signed(key, signed, signature) else "RECORD_FORGED"
    assert record["verdict"] == expected


def test_every_verdict_has_its_case() -> None:
    verdicts = {case["verdict"] for case in (*HELLO["proofs"], *PEERS["records"])}
    assert verdicts == {
        "valid",
        "ignored",
        "HELLO_MALFORMED",
        "PROOF_FORGED",
        "PROOF_EXPIRED",
        "RECORD_FORGED",
    }

"""The hello (E11, T6), attack by attack, without sockets."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.codec import encode
from ledger.hashing import Purpose, Tags, sha256
from node.p2p import NodeIdentity, Role
from node.p2p.errors import (
    GenesisDiffers,
    HelloMalformed,
    HelloRefused,
    KeyUnusable,
    OwnKey,
    ProofExpired,
    ProofForged,
    VersionDiffers,
)
from node.p2p.hello import (
    CLOCK_DIFFERENCE_MS_MAX,
    HELLO_BYTES_MAX,
    OPENING_CODEC,
    PROOF_CODEC,
    PROOF_MS,
    PROTOCOL_VERSION,
    Channel,
    Hello,
    Opening,
    Proof,
    Side,
    Statement,
    signed_bytes,
)
from tests.p2p.meeting import GENESIS, key_pair

ALICE = NodeIdentity(key_pair(1), Role.VALIDATOR)
BOB = NodeIdentity(key_pair(2), Role.FOLLOWER)
MALLORY = NodeIdentity(key_pair(3), Role.FOLLOWER)
TAGS = Tags(GENESIS)
NOW_MS = 1_790_000_000_000

ALICE_CERTIFICATE, BOB_CERTIFICATE, MALLORY_CERTIFICATE = (sha256(b) for b in (b"a", b"b", b"m"))

AS_DIALLER = Channel(Side.DIALLER, ALICE_CERTIFICATE, BOB_CERTIFICATE)
AS_LISTENER = Channel(Side.LISTENER, BOB_CERTIFICATE, ALICE_CERTIFICATE)


def alice(nonce: bytes = sha256(b"nonce of alice"), channel: Channel = AS_DIALLER) -> Hello:
    return Hello(ALICE, TAGS, channel, nonce)


def bob(nonce: bytes = sha256(b"nonce of bob"), channel: Channel = AS_LISTENER) -> Hello:
    return Hello(BOB, TAGS, channel, nonce)


def opening_of(hello: Hello) -> Opening:
    return OPENING_CODEC.decode(hello.opening())


def test_two_honest_ends_prove_themselves_to_each_other():
    dialler, listener = alice(), bob()
    opening = listener.read_opening(dialler.opening())
    answer = dialler.read_opening(listener.opening())
    assert (opening.key, opening.role) == (ALICE.keys.public_key, Role.VALIDATOR)
    assert (answer.key, answer.role) == (BOB.keys.public_key, Role.FOLLOWER)
    listener.check_proof(opening, dialler.proof(answer, NOW_MS), NOW_MS)
    dialler.check_proof(answer, listener.proof(opening, NOW_MS), NOW_MS)


def test_the_frames_of_a_hello_fit_their_limit():
    longest = Opening(2**31 - 1, bytes(32), Role.FOLLOWER, bytes(32), bytes(32))
    assert len(encode(longest)) <= HELLO_BYTES_MAX
    assert len(encode(Proof(2**48 - 1, bytes(64)))) <= HELLO_BYTES_MAX


def test_what_is_signed_holds_role_keys_nonces_certificates_genesis_and_expiry():
    proof = PROOF_CODEC.decode(alice().proof(opening_of(bob()), NOW_MS))
    statement = Statement(
        version=PROTOCOL_VERSION,
        side=Side.DIALLER,
        role=Role.VALIDATOR,
        key=ALICE.keys.public_key,
        counterpart=BOB.keys.public_key,
        nonce=sha256(b"nonce of alice"),
        counterpart_nonce=sha256(b"nonce of bob"),
        listener_certificate=BOB_CERTIFICATE,
        dialler_certificate=ALICE_CERTIFICATE,
        expires_ms=NOW_MS + PROOF_MS,
    )
    expected = sha256(f"aitbc/1/hello/{GENESIS.hex()}".encode()) + encode(statement)
    assert signed_bytes(TAGS, statement) == expected
    assert proof.signature == ALICE.keys.sign(expected)


# ------------------------------------------------------------------------------ openings


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"version": PROTOCOL_VERSION + 1}, VersionDiffers),
        ({"genesis_digest": bytes(32)}, GenesisDiffers),
        ({"key": BOB.keys.public_key}, OwnKey),
        ({"key": bytes(32)}, KeyUnusable),
        ({"key": b"\x01" + bytes(31)}, KeyUnusable),
        ({"key": b"\xff" * 32}, KeyUnusable),
    ],
)
def test_an_opening_that_is_not_wanted_is_refused_by_its_own_error(change, refusal):
    opening = opening_of(alice())
    changed = Opening(**{**{f: getattr(opening, f) for f in opening.__struct_fields__}, **change})
    with pytest.raises(refusal) as refused:
        bob().read_opening(encode(changed))
    assert not refused.value.provable


@given(st.binary(max_size=HELLO_BYTES_MAX + 10))
def test_any_bytes_as_an_opening_or_a_proof_give_a_typed_error(data: bytes):
    hello = bob()
    with pytest.raises(HelloRefused):
        hello.read_opening(data)
    with pytest.raises(HelloRefused):
        hello.check_proof(opening_of(alice()), data, NOW_MS)


def test_an_opening_in_another_encoding_is_refused():
    frame = alice().opening()
    assert frame[2] == PROTOCOL_VERSION
    with pytest.raises(HelloMalformed):
        bob().read_opening(frame[:2] + b"\xcc" + frame[2:])


# -------------------------------------------------------------------------------- proofs


def refuse(opening: Opening, proof: bytes, *, at: Hello | None = None, now_ms: int = NOW_MS):
    with pytest.raises(HelloRefused) as refused:
        (at or bob()).check_proof(opening, proof, now_ms)
    return type(refused.value)


def test_replay_a_recorded_hello_is_worthless_under_another_nonce():
    recorded_opening, recorded_proof = opening_of(alice()), alice().proof(opening_of(bob()), NOW_MS)
    bob().check_proof(recorded_opening, recorded_proof, NOW_MS)
    later = bob(nonce=sha256(b"another nonce"))
    assert refuse(recorded_opening, recorded_proof, at=later) is ProofForged


def test_relay_a_middleman_cannot_pass_on_a_hello_through_its_own_connections():
    # Alice dials Mallory, who dials Bob and passes everything on. Alice saw Mallory's certificate.
    to_mallory = Channel(Side.DIALLER, ALICE_CERTIFICATE, MALLORY_CERTIFICATE)
    from_mallory = Channel(Side.LISTENER, BOB_CERTIFICATE, MALLORY_CERTIFICATE)
    dialler, listener = alice(channel=to_mallory), bob(channel=from_mallory)
    proof = dialler.proof(opening_of(listener), NOW_MS)
    assert refuse(opening_of(dialler), proof, at=listener) is ProofForged


def test_reflection_a_proof_sent_back_to_its_signer_is_refused():
    dialler, mirror = alice(), opening_of(alice())
    with pytest.raises(OwnKey):
        dialler.read_opening(dialler.opening())
    assert refuse(mirror, dialler.proof(mirror, NOW_MS), at=dialler) is ProofForged


def test_side_a_proof_made_as_a_listener_does_not_count_for_a_dialler():
    as_listener = alice(channel=replace(AS_DIALLER, side=Side.LISTENER))
    proof = as_listener.proof(opening_of(bob()), NOW_MS)
    assert refuse(opening_of(alice()), proof) is ProofForged


def test_counterpart_a_proof_made_for_another_key_is_refused():
    for_mallory = Opening(
        PROTOCOL_VERSION,
        GENESIS,
        Role.FOLLOWER,
        MALLORY.keys.public_key,
        sha256(b"nonce of bob"),
    )
    assert refuse(opening_of(alice()), alice().proof(for_mallory, NOW_MS)) is ProofForged


def test_role_a_follower_cannot_turn_its_proof_into_a_validators():
    follower = Hello(NodeIdentity(ALICE.keys, Role.FOLLOWER), TAGS, AS_DIALLER, bytes(32))
    claims = Opening(PROTOCOL_VERSION, GENESIS, Role.VALIDATOR, ALICE.keys.public_key, bytes(32))
    assert refuse(claims, follower.proof(opening_of(bob()), NOW_MS)) is ProofForged


def test_key_a_proof_by_another_key_is_refused():
    mallory = Hello(MALLORY, TAGS, AS_DIALLER, sha256(b"nonce of alice"))
    assert refuse(opening_of(alice()), mallory.proof(opening_of(bob()), NOW_MS)) is ProofForged


def test_chain_a_proof_of_another_chain_is_refused():
    elsewhere = Hello(ALICE, Tags(bytes(32)), AS_DIALLER, sha256(b"nonce of alice"))
    assert refuse(opening_of(alice()), elsewhere.proof(opening_of(bob()), NOW_MS)) is ProofForged


def test_purpose_a_signature_made_for_something_else_is_refused():
    keys = ALICE.keys
    for purpose in Purpose:
        if purpose is not Purpose.HELLO:
            honest = PROOF_CODEC.decode(alice().proof(opening_of(bob()), NOW_MS))
            forged = Proof(honest.expires_ms, keys.sign(TAGS[purpose] + bytes(32)))
            assert refuse(opening_of(alice()), encode(forged)) is ProofForged


def test_expiry_it_is_signed_and_cannot_be_put_off():
    honest = PROOF_CODEC.decode(alice().proof(opening_of(bob()), NOW_MS))
    put_off = Proof(honest.expires_ms + 1, honest.signature)
    assert refuse(opening_of(alice()), encode(put_off)) is ProofForged


@pytest.mark.parametrize("direction", [-1, 1])
def test_expiry_a_clock_may_be_wrong_by_a_day_and_not_by_more(direction: int):
    proof = alice().proof(opening_of(bob()), NOW_MS)
    bob().check_proof(opening_of(alice()), proof, NOW_MS + direction * CLOCK_DIFFERENCE_MS_MAX)
    too_far = NOW_MS + direction * (CLOCK_DIFFERENCE_MS_MAX + PROOF_MS + 1)
    assert refuse(opening_of(alice()), proof, now_ms=too_far) is ProofExpired


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_proof_with_any_byte_changed_is_refused(place: int, difference: int):
    proof = bytearray(alice().proof(opening_of(bob()), NOW_MS))
    proof[place % len(proof)] ^= difference
    assert refuse(opening_of(alice()), bytes(proof)) in {ProofForged, HelloMalformed}

"""Proofs of presence and absence under a state root (S1)."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.bucket_tree import BucketTree
from ledger.codec import encode
from ledger.errors import BytesNotCanonical, LedgerError
from ledger.state_proof import CODEC, StateProof, prove_state, verify_state_proof

KEYS = st.integers(0, 400).map(lambda n: n.to_bytes(3, "big"))
STATES = st.dictionaries(KEYS, st.binary(max_size=4), max_size=80)
BUCKETS = st.sampled_from([2**8, 2**9, 2**10, 2**11, 2**12])


def keys_in_bucket_0(count: int) -> list[bytes]:
    candidates = (n.to_bytes(4, "big") for n in range(10**6))
    ground = (key for key in candidates if hashlib.sha256(key).digest()[0] == 0)
    return [next(ground) for _ in range(count)]


GROUND = keys_in_bucket_0(120)
SPLIT_TREE = BucketTree.build([(key, b"v") for key in GROUND[:-1]], 2**8)


@given(state=STATES, key=KEYS, buckets=BUCKETS)
@settings(deadline=None)
def test_presence_and_absence_are_provable_and_nothing_else_is(
    state: dict[bytes, bytes], key: bytes, buckets: int
) -> None:
    tree = BucketTree.build(state.items(), buckets)
    proof = prove_state(tree, key)
    value = state.get(key)
    for claim in (value, None, b"", b"other", (value or b"") + b"\x00"):
        expected = claim == value
        assert verify_state_proof(tree.root, buckets, key, claim, proof) is expected


@given(state=STATES, changes=st.dictionaries(KEYS, st.none() | st.binary(max_size=4)), key=KEYS)
@settings(deadline=None)
def test_an_unfinalized_blocks_tree_proves_its_own_state(
    state: dict[bytes, bytes], changes: dict[bytes, bytes | None], key: bytes
) -> None:
    tree = BucketTree.build(state.items(), 2**8)
    parent = tree.overlay(changes)
    child = tree.overlay({b"child": b"1"}, parent)
    value = changes.get(key, state.get(key))
    assert verify_state_proof(parent.root, 2**8, key, value, prove_state(parent, key))
    assert verify_state_proof(child.root, 2**8, key, value, prove_state(child, key))
    assert verify_state_proof(child.root, 2**8, b"child", b"1", prove_state(child, b"child"))


def test_the_path_of_the_default_tree_has_1920_bytes() -> None:
    proof = prove_state(BucketTree.build([(b"k", b"v")], 2**16), b"k")
    assert sum(map(len, proof.siblings)) == 1_920
    assert len(proof.blob) == 64


def test_keys_of_a_split_bucket_are_provable() -> None:
    for key in GROUND:
        value = b"v" if key != GROUND[-1] else None
        proof = prove_state(SPLIT_TREE, key)
        assert len(proof.siblings) == 3
        assert verify_state_proof(SPLIT_TREE.root, 2**8, key, value, proof)
        assert not verify_state_proof(SPLIT_TREE.root, 2**8, key, None if value else b"v", proof)


@pytest.mark.parametrize("tree", [SPLIT_TREE, BucketTree.build([(b"k", b"v")], 2**9)])
def test_every_flipped_bit_breaks_a_proof(tree: BucketTree) -> None:
    buckets, key = 1 << tree.bits, GROUND[3] if tree is SPLIT_TREE else b"k"
    proof = prove_state(tree, key)
    data = encode(proof)
    for at in range(0, len(data), 7):
        broken = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        try:
            decoded = CODEC.decode(broken)
        except LedgerError:
            continue
        assert not verify_state_proof(tree.root, buckets, key, b"v", decoded)


@pytest.mark.parametrize(
    "change",
    [
        lambda p: StateProof(p.blob + bytes(1), p.siblings),
        lambda p: StateProof(p.blob + bytes(64), p.siblings),
        lambda p: StateProof(p.blob[64:], p.siblings),
        lambda p: StateProof(p.blob * 65, p.siblings),
        lambda p: StateProof(p.blob, p.siblings[1:]),
        lambda p: StateProof(p.blob, p.siblings[:-1]),
        lambda p: StateProof(p.blob, ()),
        lambda p: StateProof(p.blob, (*p.siblings, bytes(480))),
        lambda p: StateProof(p.blob, (bytes(480),) * 70),
        lambda p: StateProof(p.blob, (p.siblings[0][32:], *p.siblings[1:])),
        lambda p: StateProof(p.blob, (p.siblings[0] + bytes(32), *p.siblings[1:])),
    ],
)
def test_a_proof_of_another_shape_does_not_verify(change: object) -> None:
    assert callable(change)
    for tree, key in ((SPLIT_TREE, GROUND[0]), (BucketTree.build([(b"k", b"v")], 2**9), b"k")):
        broken = change(prove_state(tree, key))
        assert not verify_state_proof(tree.root, 1 << tree.bits, key, b"v", broken)


def test_a_split_node_cannot_stand_for_a_flat_part() -> None:
    proof = prove_state(SPLIT_TREE, GROUND[0])
    contents = SPLIT_TREE.bucket_at(0)
    assert not isinstance(contents, bytes)
    forged = StateProof(contents.digests, proof.siblings[1:])
    assert not verify_state_proof(SPLIT_TREE.root, 2**8, GROUND[0], None, forged)


def test_a_proof_of_one_key_says_nothing_about_a_key_elsewhere() -> None:
    tree = BucketTree.build([(b"k", b"v"), (b"other", b"w")], 2**8)
    proof = prove_state(tree, b"k")
    assert not verify_state_proof(tree.root, 2**8, b"other", None, proof)
    assert not verify_state_proof(tree.root, 2**8, b"other", b"w", proof)


def test_a_tree_of_another_size_does_not_verify() -> None:
    tree = BucketTree.build([(b"k", b"v")], 2**12)
    proof = prove_state(tree, b"k")
    assert not verify_state_proof(tree.root, 2**8, b"k", b"v", proof)
    assert not verify_state_proof(tree.root, 2**16, b"k", b"v", proof)


def test_a_proof_has_one_encoding() -> None:
    proof = prove_state(SPLIT_TREE, GROUND[0])
    data = encode(proof)
    assert CODEC.decode(data) == proof
    with pytest.raises(BytesNotCanonical):
        CODEC.decode(b"\xdc\x00\x02" + data[1:])

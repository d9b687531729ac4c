"""Vectors of Merkle trees and of the state tree, with proofs that hold and proofs that do not."""

import hashlib

from ledger.bucket_tree import BucketTree
from ledger.codec import encode
from ledger.merkle import inclusion_path, leaf_hash, merkle_root
from ledger.records import state_key
from ledger.state_proof import StateProof, prove_state, verify_state_proof
from tests.vectors.wire import sample_records
from tests.vectors.world import Json, plain, pseudo_random

ATTACKED = ("top node with 2 children", "65 entries in one bucket: split")
"""Trees whose first proof is also given in wrong forms."""

COUNTS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 33)


def merkle_trees() -> Json:
    """Roots and paths over leaves of varied lengths; the empty leaf is one of them."""
    leaves = [pseudo_random(f"leaf {n}", n) for n in range(max(COUNTS))]
    return {
        "leaves": [leaf.hex() for leaf in leaves],
        "leaf_hashes": [leaf_hash(leaf).hex() for leaf in leaves],
        "trees": [
            {
                "count": str(count),
                "root": merkle_root(leaves[:count]).hex(),
                "paths": [plain(inclusion_path(leaves[:count], i)) for i in range(count)],
            }
            for count in COUNTS
        ],
    }


def state_trees() -> Json:
    """State trees of several shapes, with proofs of what they hold and do not hold."""
    records = [(state_key(t, i), encode(record)) for t, i, record in sample_records()]
    ground = [(key, pseudo_random(f"value {key.hex()}", 8)) for key in _keys_of_bucket_0(70)]
    deep = [(key, b"v") for key in _keys_of_bucket_0(66, bits=12)]
    return [
        _tree("empty", 2**8, []),
        _tree("records, one key", 2**16, records[:1]),
        _tree("records", 2**16, records),
        _tree("top node with 2 children", 2**9, records),
        _tree("top node with 4 children", 2**10, records),
        _tree("top node with 8 children", 2**11, records),
        _tree("64 entries in one bucket: flat", 2**8, ground[:64]),
        _tree("65 entries in one bucket: split", 2**8, ground[:65]),
        _tree("70 entries in one bucket and others", 2**8, ground + records),
        _tree("split twice", 2**8, deep),
    ]


def _tree(name: str, buckets: int, entries: list[tuple[bytes, bytes]]) -> Json:
    tree = BucketTree.build(entries, buckets)
    held = entries[:1] + entries[1:][-1:]
    absent = _keys_of_bucket_0(72)[-1:]
    proofs = [_proof(tree, key, value) for key, value in held]
    proofs += [_proof(tree, key, None) for key in absent]
    return {
        "name": name,
        "buckets": str(buckets),
        "entries": [[key.hex(), value.hex()] for key, value in entries],
        "root": tree.root.hex(),
        "proofs": proofs,
        "wrong_proofs": _wrong(tree, *held[0]) if name in ATTACKED else [],
    }


def _proof(tree: BucketTree, key: bytes, value: bytes | None) -> Json:
    proof = prove_state(tree, key)
    assert verify_state_proof(tree.root, 1 << tree.bits, key, value, proof)
    return _plain_proof(key, value, proof)


def _plain_proof(key: bytes, value: bytes | None, proof: StateProof) -> dict[str, Json]:
    return {
        "key": key.hex(),
        "value": plain(value),
        "blob": proof.blob.hex(),
        "siblings": plain(proof.siblings),
    }


def _wrong(tree: BucketTree, key: bytes, value: bytes) -> list[Json]:
    """Return claims that a verifier must refuse."""
    proof = prove_state(tree, key)
    flipped = bytes([proof.siblings[0][0] ^ 1]) + proof.siblings[0][1:]
    claims: dict[str, tuple[bytes, bytes | None, StateProof]] = {
        "another value": (key, value + b"\x00", proof),
        "absence of a key that is there": (key, None, proof),
        "another key": (key + b"\x00", value, proof),
        "entries left out": (key, None, StateProof(b"", proof.siblings)),
        "a digest flipped": (key, value, StateProof(proof.blob, (flipped, *proof.siblings[1:]))),
        "a level left out": (key, value, StateProof(proof.blob, proof.siblings[1:])),
        "a level too many": (key, value, StateProof(proof.blob, (bytes(480), *proof.siblings))),
        "siblings too short": (
            key,
            value,
            StateProof(proof.blob, (proof.siblings[0][32:], *proof.siblings[1:])),
        ),
    }
    wrong: list[Json] = []
    for why, (claimed_key, claimed_value, claimed_proof) in claims.items():
        buckets = 1 << tree.bits
        assert not verify_state_proof(
            tree.root, buckets, claimed_key, claimed_value, claimed_proof
        ), why
        wrong.append({"why": why, **_plain_proof(claimed_key, claimed_value, claimed_proof)})
    return wrong


def _keys_of_bucket_0(count: int, bits: int = 8) -> list[bytes]:
    """Return the first keys whose digests begin with so many zero bits."""
    found: list[bytes] = []
    number = 0
    while len(found) < count:
        key = number.to_bytes(4, "big")
        if hashlib.sha256(key).digest()[:2] < (1 << (16 - bits)).to_bytes(2, "big"):
            found.append(key)
        number += 1
    return found

"""Proof that the state has a key with a value, or does not have the key, under a state root.

The proof is the flat part that the key belongs to, with all its entries, and the digests beside
the path from there to the root. It proves presence when the part has the key with the value's
digest, and absence when the part does not have the key: a key belongs in one place only. Absence
of a job is to be worded "not live at height h" (J29).
"""

import hashlib
from typing import Final, Protocol

import msgspec

from ledger import bucket
from ledger.bucket_tree import NODE_PREFIX, bucket_bits
from ledger.codec import Codec
from ledger.types import Hash

SIBLINGS_MAX: Final = 66
"""Five levels above 2^20 buckets and at most 61 splits below."""


class StateProof(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """Membership or absence of one key."""

    blob: bytes
    """Entries of the flat part that the key belongs to, 64 bytes each, ascending."""
    siblings: tuple[bytes, ...]
    """From that part up to the root, per node: its other children's digests side by side."""


CODEC: Final = Codec(StateProof, bucket.FLAT_BYTES_MAX + SIBLINGS_MAX * 483 + 16, "state proof")


class TreeView(Protocol):
    """What a proof is made from: a `BucketTree` or a `TreeOverlay`."""

    @property
    def bits(self) -> int:
        """Leading bits of a key digest that choose the bucket."""

    @property
    def height(self) -> int:
        """Levels of nodes above the buckets."""

    def bucket_at(self, number: int) -> bucket.Contents:
        """Return the entries of one bucket."""

    def row(self, level: int, number: int) -> bytes | bytearray:
        """Return the digests of the children of node `number` above `level`."""


def prove_state(tree: TreeView, key: bytes) -> StateProof:
    """Return the proof of what `tree` holds for `key`, be it a value or nothing."""
    key_digest = hashlib.sha256(key).digest()
    number = int.from_bytes(key_digest, "big") >> (256 - tree.bits)
    contents, depth = tree.bucket_at(number), tree.bits
    below: list[bytes] = []
    while isinstance(contents, bucket.Split):
        branch = bucket.branch_of(key_digest, depth)
        below.append(_without(contents.digests, branch))
        contents, depth = contents.children[branch], depth + bucket.BRANCH_BITS
    siblings = below[::-1]
    for level in range(tree.height):
        siblings.append(_without(tree.row(level, number >> 4), number & 15))
        number >>= 4
    return StateProof(contents, tuple(siblings))


def verify_state_proof(
    root: Hash, buckets: int, key: bytes, value: bytes | None, proof: StateProof
) -> bool:
    """Return whether the state with this root has `value` under `key`; None: has no such key.

    Never raises for data of the proof.

    Args:
        root: state root of a header that the caller trusts.
        buckets: number of buckets, from the same chain's genesis.
        key: key of a record.
        value: the record's canonical bytes, or None to verify absence.
        proof: as `prove_state` made it.
    """
    bits = bucket_bits(buckets)
    key_digest = hashlib.sha256(key).digest()
    expected = None if value is None else hashlib.sha256(value).digest()
    blob = proof.blob
    if len(blob) % bucket.ENTRY_BYTES or len(blob) > bucket.FLAT_BYTES_MAX:
        return False
    if bucket.value_digest_in(blob, key_digest) != expected:
        return False
    steps = _path_down(key_digest, bits, len(proof.siblings))
    if steps is None:
        return False
    digest = bucket.digest_of(blob)
    for (prefix, branch, arity), others in zip(reversed(steps), proof.siblings, strict=True):
        if len(others) != (arity - 1) * 32:
            return False
        row = others[: branch * 32] + digest + others[branch * 32 :]
        digest = hashlib.sha256(prefix + row).digest()
    return digest == root


def _path_down(key_digest: Hash, bits: int, length: int) -> list[tuple[bytes, int, int]] | None:
    """Return (prefix, branch, arity) of each node from the root down, None if `length` cannot be.

    The topmost node takes the bits that are left over when log2(buckets) is no multiple of 4.
    """
    top_bits = bits % 4 or 4
    height = (bits + 3) // 4
    splits = length - height
    if splits < 0 or bits + splits * bucket.BRANCH_BITS > 256:
        return None
    number = int.from_bytes(key_digest, "big")
    steps = [(NODE_PREFIX, number >> (256 - top_bits), 1 << top_bits)]
    for depth in range(top_bits, bits + splits * bucket.BRANCH_BITS, bucket.BRANCH_BITS):
        prefix = NODE_PREFIX if depth < bits else bucket.SPLIT_PREFIX
        steps += [(prefix, bucket.branch_of(key_digest, depth), bucket.BRANCHES)]
    return steps


def _without(row: bytes | bytearray, child: int) -> bytes:
    """Return a row of digests without the one of `child`."""
    return bytes(row[: child * 32] + row[child * 32 + 32 :])

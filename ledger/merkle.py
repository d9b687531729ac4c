"""Merkle tree of RFC 6962 over transactions and outcomes (T1, T5, J28).

A leaf hashes as SHA-256(00 ‖ leaf), a node as SHA-256(01 ‖ left ‖ right), the empty tree as
SHA-256(""). A tree of n leaves splits at the largest power of two below n. Building it level by
level, where a last node without a sibling moves up unchanged, gives the same tree.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

from ledger.hashing import sha256_each
from ledger.types import Hash, Signature, TimestampMs

EMPTY_ROOT: Final[Hash] = hashlib.sha256(b"").digest()
"""Root of a tree without leaves."""

PATH_MAX: Final = 64
"""No count that fits 64 bits needs a longer path; bounds what a verifier looks at."""


def leaf_hash(leaf: bytes) -> Hash:
    """Return SHA-256(00 ‖ leaf)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: Hash, right: Hash) -> Hash:
    """Return SHA-256(01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def merkle_root(leaves: Sequence[bytes]) -> Hash:
    """Return the root over the leaves' bytes in order."""
    return root_of_hashes([leaf_hash(leaf) for leaf in leaves])


def root_of_hashes(level: list[Hash]) -> Hash:
    """Return the root over leaves of which only the hashes (`leaf_hash`) are given."""
    if not level:
        return EMPTY_ROOT
    while len(level) > 1:
        level = _level_above(level)
    return level[0]


def inclusion_path(leaves: Sequence[bytes], index: int) -> tuple[Hash, ...]:
    """Return the siblings from the leaf at `index` up to the root.

    Raises:
        IndexError: there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"no leaf {index} among {len(leaves)}")
    level = [leaf_hash(leaf) for leaf in leaves]
    path = []
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        level = _level_above(level)
        index >>= 1
    return tuple(path)


def verify_inclusion(root: Hash, leaf: bytes, index: int, count: int, path: Sequence[Hash]) -> bool:
    """Return whether the tree of `count` leaves with this root has `leaf` at `index`.

    `count` must come from where the root comes from (a header names both): a path alone does not
    fix it. Never raises for data.
    """
    if not 0 <= index < count or len(path) > PATH_MAX:
        return False
    digest = leaf_hash(leaf)
    last = count - 1
    siblings = iter(path)
    while last:
        if index & 1 or index < last:
            sibling = next(siblings, None)
            if sibling is None or len(sibling) != 32:
                return False
            digest = node_hash(sibling, digest) if index & 1 else node_hash(digest, sibling)
        index >>= 1
        last >>= 1
    return digest == root and next(siblings, None) is None


def transaction_leaf(
    transaction_id: Hash, valid_until_ms: TimestampMs, signature: Signature
) -> bytes:
    """Return id ‖ valid_until (8 bytes, big endian) ‖ SHA-256(signature), a transaction's leaf.

    A list of leaves is thus enough to know the seen ids and when each may be forgotten (T1).
    """
    expiry = valid_until_ms.to_bytes(8, "big")
    return transaction_id + expiry + hashlib.sha256(signature).digest()


def transaction_leaf_hashes(
    leaves: Sequence[tuple[Hash, TimestampMs, Signature]],
) -> list[Hash]:
    """Return `leaf_hash` of the `transaction_leaf` of each (id, valid_until, signature)."""
    signatures = sha256_each([signature for _, _, signature in leaves])
    return sha256_each(
        [
            b"\x00" + transaction_id + valid_until_ms.to_bytes(8, "big") + digest
            for (transaction_id, valid_until_ms, _), digest in zip(leaves, signatures, strict=True)
        ]
    )


def _level_above(level: list[Hash]) -> list[Hash]:
    """Hash neighbours together; a last one without a neighbour moves up as it is."""
    pairs = zip(level[::2], level[1::2], strict=False)
    above = sha256_each([b"\x01" + left + right for left, right in pairs])
    if len(level) & 1:
        above.append(level[-1])
    return above

"""Roots from their definitions, recursively and from scratch (S1, T1, J28).

From scratch on purpose: nothing that a block can change is kept from one to the next.
"""

import hashlib
from collections.abc import Iterable, Sequence
from functools import cache

from ledger.types import Hash

FLAT_MAX = 64


def tree_root(leaves: Sequence[bytes]) -> Hash:
    """Return the RFC 6962 root of leaves, split at the largest power of two below their number."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    left, right = tree_root(leaves[:split]), tree_root(leaves[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def state_root(records: Iterable[tuple[bytes, bytes]], buckets: int) -> Hash:
    """Return the root of the state tree over (key, canonical value) pairs."""
    bits = buckets.bit_length() - 1
    entries = [
        (int.from_bytes(hashlib.sha256(key).digest(), "big"), hashlib.sha256(value).digest())
        for key, value in records
    ]
    return _node(sorted(entries), 0, bits)


def _node(entries: list[tuple[int, Hash]], depth: int, bits: int) -> Hash:
    """Return the digest of the node at `depth` bits over the entries below it, ascending."""
    if not entries:
        return _empty_node(depth, bits)
    if depth >= bits and len(entries) <= FLAT_MAX:
        blob = b"".join(key.to_bytes(32, "big") + value for key, value in entries)
        return hashlib.sha256(b"\x02" + blob).digest()
    step = 4 if depth or bits % 4 == 0 else bits % 4
    parts: list[list[tuple[int, Hash]]] = [[] for _ in range(1 << step)]
    for entry in entries:
        parts[entry[0] >> 256 - depth - step & (1 << step) - 1].append(entry)
    prefix = b"\x04" if depth < bits else b"\x03"
    children = b"".join(_node(part, depth + step, bits) for part in parts)
    return hashlib.sha256(prefix + children).digest()


@cache
def _empty_node(depth: int, bits: int) -> Hash:
    """Return the digest of a node with nothing below it, a constant of its depth."""
    if depth >= bits:
        return hashlib.sha256(b"\x02").digest()
    step = 4 if depth or bits % 4 == 0 else bits % 4
    return hashlib.sha256(b"\x04" + _empty_node(depth + step, bits) * (1 << step)).digest()

"""The two kinds of trees that a header commits to: RFC 6962 (T1, J28) and the state's (S1)."""

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

PATH_MAX: Final = 64
"""No count of leaves that fits 64 bits needs a longer path."""

FLAT_BYTES_MAX: Final = 64 * 64
"""Entries of a flat part of the state tree, 64 of 64 bytes: key digest and value digest."""

_ENTRY_BYTES: Final = 64
_LEAF, _NODE = b"\x00", b"\x01"
_FLAT, _SPLIT, _INNER = b"\x02", b"\x03", b"\x04"


def _sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def root_over_path(leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root of a tree of `count` leaves that has `leaf` at `index`, by its siblings.

    Written after RFC 9162, 2.1.3.2: the position of the leaf and of the tree's last one go up
    together, and who is last on a level without a sibling goes up as it is.

    Returns:
        None if no such tree has a path of this length, or a sibling is no digest.
    """
    if not 0 <= index < count or len(path) > PATH_MAX:
        return None
    place, last = index, count - 1
    digest = _sha256(_LEAF, leaf)
    for sibling in path:
        if last == 0 or len(sibling) != 32:
            return None
        if place % 2 or place == last:
            digest = _sha256(_NODE, sibling, digest)
            while not place % 2 and place:
                place, last = place // 2, last // 2
        else:
            digest = _sha256(_NODE, digest, sibling)
        place, last = place // 2, last // 2
    return digest if last == 0 else None


def state_entry(blob: bytes, key: bytes) -> bytes | None:
    """Return the value digest that a flat part of the state tree has for a key, None if none.

    Raises:
        ValueError: the part is not whole entries in ascending order, or too many of them.
    """
    if len(blob) % _ENTRY_BYTES or len(blob) > FLAT_BYTES_MAX:
        raise ValueError("the entries are not at most 64 of 64 bytes")
    keys = [blob[at : at + 32] for at in range(0, len(blob), _ENTRY_BYTES)]
    if any(later <= earlier for earlier, later in pairwise(keys)):
        raise ValueError("the entries are not in ascending order")
    wanted = _sha256(key)
    if wanted not in keys:
        return None
    at = keys.index(wanted) * _ENTRY_BYTES
    return blob[at + 32 : at + _ENTRY_BYTES]


def state_root(blob: bytes, siblings: Sequence[bytes], key: bytes, buckets: int) -> bytes | None:
    """Return the root of the state tree that has this flat part where `key` belongs.

    Args:
        blob: entries of the part.
        siblings: from the part up to the root, each node's other children, side by side.
        key: decides the way down: 4 bits of its digest for a level, fewer for the topmost if the
            number of buckets asks for that.
        buckets: leaves of the tree above the splits, a power of two.

    Returns:
        None if no such tree has siblings of these lengths.
    """
    bits = buckets.bit_length() - 1
    top = bits % 4 or 4
    levels = (bits + 3) // 4
    if not levels <= len(siblings) <= levels + (256 - bits) // 4:
        return None
    way = int.from_bytes(_sha256(key), "big")
    digest = _sha256(_FLAT, blob)
    for above, others in zip(range(len(siblings), 0, -1), siblings, strict=True):
        # `above` counts the nodes from the root to this one, itself included.
        width = top if above == 1 else 4
        used = top + 4 * (above - 1)
        branch = way >> (256 - used) & (1 << width) - 1
        if len(others) != ((1 << width) - 1) * 32:
            return None
        prefix = _INNER if above <= levels else _SPLIT
        digest = _sha256(prefix, others[: branch * 32], digest, others[branch * 32 :])
    return digest

"""One bucket of the state tree: its entries and their digest (S1).

A bucket holds the entries whose key digests share the bucket's leading bits, each 64 bytes: key
digest ‖ value digest. Up to 64 entries are flat, one blob of them in ascending order with the
digest SHA-256(02 ‖ blob). More are a 16-way node over the next 4 bits of the key digest, with the
digest SHA-256(03 ‖ 16 child digests), each child again flat or split. The shape is a function of
the contents only, so whoever fills one bucket on purpose gains a deeper proof and nothing else.

Contents are immutable: a change returns new contents that share what did not change. Key digests
are distinct, so fewer than 4 bits are never left to split on: at most 8 entries could share them.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

from ledger.hashing import sha256_each
from ledger.params import BUCKET_FLAT_MAX
from ledger.types import Hash

ENTRY_BYTES: Final = 64
"""Key digest and value digest."""

FLAT_BYTES_MAX: Final = BUCKET_FLAT_MAX * ENTRY_BYTES
"""Longest blob of a flat bucket."""

BRANCH_BITS: Final = 4
"""Bits of the key digest that one split consumes."""

BRANCHES: Final = 1 << BRANCH_BITS
"""Children of a split."""

FLAT_PREFIX: Final = b"\x02"
SPLIT_PREFIX: Final = b"\x03"


class Split:
    """A bucket, or a part of one, with more than 64 entries."""

    __slots__ = ("children", "count", "digests")

    def __init__(self, children: "tuple[Contents, ...]", digests: bytes, count: int) -> None:
        """Hold 16 children, their 16 digests as one string, and the entries below."""
        self.children = children
        self.digests = digests
        self.count = count


Contents = bytes | Split
"""What a bucket holds: the blob of a flat one, or a split."""

EMPTY: Final[Contents] = b""
"""A bucket without entries."""


def digest_of(contents: Contents) -> Hash:
    """Return the digest of a bucket or a part of one."""
    if isinstance(contents, bytes):
        return hashlib.sha256(FLAT_PREFIX + contents).digest()
    return hashlib.sha256(SPLIT_PREFIX + contents.digests).digest()


def digests_of(parts: Sequence[Contents]) -> list[Hash]:
    """Return the digest of each of several buckets."""
    return sha256_each(
        [
            FLAT_PREFIX + part if isinstance(part, bytes) else SPLIT_PREFIX + part.digests
            for part in parts
        ]
    )


def count_of(contents: Contents) -> int:
    """Return the number of entries."""
    return len(contents) // ENTRY_BYTES if isinstance(contents, bytes) else contents.count


def branch_of(key_digest: Hash, depth: int) -> int:
    """Return which child of a split the key belongs to, `depth` bits having been consumed."""
    return int.from_bytes(key_digest, "big") >> (256 - BRANCH_BITS - depth) & (BRANCHES - 1)


def from_blob(blob: bytes, depth: int) -> Contents:
    """Return the contents made of ascending, distinct entries that share their first bits.

    Args:
        blob: the entries.
        depth: how many leading bits of the key digest are consumed, so shared by all.
    """
    if len(blob) <= FLAT_BYTES_MAX:
        return blob
    parts: list[list[bytes]] = [[] for _ in range(BRANCHES)]
    for at in range(0, len(blob), ENTRY_BYTES):
        entry = blob[at : at + ENTRY_BYTES]
        parts[branch_of(entry[:32], depth)].append(entry)
    children = tuple(from_blob(b"".join(part), depth + BRANCH_BITS) for part in parts)
    digests = b"".join(map(digest_of, children))
    return Split(children, digests, len(blob) // ENTRY_BYTES)


def blobs_of(contents: Contents) -> Iterator[bytes]:
    """Yield the entries in ascending order, one blob for each flat part."""
    if isinstance(contents, bytes):
        yield contents
    else:
        for child in contents.children:
            yield from blobs_of(child)


def change(contents: Contents, depth: int, key_digest: Hash, value_digest: Hash | None) -> Contents:
    """Return the contents with one entry put in, replaced or (value None) taken out.

    Taking out what is not there changes nothing.

    Args:
        contents: what to start from; not changed.
        depth: bits of the key digest that the place of `contents` has consumed.
        key_digest: SHA-256 of the key.
        value_digest: SHA-256 of the value, or None to take the entry out.
    """
    if isinstance(contents, bytes):
        blob = _change_flat(contents, key_digest, value_digest)
        return blob if len(blob) <= FLAT_BYTES_MAX else from_blob(blob, depth)
    branch = branch_of(key_digest, depth)
    before = contents.children[branch]
    after = change(before, depth + BRANCH_BITS, key_digest, value_digest)
    count = contents.count + count_of(after) - count_of(before)
    children = (*contents.children[:branch], after, *contents.children[branch + 1 :])
    if count <= BUCKET_FLAT_MAX:
        return b"".join(blob for child in children for blob in blobs_of(child))
    at = branch * 32
    digests = contents.digests[:at] + digest_of(after) + contents.digests[at + 32 :]
    return Split(children, digests, count)


def value_digest_in(blob: bytes, key_digest: Hash) -> Hash | None:
    """Return the value digest beside `key_digest` in a flat blob, None if it is not there."""
    at = _find(blob, key_digest)
    return None if at < 0 else blob[at + 32 : at + ENTRY_BYTES]


def _find(blob: bytes, key_digest: Hash) -> int:
    """Return where the entry of a key begins, or -1.

    The search is one call in C; a hit that is not at the beginning of an entry (a value digest may
    equal a key digest) is passed over.
    """
    at = blob.find(key_digest)
    while at >= 0 and at % ENTRY_BYTES:
        at = blob.find(key_digest, at + 1)
    return at


def _change_flat(blob: bytes, key_digest: Hash, value_digest: Hash | None) -> bytes:
    at = _find(blob, key_digest)
    if at >= 0:
        entry = b"" if value_digest is None else key_digest + value_digest
        return blob[:at] + entry + blob[at + ENTRY_BYTES :]
    if value_digest is None:
        return blob
    low, high = 0, len(blob) // ENTRY_BYTES
    while low < high:
        middle = (low + high) // 2
        if blob[middle * ENTRY_BYTES : middle * ENTRY_BYTES + 32] < key_digest:
            low = middle + 1
        else:
            high = middle
    at = low * ENTRY_BYTES
    return blob[:at] + key_digest + value_digest + blob[at:]

"""The state in parts that each can be checked alone (S9).

A chunk is what the buckets of an aligned range hold, as (key, record) pairs in the order of their
key digests. The range is that of one node of the state tree, so the chunk's digest is that node's,
and the digests of all chunks fold to the root that a header commits to: whoever has the digests
knows of each chunk, as it arrives, whether it is right.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from ledger import bucket
from ledger.bucket_tree import bucket_bits, node_digest
from ledger.codec import Codec
from ledger.errors import LedgerError
from ledger.records import RECORD_BYTES_MAX
from ledger.types import Hash

CHUNK_BYTES_WANTED: Final = 1_048_576
"""Chunks are split while they are larger than this on average."""

CHUNK_BYTES_MAX: Final = 64 * 1_048_576
"""Longest chunk that is read; whoever fills one range on purpose pays for each account in it."""

StateKey = Annotated[bytes, Meta(min_length=1, max_length=64)]
"""A state key: table and id."""

RecordBytes = Annotated[bytes, Meta(max_length=RECORD_BYTES_MAX)]
"""A canonical record."""


class StateChunk(
    msgspec.Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True
):
    """Entries of an aligned range of buckets."""

    number: Annotated[int, Meta(ge=0, lt=1 << 20)]
    """Which range, counted from 0."""
    entries: tuple[tuple[StateKey, RecordBytes], ...]
    """(key, record), ascending by SHA-256(key)."""


CHUNK_CODEC: Final = Codec(StateChunk, CHUNK_BYTES_MAX, "state chunk")


class ChunkInvalid(LedgerError):
    """A chunk, or the list of their digests, is not part of the state that a header commits to."""

    code = "CHUNK_INVALID"


def chunk_counts(buckets: int) -> tuple[int, ...]:
    """Return into how many chunks a state can be split: the widths of its tree's levels, rising."""
    widths = [1 << bucket_bits(buckets)]
    while widths[-1] > 16:
        widths.append(widths[-1] // 16)
    return (1, *reversed(widths))


def split_state(records: Mapping[bytes, bytes], buckets: int) -> Iterator[StateChunk]:
    """Yield the chunks of a state, few enough to be useful and small enough to be held."""
    size = sum(len(key) + len(record) for key, record in records.items())
    fitting = [n for n in chunk_counts(buckets) if size <= n * CHUNK_BYTES_WANTED]
    count = fitting[0] if fitting else buckets
    # Each range is sorted alone: one sort of them all would hold the interpreter, and with it the
    # event loop of whoever does this in a thread, for a second.
    shift = 32 - (count.bit_length() - 1)
    ranges: list[dict[Hash, bytes]] = [{} for _ in range(count)]
    for key in records:
        digest = hashlib.sha256(key).digest()
        ranges[int.from_bytes(digest[:4], "big") >> shift][digest] = key
    for number, keys in enumerate(ranges):
        yield StateChunk(number, tuple((keys[each], records[keys[each]]) for each in sorted(keys)))


def chunk_digest(chunk: StateChunk, count: int, buckets: int) -> Hash:
    """Return the digest of the tree node whose range a chunk fills.

    Args:
        chunk: hostile, but decoded.
        count: into how many the state is split, one of `chunk_counts`.
        buckets: size of the state tree.

    Raises:
        ChunkInvalid: an entry is out of order, given twice, or of another chunk.
    """
    bits = bucket_bits(buckets)
    shift, width = 256 - bits, buckets // count
    first = chunk.number * width
    sha256 = hashlib.sha256
    entries = [(sha256(key).digest(), record) for key, record in chunk.entries]
    if any(later[0] <= earlier[0] for earlier, later in pairwise(entries)):
        raise ChunkInvalid(f"chunk {chunk.number} has entries that are not in ascending order")
    digests = [bucket.digest_of(bucket.EMPTY)] * width
    for number, group in groupby(entries, lambda e: int.from_bytes(e[0], "big") >> shift):
        if not first <= number < first + width:
            raise ChunkInvalid(f"chunk {chunk.number} has an entry of bucket {number}")
        blob = b"".join(key + sha256(record).digest() for key, record in group)
        digests[number - first] = bucket.digest_of(bucket.from_blob(blob, bits))
    return fold(digests)


def fold(digests: Sequence[Hash]) -> Hash:
    """Return the digest of the node above neighbouring nodes of one level."""
    while len(digests) > 1:
        digests = [node_digest(b"".join(row)) for row in _rows(digests)]
    return digests[0]


def check_chunk_digests(digests: Sequence[Hash], root: Hash, buckets: int) -> None:
    """Check that a list of chunk digests is a level of the tree under a state root.

    Raises:
        ChunkInvalid: it is not.
    """
    if len(digests) not in chunk_counts(buckets):
        raise ChunkInvalid(f"{len(digests)} chunks are no level of a tree of {buckets} buckets")
    computed = fold(digests)
    if computed != root:
        raise ChunkInvalid(
            f"the chunks' digests fold to {computed.hex()}, but the state root is {root.hex()}"
        )


def _rows(digests: Sequence[Hash]) -> Iterable[Sequence[Hash]]:
    return (digests[at : at + 16] for at in range(0, len(digests), 16))

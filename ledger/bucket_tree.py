"""The tree whose root every header commits to: any value of the state is provable (S1).

A key's bucket is given by the leading bits of SHA-256(key); `bucket` says what a bucket's digest
is. Above the buckets stands a complete 16-ary tree with nodes SHA-256(04 ‖ child digests). With B
buckets, B a power of two in 2^8 … 2^20, every level has a sixteenth of the nodes below; where
log2(B) is no multiple of 4 the topmost node has only 2, 4 or 8 children: all that are left.

`BucketTree` is the final state's tree: one flat array of rows per level, the buckets' contents in
a list. `TreeOverlay` is the tree of one unfinalized block: the buckets and the rows that differ. A
row is what a node is the digest of: the prefix, then the digests of its children side by side. A
block's changes touch each bucket and each node above it once.
"""

import hashlib
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from ledger import bucket
from ledger.bucket import Contents
from ledger.hashing import sha256_each
from ledger.layers import Layer, LayeredBase
from ledger.steps import UNITS_PER_STEP, Steps, at_once
from ledger.types import Hash

BUCKET_BITS_MIN: Final = 8
BUCKET_BITS_MAX: Final = 20
"""log2 of the bounds of the number of buckets (S14)."""

NODE_PREFIX: Final = b"\x04"

ROW_BYTES: Final = len(NODE_PREFIX) + 16 * 32
"""Length of a row; the topmost one may be shorter."""

_FIRST_32_BITS: Final = "I28x"
"""What `struct` takes of a key digest; no bucket number has more bits."""

RowAt = Callable[[int], memoryview]
"""Gives a row of one level by its node's number."""


def bucket_bits(buckets: int) -> int:
    """Return log2 of a number of buckets.

    Raises:
        ValueError: not a power of two in 2^8 … 2^20 (S14).
    """
    bits = buckets.bit_length() - 1
    if buckets != 1 << max(bits, 0) or not BUCKET_BITS_MIN <= bits <= BUCKET_BITS_MAX:
        raise ValueError(f"buckets must be a power of two in 2^8 … 2^20, not {buckets}")
    return bits


def node_digest(row: bytes | bytearray) -> Hash:
    """Return the digest of the node whose children's digests are `row`."""
    return hashlib.sha256(NODE_PREFIX + row).digest()


class Rows:
    """Some rows of one level, side by side."""

    __slots__ = ("data", "places")

    def __init__(self, numbers: Sequence[int], row_at: RowAt) -> None:
        """Copy the rows of some nodes."""
        self.data = memoryview(bytearray().join(map(row_at, numbers)))
        """The rows."""
        self.places = dict(zip(numbers, range(0, len(self.data), ROW_BYTES), strict=True))
        """Where the row of each node begins."""

    def put(self, digests: Mapping[int, Hash]) -> None:
        """Set the digests of children, by their number in the level below."""
        data, places = self.data, self.places
        for number, digest in digests.items():
            at = places[number >> 4] + ((number & 15) << 5) + 1
            data[at : at + 32] = digest

    def digests_in_steps(self) -> Steps[dict[int, Hash]]:
        """Return the digest of each node."""
        data, digests, step = self.data, list[Hash](), UNITS_PER_STEP * ROW_BYTES
        for start in range(0, len(data), step):
            ends = range(start, min(start + step, len(data)), ROW_BYTES)
            digests += sha256_each([data[at : at + ROW_BYTES] for at in ends])
            yield len(ends)
        return dict(zip(self.places, digests, strict=True))


class BucketTree(LayeredBase):
    """The tree of the final state."""

    __slots__ = ("_levels", "bits", "contents", "root")

    def __init__(self, buckets: int) -> None:
        """Make the tree of an empty state."""
        super().__init__()
        self.bits = bucket_bits(buckets)
        """Leading bits of a key digest that choose the bucket."""
        self.contents: list[Contents] = [bucket.EMPTY] * buckets
        """Every bucket's entries."""
        self._levels: list[memoryview] = []
        digest, width = bucket.digest_of(bucket.EMPTY), buckets
        while width > 1:
            children = digest * min(width, 16)
            digest, width = node_digest(children), width // 16
            self._levels.append(memoryview(bytearray((NODE_PREFIX + children) * max(width, 1))))
        self.root: Hash = digest
        """Root over all entries."""

    @classmethod
    def build(cls, entries: Iterable[tuple[bytes, bytes]], buckets: int) -> "BucketTree":
        """Return the tree over (key, value) pairs with distinct keys."""
        tree = cls(buckets)
        digest, shift = hashlib.sha256, 32 - tree.bits
        # Whole buckets share their first byte. To sort all entries at once would take longer, and
        # so would a list for each bucket: the next entry's is never in the processor's cache.
        parts: list[list[bytes]] = [[] for _ in range(256)]
        for key, value in entries:
            entry = digest(key).digest() + digest(value).digest()
            parts[entry[0]].append(entry)
        dirty: dict[int, Hash] = {}
        for part in parts:
            part.sort()
            blob, at = b"".join(part), 0
            part.clear()
            for number, count in Counter(
                first >> shift for (first,) in struct.iter_unpack(">I60x", blob)
            ).items():
                end = at + count * bucket.ENTRY_BYTES
                contents = bucket.from_blob(blob[at:end], tree.bits)
                tree.contents[number], dirty[number] = contents, bucket.digest_of(contents)
                at = end
        if dirty:
            rows, tree.root = at_once(_changed_rows_in_steps(dirty, tree.height, tree.rows_at))
            tree._write(rows)
        return tree

    def bucket_at(self, number: int) -> Contents:
        """Return the entries of one bucket."""
        return self.contents[number]

    def row(self, level: int, number: int) -> bytes:
        """Return the digests of the children of node `number` above `level` (0 = the buckets)."""
        return bytes(self.rows_at(level)(number)[len(NODE_PREFIX) :])

    def rows_at(self, level: int) -> RowAt:
        """Return what gives the rows of a level."""
        rows = self._levels[level]
        return lambda number: rows[number * ROW_BYTES : (number + 1) * ROW_BYTES]

    @property
    def height(self) -> int:
        """Levels of nodes above the buckets, the root included."""
        return len(self._levels)

    def overlay(
        self, changes: Mapping[bytes, bytes | None], parent: "TreeOverlay | None" = None
    ) -> "TreeOverlay":
        """Return the tree after a block's changes, on its parent's tree or on this final one.

        Args:
            changes: key → new value; None takes the key out, which may be absent already.
            parent: the tree of the parent block, None if that is final.
        """
        return at_once(self.overlay_in_steps(changes, parent))

    def overlay_in_steps(
        self, changes: Mapping[bytes, bytes | None], parent: "TreeOverlay | None" = None
    ) -> Steps["TreeOverlay"]:
        """Do the same as `overlay` in steps of changed keys."""
        overlay = TreeOverlay(self, parent)
        if changes:
            yield from overlay.compute(_Below(self, parent), changes)
        return overlay

    def absorb(self, overlay: "TreeOverlay") -> None:
        """Make an overlay that stands directly on this base part of it.

        Its children stay valid. Its siblings must not be read any more.
        """
        overlay.become_base()
        for number, contents in overlay.contents.items():
            self.contents[number] = contents
        self._write(overlay.rows)
        self.root = overlay.root
        overlay.contents, overlay.rows = {}, []

    def _write(self, rows: Sequence[Rows]) -> None:
        for level, changed in zip(self._levels, rows, strict=False):
            data = changed.data
            for number, place in changed.places.items():
                at = number * ROW_BYTES
                level[at : at + ROW_BYTES] = data[place : place + ROW_BYTES]


class TreeOverlay(Layer[BucketTree]):
    """The tree after one unfinalized block; reads through to what it stands on."""

    __slots__ = ("contents", "root", "rows")

    def __init__(self, base: BucketTree, parent: "TreeOverlay | None") -> None:
        """Start without differences; use `BucketTree.overlay`."""
        super().__init__(base, parent)
        self.contents: dict[int, Contents] = {}
        """Buckets that the block changed, by number."""
        self.rows: list[Rows] = []
        """Per level, the rows that the block changed; no level if it changed nothing."""
        self.root: Hash = parent.root if parent is not None else base.root
        """Root over all entries."""

    def compute(self, below: "_Below", changes: Mapping[bytes, bytes | None]) -> Steps[None]:
        """Take in a block's changes, on what this layer stands on; once, before it is read."""
        changed: dict[int, Contents] = {}
        keys, values = list(changes), list(changes.values())
        for at in range(0, len(keys), UNITS_PER_STEP):
            end = at + UNITS_PER_STEP
            _change_buckets(below, keys[at:end], values[at:end], changed)
            yield min(end, len(keys)) - at
        digests: list[Hash] = []
        touched = list(changed.values())
        for at in range(0, len(touched), UNITS_PER_STEP):
            some = touched[at : at + UNITS_PER_STEP]
            digests += bucket.digests_of(some)
            yield len(some)
        self.contents = changed
        dirty = dict(zip(changed, digests, strict=True))
        self.rows, self.root = yield from _changed_rows_in_steps(
            dirty, self.base.height, below.rows_at
        )

    @property
    def bits(self) -> int:
        """Leading bits of a key digest that choose the bucket."""
        return self.base.bits

    @property
    def height(self) -> int:
        """Levels of nodes above the buckets, the root included."""
        return self.base.height

    def bucket_at(self, number: int) -> Contents:
        """Return the entries of one bucket."""
        return _Below(self.base, self).contents_at()(number)

    def row(self, level: int, number: int) -> bytes:
        """Return the digests of the children of node `number` above `level` (0 = the buckets)."""
        return bytes(_Below(self.base, self).rows_at(level)(number)[len(NODE_PREFIX) :])


class _Below:
    """What a new layer reads: its ancestors, newest first, then the base."""

    __slots__ = ("base", "layers")

    def __init__(self, base: BucketTree, parent: TreeOverlay | None) -> None:
        self.base = base
        self.layers = parent.lineage() if parent is not None else []

    def contents_at(self) -> Callable[[int], Contents]:
        """Return what gives the entries of a bucket."""
        of_base = self.base.contents.__getitem__
        changed = [layer.contents for layer in self.layers]
        if not changed:
            return of_base

        def contents(number: int) -> Contents:
            for buckets in changed:
                found = buckets.get(number)
                if found is not None:
                    return found
            return of_base(number)

        return contents

    def rows_at(self, level: int) -> RowAt:
        """Return what gives the rows of a level."""
        of_base = self.base.rows_at(level)
        changed = [layer.rows[level] for layer in self.layers if layer.rows]
        if not changed:
            return of_base

        def row(number: int) -> memoryview:
            for rows in changed:
                at = rows.places.get(number)
                if at is not None:
                    return rows.data[at : at + ROW_BYTES]
            return of_base(number)

        return row


def _change_buckets(
    below: _Below,
    keys: Sequence[bytes],
    values: Sequence[bytes | None],
    changed: dict[int, Contents],
) -> None:
    """Bring the contents of every bucket that the changes touch up to date in `changed`."""
    contents_at, bits = below.contents_at(), below.base.bits
    shift = 32 - bits
    key_digests = sha256_each(keys)
    value_digests = sha256_each([value or b"" for value in values])
    leading = struct.unpack(">" + _FIRST_32_BITS * len(keys), b"".join(key_digests))
    for first, key_digest, value, put in zip(
        leading, key_digests, values, value_digests, strict=True
    ):
        number = first >> shift
        contents = changed.get(number)
        if contents is None:
            contents = contents_at(number)
        if value is not None and isinstance(contents, bytes):
            # The usual case of `bucket.change` without its calls: the key has an entry.
            at = contents.find(key_digest) + 32
            if at % bucket.ENTRY_BYTES == 32:
                changed[number] = contents[:at] + put + contents[at + 32 :]
                continue
        value_digest = None if value is None else put
        changed[number] = bucket.change(contents, bits, key_digest, value_digest)


def _changed_rows_in_steps(
    dirty: dict[int, Hash], height: int, rows_at: Callable[[int], RowAt]
) -> Steps[tuple[list[Rows], Hash]]:
    """Carry changed bucket digests up, level by level.

    Returns:
        The changed rows of each level, and the root. `dirty` must not be empty.
    """
    levels = []
    for level in range(height):
        numbers = list(dict.fromkeys([number >> 4 for number in dirty]))
        rows = Rows(numbers, rows_at(level))
        rows.put(dirty)
        levels.append(rows)
        dirty = yield from rows.digests_in_steps()
    return levels, dirty[0]

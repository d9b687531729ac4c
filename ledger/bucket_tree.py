"""The tree whose root every header commits to: any value of the state is provable (S1).

A key's bucket is given by the leading bits of SHA-256(key); `bucket` says what a bucket's digest
is. Above the buckets stands a complete 16-ary tree with nodes SHA-256(04 ‖ child digests). With B
buckets, B a power of two in 2^8 … 2^20, every level has a sixteenth of the nodes below; where
log2(B) is no multiple of 4 the topmost node has only 2, 4 or 8 children: all that are left.

`BucketTree` is the final state's tree: one flat array of digests per level, the buckets' contents
in a list. `TreeOverlay` is the tree of one unfinalized block: the buckets and the rows of digests
that differ. A block's changes touch each bucket and each node above it once.
"""

import hashlib
from collections import defaultdict
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

ROW_BYTES: Final = 16 * 32
"""Digests of the children of one node, side by side."""


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
        self._levels: list[bytearray] = []
        digest, width = bucket.digest_of(bucket.EMPTY), buckets
        while width > 1:
            self._levels.append(bytearray(digest * width))
            digest, width = node_digest(digest * min(width, 16)), width // 16
        self.root: Hash = digest
        """Root over all entries."""

    @classmethod
    def build(cls, entries: Iterable[tuple[bytes, bytes]], buckets: int) -> "BucketTree":
        """Return the tree over (key, value) pairs with distinct keys."""
        tree = cls(buckets)
        digest, from_bytes = hashlib.sha256, int.from_bytes
        shift = 32 - tree.bits
        # Each bucket is sorted alone, which takes a third of the time that sorting all would.
        found: defaultdict[int, list[bytes]] = defaultdict(list)
        for key, value in entries:
            pair = digest(key).digest() + digest(value).digest()
            found[from_bytes(pair[:4], "big") >> shift].append(pair)
        dirty: dict[int, Hash] = {}
        while found:
            number, pairs = found.popitem()
            pairs.sort()
            tree.contents[number] = contents = bucket.from_blob(b"".join(pairs), tree.bits)
            dirty[number] = bucket.digest_of(contents)
        if dirty:
            rows, tree.root = _changed_rows(dirty, tree.height, tree.copier_of)
            tree._write(rows)
        return tree

    def bucket_at(self, number: int) -> Contents:
        """Return the entries of one bucket."""
        return self.contents[number]

    def row(self, level: int, number: int) -> bytes | bytearray:
        """Return the digests of the children of node `number` above `level` (0 = the buckets)."""
        return self._levels[level][number * ROW_BYTES : (number + 1) * ROW_BYTES]

    def copier_of(self, level: int) -> Callable[[int], bytearray]:
        """Return what copies a row of a level, so that the caller may change it."""
        digests = self._levels[level]
        return lambda number: digests[number * ROW_BYTES : (number + 1) * ROW_BYTES]

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
        overlay.contents, overlay.rows = {}, [{} for _ in self._levels]

    def _write(self, rows: "list[dict[int, bytearray]]") -> None:
        for level, changed in zip(self._levels, rows, strict=True):
            for number, row in changed.items():
                at = number * ROW_BYTES
                level[at : at + len(row)] = row


class TreeOverlay(Layer[BucketTree]):
    """The tree after one unfinalized block; reads through to what it stands on."""

    __slots__ = ("contents", "root", "rows")

    def __init__(self, base: BucketTree, parent: "TreeOverlay | None") -> None:
        """Start without differences; use `BucketTree.overlay`."""
        super().__init__(base, parent)
        self.contents: dict[int, Contents] = {}
        """Buckets that the block changed, by number."""
        self.rows: list[dict[int, bytearray]] = [{} for _ in range(base.height)]
        """Per level, the rows of digests that the block changed, by the number of their node."""
        self.root: Hash = parent.root if parent is not None else base.root
        """Root over all entries."""

    def compute(self, below: "_Below", changes: Mapping[bytes, bytes | None]) -> Steps[None]:
        """Take in a block's changes, on what this layer stands on; once, before it is read."""
        changed: dict[int, Contents] = {}
        waiting = list(changes.items())
        for at in range(0, len(waiting), UNITS_PER_STEP):
            some = waiting[at : at + UNITS_PER_STEP]
            _change_buckets(below, some, changed)
            yield len(some)
        dirty: dict[int, Hash] = {}
        touched = list(changed.items())
        for at in range(0, len(touched), UNITS_PER_STEP):
            some_buckets = touched[at : at + UNITS_PER_STEP]
            digests = bucket.digests_of([contents for _, contents in some_buckets])
            dirty.update(zip((number for number, _ in some_buckets), digests, strict=True))
            yield len(some_buckets)
        self.contents = changed
        rows = []
        for level in range(self.base.height):
            dirty, row = yield from _changed_row_in_steps(dirty, below.copier_of(level))
            rows.append(row)
        self.rows, self.root = rows, dirty[0]

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
        return _Below(self.base, self).bucket_at(number)

    def row(self, level: int, number: int) -> bytes | bytearray:
        """Return the digests of the children of node `number` above `level` (0 = the buckets)."""
        return _Below(self.base, self).row(level, number)


class _Below:
    """What a new layer reads: its ancestors, newest first, then the base."""

    __slots__ = ("base", "layers")

    def __init__(self, base: BucketTree, parent: TreeOverlay | None) -> None:
        self.base = base
        self.layers = parent.lineage() if parent is not None else []

    def bucket_at(self, number: int) -> Contents:
        for layer in self.layers:
            contents = layer.contents.get(number)
            if contents is not None:
                return contents
        return self.base.contents[number]

    def row(self, level: int, number: int) -> bytes | bytearray:
        for layer in self.layers:
            row = layer.rows[level].get(number)
            if row is not None:
                return row
        return self.base.row(level, number)

    def copier_of(self, level: int) -> Callable[[int], bytearray]:
        """Return what copies a row of a level, so that the caller may change it."""
        copy_of_base = self.base.copier_of(level)
        changed = [layer.rows for layer in self.layers]
        if not changed:
            return copy_of_base

        def copy(number: int) -> bytearray:
            for rows in changed:
                row = rows[level].get(number)
                if row is not None:
                    return row[:]
            return copy_of_base(number)

        return copy


def _change_buckets(
    below: _Below, changes: Sequence[tuple[bytes, bytes | None]], changed: dict[int, Contents]
) -> None:
    """Bring the contents of every bucket that the changes touch up to date in `changed`."""
    from_bytes, bucket_at, bits = int.from_bytes, below.bucket_at, below.base.bits
    shift = 32 - bits
    key_digests = sha256_each([key for key, _ in changes])
    value_digests = sha256_each([value or b"" for _, value in changes])
    for change, key_digest, put in zip(changes, key_digests, value_digests, strict=True):
        number = from_bytes(key_digest[:4], "big") >> shift
        contents = changed.get(number)
        if contents is None:
            contents = bucket_at(number)
        value_digest = None if change[1] is None else put
        changed[number] = bucket.change(contents, bits, key_digest, value_digest)


def _changed_row_in_steps(
    dirty: dict[int, Hash], copy_of_row: Callable[[int], bytearray]
) -> Steps[tuple[dict[int, Hash], dict[int, bytearray]]]:
    """Carry changed digests of one level up by one.

    Returns:
        The changed digests of the level above, and the changed rows of this one.
    """
    changed: dict[int, bytearray] = {}
    for number, digest in dirty.items():
        above = number >> 4
        row = changed.get(above)
        if row is None:
            row = changed[above] = copy_of_row(above)
        at = (number & 15) * 32
        row[at : at + 32] = digest
    digests: dict[int, Hash] = {}
    rows = list(changed.items())
    for at in range(0, len(rows), UNITS_PER_STEP):
        some = rows[at : at + UNITS_PER_STEP]
        hashed = sha256_each([NODE_PREFIX + row for _, row in some])
        digests.update(zip((number for number, _ in some), hashed, strict=True))
        yield len(some)
    return digests, changed


def _changed_rows(
    dirty: dict[int, Hash], height: int, copier_of: Callable[[int], Callable[[int], bytearray]]
) -> tuple[list[dict[int, bytearray]], Hash]:
    """Carry changed bucket digests up, level by level.

    Returns:
        The changed rows of each level, and the root. `dirty` must not be empty.
    """
    rows = []
    for level in range(height):
        dirty, row = at_once(_changed_row_in_steps(dirty, copier_of(level)))
        rows.append(row)
    return rows, dirty[0]

"""Transaction ids that a block may not repeat (T1, T2).

The set is not state: it is the ids of the ancestors whose `valid_until` is not past, looked up
along a block's own ancestry. Ids are kept in one set per ten seconds of `valid_until`, so that a
whole slice is forgotten at once and no set grows large enough to stall when it is resized. An id
covers its `valid_until`, so only one slice can contain it. Full ids are kept: a shared prefix
never refuses a transaction.
"""

from collections.abc import Iterable
from typing import Final

from ledger.layers import Layer, LayeredBase
from ledger.types import Hash, TimestampMs

SLICE_MS: Final = 10_000
"""Width of a slice of `valid_until`, in milliseconds."""


class SeenIds(LayeredBase):
    """Ids in final blocks."""

    __slots__ = ("_slices",)

    def __init__(self, ids: Iterable[tuple[Hash, TimestampMs]] = ()) -> None:
        """Start with (id, valid_until_ms) pairs, such as those that a store reports at start."""
        super().__init__()
        self._slices: dict[int, set[Hash]] = {}
        self._add(ids)

    def __len__(self) -> int:
        """Return how many ids are remembered."""
        return sum(map(len, self._slices.values()))

    def contains(self, transaction_id: Hash, valid_until_ms: TimestampMs) -> bool:
        """Return whether a final block has the transaction with this id and expiry."""
        ids = self._slices.get(valid_until_ms // SLICE_MS)
        return ids is not None and transaction_id in ids

    def overlay(self, ids: Iterable[tuple[Hash, TimestampMs]]) -> "SeenOverlay":
        """Return what a child of the final block has seen, given its own (id, valid_until_ms)."""
        return SeenOverlay(self, None, ids)

    def absorb(self, child: "SeenOverlay") -> None:
        """Make the ids of the block that became final part of the base; its children stay valid."""
        child.become_base()
        self._add(child.ids.items())
        child.ids = {}

    def prune(self, now_ms: TimestampMs) -> None:
        """Forget ids that no block from `now_ms` on may contain; call it with a final time."""
        for number in [n for n in self._slices if (n + 1) * SLICE_MS <= now_ms]:
            del self._slices[number]

    def _add(self, ids: Iterable[tuple[Hash, TimestampMs]]) -> None:
        slices = self._slices
        for transaction_id, valid_until_ms in ids:
            number = valid_until_ms // SLICE_MS
            try:
                slices[number].add(transaction_id)
            except KeyError:
                slices[number] = {transaction_id}


class SeenOverlay(Layer[SeenIds]):
    """Ids of one unfinalized block, on those of its ancestors."""

    __slots__ = ("ids",)

    def __init__(
        self,
        base: SeenIds,
        parent: "SeenOverlay | None",
        ids: Iterable[tuple[Hash, TimestampMs]],
    ) -> None:
        """Hold the block's own (id, valid_until_ms) pairs; use `overlay` of what it stands on."""
        super().__init__(base, parent)
        self.ids = dict(ids)
        """The block's own ids, with the expiry of each; empty once it is absorbed."""

    def contains(self, transaction_id: Hash, valid_until_ms: TimestampMs) -> bool:
        """Return whether this block or an ancestor has the transaction with this id and expiry."""
        for layer in self.layers():
            if transaction_id in layer.ids:
                return True
        return self.base.contains(transaction_id, valid_until_ms)

    def overlay(self, ids: Iterable[tuple[Hash, TimestampMs]]) -> "SeenOverlay":
        """Return what a child of this block has seen, given its own (id, valid_until_ms)."""
        return SeenOverlay(self.base, self, ids)

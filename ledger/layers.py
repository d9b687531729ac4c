"""Immutable layers on a mutable base: one per unfinalized block, a tree by parentage.

The base is what is final. A layer reads through its ancestors down to the base and never changes
them, so siblings share nothing mutable and a dropped one costs nothing (invariant 11). When the
lowest layer of a branch becomes final, the base absorbs it: the layers above it stand on the base
from then on, and those beside it are stale. Reading through a stale layer would mix two histories,
so it is an assertion: the caller has kept a branch that finality has cut off.
"""

from typing import Generic, Self, TypeVar

BaseT = TypeVar("BaseT", bound="LayeredBase")


class LayeredBase:
    """What layers stand on."""

    __slots__ = ("version",)

    def __init__(self) -> None:
        """Start with nothing absorbed."""
        self.version = 0
        """How many layers became part of this base."""


class Layer(Generic[BaseT]):
    """One layer; subclasses hold the differences from what is below."""

    __slots__ = ("_known_version", "_lineage", "absorbed_as", "base", "below", "stands_on")

    def __init__(self, base: BaseT, parent: Self | None) -> None:
        """Stand on `parent`, or on the base as it is now when there is none.

        A parent that the base has absorbed is the same as none, as long as nothing else was
        absorbed after it.
        """
        self.base: BaseT = base
        """What is final."""
        self.below = parent
        """The parent's layer; None when this one was made on the base, or is absorbed."""
        assert parent is None or parent.base is base, "the parent layer is of another base"
        self.stands_on = base.version
        """The base's version when this layer was made; says what it reads when `below` is None."""
        self.absorbed_as = 0
        """The base's version right after it absorbed this layer, 0 before."""
        self._lineage: list[Self] = []
        self._known_version = -1

    def layers(self) -> list[Self]:
        """Return the lineage, computed again only after the base has absorbed something."""
        if self._known_version != self.base.version:
            self._lineage = self.lineage()
            self._known_version = self.base.version
        return self._lineage

    def lineage(self) -> list[Self]:
        """Return this layer and its ancestors above the base, newest first.

        Raises:
            AssertionError: something else than this branch was absorbed since.
        """
        found: list[Self] = []
        layer: Self | None = self
        version = self.stands_on
        while layer is not None:
            version = layer.absorbed_as or layer.stands_on
            if layer.absorbed_as:
                break
            found.append(layer)
            layer = layer.below
        assert version == self.base.version, "stale layer: finality has cut off its branch"
        return found

    def become_base(self) -> None:
        """Record that the base now contains this layer; for the base's `absorb` only."""
        assert self.lineage() == [self], "only the lowest layer of a branch can be absorbed"
        self.base.version += 1
        self.absorbed_as = self.base.version
        self.below = None
        self._lineage, self._known_version = [], -1

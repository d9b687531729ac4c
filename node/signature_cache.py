"""Signed bytes whose signatures verified before, so that a node verifies each once (T3).

Keyed by the hash of everything, signature included. A copy with another signature, which has the
same id, is another key.
"""

from typing import Final

from ledger.types import Hash

GENERATION_MAX: Final = 20_000
"""Digests of one generation, about 3 MB; there are two."""


class DigestCache:
    """A bounded set of digests that forgets the oldest half at once."""

    __slots__ = ("_generation_max", "_old", "_young")

    def __init__(self, generation_max: int = GENERATION_MAX) -> None:
        """Remember at least `generation_max` digests, and at most twice as many."""
        self._generation_max = generation_max
        self._young: set[Hash] = set()
        self._old: set[Hash] = set()

    def add(self, digest: Hash) -> None:
        """Remember a digest."""
        self._young.add(digest)
        if len(self._young) >= self._generation_max:
            self._old, self._young = self._young, set()

    def __contains__(self, digest: Hash) -> bool:
        return digest in self._young or digest in self._old

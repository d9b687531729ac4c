"""Neighbourhoods of the peers that this node wants: the listener keeps room for them."""

from collections.abc import Iterable
from typing import Final

from node.p2p.addresses import Endpoint, is_numeric, neighbourhood

RECENT_MAX: Final = 1_024
"""Neighbourhoods of earlier connections that are remembered; the oldest is forgotten."""


class Familiar:
    """Where validators and configured peers are, or were when they were connected.

    An address proves nothing. Whoever shares one with a validator gets its room at the door, and
    still has to prove a key.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._named: frozenset[str] = frozenset()
        self._recent: dict[str, None] = {}

    def __contains__(self, near: str) -> bool:
        """Return whether a peer that this node wants may be in a neighbourhood."""
        return near in self._named or near in self._recent

    def expect(self, places: Iterable[Endpoint]) -> None:
        """Say where such peers are now, in their own words or the operator's.

        Host names count once they were connected to: only then it is known where they lead.
        """
        hosts = (place.host for place in places)
        self._named = frozenset(neighbourhood(host) for host in hosts if is_numeric(host))

    def note(self, near: str) -> None:
        """Remember where such a peer has proved itself; nothing of an empty text."""
        if not near:
            return
        self._recent.pop(near, None)
        self._recent[near] = None
        if len(self._recent) > RECENT_MAX:
            del self._recent[next(iter(self._recent))]

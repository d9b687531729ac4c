"""Who is there: which peers are connected, when each validator was heard, and what it announced."""

from dataclasses import dataclass

from ledger.types import Epoch, Height, PublicKey, View
from node.p2p import Peer, StatusMessage
from node.ports import Clock


@dataclass(slots=True)
class Sighting:
    """What is known of one peer."""

    heard_ms: int
    """Monotonic time of its last message, or of its connection."""
    is_connected: bool = True
    """Whether it is a peer now."""
    epoch: Epoch = 0
    """Epoch of its last status."""
    view: View = 0
    """View of its last status."""
    final_height: Height = 0
    """Final height of its last status."""


class Presence:
    """Sightings of connected peers, and of the committee's members also when they are gone."""

    def __init__(self, clock: Clock) -> None:
        """Prepare.

        Args:
            clock: its monotonic clock times sightings.
        """
        self._clock = clock
        self._started_ms = clock.monotonic_ms()
        self._sightings: dict[PublicKey, Sighting] = {}
        self._members: frozenset[PublicKey] = frozenset()

    def enter_epoch(self, members: frozenset[PublicKey]) -> None:
        """Note who the members are; others are forgotten when they leave."""
        self._members = members
        self._sightings = {
            key: at for key, at in self._sightings.items() if at.is_connected or key in members
        }

    def connected(self, peer: Peer) -> None:
        """Note a new peer."""
        self._sightings[peer.key] = Sighting(self._clock.monotonic_ms())

    def disconnected(self, peer: Peer) -> None:
        """Note that a peer is gone."""
        if peer.key in self._members:
            self._sightings[peer.key].is_connected = False
        else:
            self._sightings.pop(peer.key, None)

    def heard(self, peer: Peer) -> None:
        """Note any message of a peer."""
        self._sightings[peer.key].heard_ms = self._clock.monotonic_ms()

    def announced(self, peer: Peer, status: StatusMessage) -> None:
        """Note a peer's status."""
        at = self._sightings[peer.key]
        at.epoch, at.view, at.final_height = status.epoch, status.view, status.final_height

    def of(self, key: PublicKey) -> Sighting | None:
        """Return what is known of a peer; None if it was never seen."""
        return self._sightings.get(key)

    def silent_ms(self, key: PublicKey) -> int:
        """Return for how long nothing was heard of a key; since the start if never."""
        at = self._sightings.get(key)
        return self._clock.monotonic_ms() - (at.heard_ms if at else self._started_ms)

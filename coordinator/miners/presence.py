"""When a miner was last heard of. In memory: it is worth nothing after a restart."""

from ledger.types import Address, TimestampMs


class Presence:
    """Times of the last calls, by miner; as many as there are registered miners."""

    def __init__(self) -> None:
        """Begin with nobody heard of."""
        self._last_seen: dict[Address, TimestampMs] = {}

    def seen(self, address: Address, now_ms: TimestampMs) -> None:
        """Note a call by a registered miner."""
        self._last_seen[address] = now_ms

    def last_seen_ms(self, address: Address) -> TimestampMs | None:
        """Return when a miner was last heard of, None if not since the start."""
        return self._last_seen.get(address)

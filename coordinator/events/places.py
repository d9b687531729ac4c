"""How many streams may be open at a time: by key, by address, in all."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from coordinator.events.errors import TooManyStreams


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Open WebSockets and event streams at a time."""

    per_key: int = 100
    """Of one API key."""
    per_address: int = 500
    """From one address."""
    in_all: int = 5_000
    """Of this coordinator."""


class Places:
    """Counts open streams. To be used from one event loop."""

    def __init__(self, limits: StreamLimits) -> None:
        """Begin with none."""
        self._limits = limits
        self._keys: Counter[str] = Counter()
        self._addresses: Counter[str] = Counter()
        self._open = 0

    @property
    def open(self) -> int:
        """Streams that are open."""
        return self._open

    def check(self, key_id: str, address: str) -> None:
        """Check that another stream may be opened.

        Raises:
            TooManyStreams: the key, the address or the coordinator has as many as may be.
        """
        limits = self._limits
        for count, limit, of in (
            (self._keys[key_id], limits.per_key, "one key"),
            (self._addresses[address], limits.per_address, "one address"),
            (self._open, limits.in_all, "this coordinator"),
        ):
            if count >= limit:
                raise TooManyStreams(limit, of)

    def take(self, key_id: str, address: str) -> ExitStack:
        """Count a stream until what is returned is closed; it is a context manager, too.

        Raises:
            TooManyStreams: see `check`.
        """
        place = ExitStack()
        place.enter_context(self.taken(key_id, address))
        return place

    @contextmanager
    def taken(self, key_id: str, address: str) -> Iterator[None]:
        """Count a stream as long as it is open.

        Raises:
            TooManyStreams: see `check`.
        """
        self.check(key_id, address)
        self._keys[key_id] += 1
        self._addresses[address] += 1
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            _release(self._keys, key_id)
            _release(self._addresses, address)


def _release(counts: Counter[str], name: str) -> None:
    counts[name] -= 1
    if not counts[name]:
        del counts[name]

"""Tickets: what a browser shows instead of a key, where it can send no header (V4).

A ticket is good for one stream and one minute. Tickets are held in memory: one that a restart
loses is asked for again.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from coordinator.clients.model import Principal
from coordinator.events.errors import TicketInvalid, TooManyTickets
from coordinator.events.live_keys import LiveKeys
from coordinator.moment import Clock, RandomBytes
from ledger.hashing import sha256
from ledger.types import TimestampMs

VALID_MS: Final = 60_000
"""How long a ticket may be used."""

PER_KEY_MAX: Final = 100
"""Unused tickets of one key."""

SECRET_BYTES: Final = 32

PREFIX: Final = "ticket_"


@dataclass(frozen=True, slots=True)
class _Ticket:
    principal: Principal
    expires_ms: TimestampMs

    def lasts(self, now_ms: TimestampMs) -> bool:
        """Return whether it may be used: for no longer than it was made for, if clocks go back."""
        return 0 < self.expires_ms - now_ms <= VALID_MS


class Tickets:
    """Gives tickets and takes them. To be used from one event loop."""

    def __init__(self, clock: Clock, random_bytes: RandomBytes, keys: LiveKeys) -> None:
        """Begin with none.

        Args:
            clock: the time.
            random_bytes: unpredictable bytes.
            keys: tells whether the key that asked for a ticket is still valid.
        """
        self._clock = clock
        self._random_bytes = random_bytes
        self._keys = keys
        # By digest, so that the time of a look-up tells nothing of what is there.
        self._tickets: dict[bytes, _Ticket] = {}
        self._of_key: Counter[str] = Counter()

    def issue(self, principal: Principal) -> tuple[str, TimestampMs]:
        """Return a new ticket of a caller, and when it ends.

        Raises:
            TooManyTickets: the key has as many unused tickets as may be.
        """
        self._forget_late()
        if self._of_key[principal.key_id] >= PER_KEY_MAX:
            raise TooManyTickets(PER_KEY_MAX)
        text = PREFIX + self._random_bytes(SECRET_BYTES).hex()
        expires_ms = self._clock() + VALID_MS
        self._tickets[_digest(text)] = _Ticket(principal, expires_ms)
        self._of_key[principal.key_id] += 1
        return text, expires_ms

    async def redeem(self, text: str) -> Principal:
        """Return whose ticket it is; it can be used once.

        Raises:
            TicketInvalid: unknown, used, late, or of a key that ended meanwhile.
        """
        ticket = self._take(_digest(text))
        if ticket is None or not ticket.lasts(self._clock()):
            raise TicketInvalid
        if not await self._keys.is_live(ticket.principal):
            raise TicketInvalid
        return ticket.principal

    def _take(self, digest: bytes) -> _Ticket | None:
        ticket = self._tickets.pop(digest, None)
        if ticket is not None:
            key_id = ticket.principal.key_id
            self._of_key[key_id] -= 1
            if not self._of_key[key_id]:
                del self._of_key[key_id]
        return ticket

    def _forget_late(self) -> None:
        """Forget what ended; all live equally long, so the oldest come first."""
        now_ms = self._clock()
        while self._tickets:
            digest = next(iter(self._tickets))
            if self._tickets[digest].lasts(now_ms):
                return
            self._take(digest)


def _digest(text: str) -> bytes:
    return sha256(text.encode())

"""Keys that were read before, so that most requests identify their caller without the database.

What is known is right because this process alone writes the table of keys, and writes it through
`KnownKeys.change`, which forgets everything before its caller goes on. So a key that was revoked
is refused by every request that comes after the answer to its revocation.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from sqlalchemy import Connection

from coordinator.clients import store
from coordinator.clients.model import Principal
from coordinator.database import Database
from ledger.types import TimestampMs

T = TypeVar("T")

KNOWN_MAX: Final = 10_000
"""Keys that are remembered; beyond them all are forgotten, and read again as they come."""


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A stored key as authentication needs it."""

    digest: bytes
    """Of its text."""
    is_revoked: bool
    """Whether it was revoked."""
    principal: Principal
    """Whom it identifies, and when it ends."""

    def works(self, now_ms: TimestampMs) -> bool:
        """Return whether it is neither revoked nor past its end."""
        end_ms = self.principal.expires_ms
        return not self.is_revoked and (end_ms is None or end_ms > now_ms)


class KnownKeys:
    """The table of keys, remembered. To be used from one event loop."""

    def __init__(self, database: Database) -> None:
        """Begin with nothing remembered."""
        self._database = database
        self._known: dict[str, KnownKey] = {}
        self._changes = 0

    def remembered(self, key_id: str) -> KnownKey | None:
        """Return a key by its public part if it was read before."""
        return self._known.get(key_id)

    async def find(self, key_id: str) -> KnownKey | None:
        """Return a key by its public part, None if there is none."""
        known = self.remembered(key_id)
        if known is not None:
            return known
        changes = self._changes
        row = await self._database.read(lambda c: store.find_key(c, key_id))
        if row is None:
            return None
        known = _known_key(row)
        if changes == self._changes:
            # Else it may have been read before the change that was just forgotten about.
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            self._known[key_id] = known
        return known

    async def change(self, work: Callable[[Connection], T]) -> T:
        """Run a write that may change keys; see `Database.write`."""
        writing = asyncio.ensure_future(self._database.write(work))
        # However it ends, and also if the caller goes away before.
        writing.add_done_callback(self._forget)
        return await asyncio.shield(writing)

    def _forget(self, _: object) -> None:
        self._changes += 1
        self._known.clear()


def _known_key(row: store.AnyRow) -> KnownKey:
    principal = Principal(
        client_id=row.client_id,
        scopes=store.scopes_of(row.scopes),
        key_id=row.key_id,
        version_pin=row.version_pin,
        expires_ms=row.expires_ms,
        budget_id=row.budget_id,
        quotas=store.quotas_of(row.quotas),
    )
    return KnownKey(row.digest, row.revoked_ms is not None, principal)

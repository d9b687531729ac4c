"""Miners' rows that were read before: each job's miner calls several times, and rarely changes.

What is known is right because every write to the table says so (`coordinator.miners.store`), and
what was read before is forgotten with it.
"""

from typing import Final

from coordinator.database import Database
from coordinator.miners.names import key_of
from coordinator.miners.store import MINERS, AnyRow, find_miner

KNOWN_MAX: Final = 1_000
"""Rows that are remembered; beyond them all are forgotten, and read again as they come."""


class KnownMiners:
    """The table of miners, remembered. To be used from one event loop."""

    def __init__(self, database: Database) -> None:
        """Begin with nothing remembered."""
        self._database = database
        self._version: int | None = None
        self._known: dict[str, AnyRow] = {}

    async def find(self, name: str) -> AnyRow | None:
        """Return a miner's row by name, without regard to case; None if there is none."""
        version = self._database.version_of(MINERS)
        if version != self._version:
            self._known.clear()
            self._version = version
        known = self._known.get(key_of(name))
        if known is not None:
            return known
        row = await self._database.read(lambda c: find_miner(c, name))
        if row is not None and version is not None and version == self._version:
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            self._known[key_of(name)] = row
        return row

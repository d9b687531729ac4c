"""Counts the requests of keys: in memory at each, in the database every second or so.

A process that dies loses the counts of its last second; nothing is decided by them.
"""

from sqlalchemy import Connection, insert, select, update

from coordinator.database import Database
from coordinator.database.account_tables import key_usage
from ledger.types import TimestampMs


class UsageCounts:
    """What was counted since the last flush. To be used from one event loop."""

    def __init__(self, database: Database) -> None:
        """Begin with nothing counted."""
        self._database = database
        self._counted: dict[str, tuple[int, TimestampMs]] = {}

    def note(self, key_id: str, now_ms: TimestampMs) -> None:
        """Count a request."""
        requests, _ = self._counted.get(key_id, (0, 0))
        self._counted[key_id] = (requests + 1, now_ms)

    async def flush(self) -> None:
        """Add what was counted to the database."""
        counted, self._counted = self._counted, {}
        if counted:
            await self._database.write(lambda c: _add(c, counted))


def usage_of(connection: Connection, key_id: str) -> tuple[int, TimestampMs | None]:
    """Return the stored requests of a key, and the time of the last one."""
    query = select(key_usage).where(key_usage.c.key_id == key_id)
    row = connection.execute(query).one_or_none()
    return (0, None) if row is None else (row.requests, row.last_used_ms)


def _add(connection: Connection, counted: dict[str, tuple[int, TimestampMs]]) -> None:
    for key_id, (requests, last_used_ms) in counted.items():
        row = key_usage.c.key_id == key_id
        more = update(key_usage).where(row)
        values = {"requests": key_usage.c.requests + requests, "last_used_ms": last_used_ms}
        if not connection.execute(more.values(**values)).rowcount:
            first = {"key_id": key_id, "requests": requests, "last_used_ms": last_used_ms}
            connection.execute(insert(key_usage).values(**first))

"""Whether a key that was valid at the beginning of something long still is."""

from sqlalchemy import Connection

from coordinator.clients import store
from coordinator.clients.model import Principal
from coordinator.database import Database
from coordinator.moment import Clock


class LiveKeys:
    """Looks keys up again."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Look here."""
        self._database = database
        self._clock = clock

    async def is_live(self, principal: Principal) -> bool:
        """Return whether the caller's key is neither revoked nor late."""
        if principal.is_demo:
            return True
        now_ms = self._clock()

        def read(connection: Connection) -> bool:
            row = store.find_key(connection, principal.key_id)
            if row is None or row.revoked_ms is not None:
                return False
            return row.expires_ms is None or bool(row.expires_ms > now_ms)

        return await self._database.read(read)

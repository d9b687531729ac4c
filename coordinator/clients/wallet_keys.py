"""Keys of clients' managed wallets, opened once: each order of a client is signed with its key.

What is remembered stays right: a client gets its wallet when it is made, and never another one.
"""

from typing import Final

from sqlalchemy import Connection

from coordinator.clients.store import find_client
from coordinator.database import Database
from coordinator.wallets import Vault
from coordinator.wallets.store import get_key
from ledger.keys import KeyPair

OPEN_MAX: Final = 1_000
"""Keys that are kept open; beyond them all are dropped, and opened again as they are needed."""


class WalletKeys:
    """Opens the keys of clients' wallets. To be used from one event loop."""

    def __init__(self, database: Database, vault: Vault) -> None:
        """Begin with none."""
        self._database = database
        self._vault = vault
        self._open: dict[str, KeyPair] = {}

    async def of(self, client_id: str) -> KeyPair:
        """Return the key of a client's wallet.

        Args:
            client_id: of a client that is there, such as a principal's.
        """
        key = self._open.get(client_id)
        if key is None:
            key = await self._database.read(lambda c: self._read(c, client_id))
            if len(self._open) >= OPEN_MAX:
                self._open.clear()
            self._open[client_id] = key
        return key

    def _read(self, connection: Connection, client_id: str) -> KeyPair:
        client = find_client(connection, client_id)
        assert client is not None, "a principal is a client"
        return get_key(connection, self._vault, client.address)

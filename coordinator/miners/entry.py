"""A miner's row before its registration: who may hold the name, and under which key."""

from dataclasses import dataclass

from sqlalchemy import Connection

from coordinator.errors import MinerAlreadyRegistered
from coordinator.miners import store
from coordinator.wallets import Vault
from coordinator.wallets.store import create
from ledger.actions import Custody
from ledger.types import Address, TimestampMs


@dataclass(frozen=True, slots=True)
class Entry:
    """An owner's wish to hold a name."""

    client_id: str
    """The owner."""
    name: str
    """The name, as it shall be shown."""
    own_address: Address | None
    """Address of the miner's own key; None asks for a managed one."""
    document: str
    """Capabilities document to declare."""
    held_by: Address | None
    """Who holds the name on the chain."""

    def store(self, connection: Connection, vault: Vault, now_ms: TimestampMs) -> Address:
        """Make the miner's row, or change the document that it wants; return its address.

        Raises:
            MinerAlreadyRegistered: the name is held by another owner or key, or the key holds
                another name.
        """
        row = store.find_miner(connection, self.name)
        if row is None:
            return self._make(connection, vault, now_ms)
        if row.client_id != self.client_id:
            raise self._taken()
        if self._is_same_key(row.custody, row.address):
            store.want(connection, self.name, self.document)
            return bytes(row.address)
        if self.held_by is not None:
            raise self._taken()
        # The row's own registration never came to the chain, so its owner may begin anew.
        store.delete_miner(connection, self.name)
        return self._make(connection, vault, now_ms)

    def _is_same_key(self, custody: int, address: Address) -> bool:
        if self.own_address is None:
            return custody == Custody.MANAGED
        return address == self.own_address

    def _make(self, connection: Connection, vault: Vault, now_ms: TimestampMs) -> Address:
        if self.held_by not in (None, self.own_address):
            raise self._taken()
        if self.own_address is None:
            custody = Custody.MANAGED
            address = create(connection, vault, self.client_id, now_ms).address
        else:
            custody, address = Custody.OWN, self.own_address
            if store.find_by_address(connection, address) is not None:
                raise MinerAlreadyRegistered("This key holds another name: retire that first")
        store.insert_miner(
            connection,
            name=self.name,
            client_id=self.client_id,
            address=address,
            custody=custody,
            wanted=self.document,
            now_ms=now_ms,
        )
        return address

    def _taken(self) -> MinerAlreadyRegistered:
        return MinerAlreadyRegistered(f"The name {self.name} is held by another owner or key")

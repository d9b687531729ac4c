"""The table of managed wallets: every function works inside the caller's transaction."""

from sqlalchemy import Connection, insert, select

from coordinator.database.tables import wallets
from coordinator.wallets.vault import Vault
from ledger.keys import KeyPair
from ledger.types import Address, TimestampMs


def create(connection: Connection, vault: Vault, client_id: str, now_ms: TimestampMs) -> KeyPair:
    """Make and store a managed key of a client; return it."""
    key = vault.new_key()
    connection.execute(
        insert(wallets).values(
            address=key.address,
            public_key=key.public_key,
            sealed_seed=vault.seal(key),
            client_id=client_id,
            created_ms=now_ms,
        )
    )
    return key


def find_key(connection: Connection, vault: Vault, address: Address) -> KeyPair | None:
    """Return the managed key of an address, None if it is not managed here.

    Raises:
        SealBroken: the stored bytes do not open.
    """
    query = select(wallets.c.sealed_seed).where(wallets.c.address == address)
    sealed = connection.execute(query).scalar_one_or_none()
    return None if sealed is None else vault.unseal(sealed, address)


def get_key(connection: Connection, vault: Vault, address: Address) -> KeyPair:
    """Return the managed key of an address that is known to be managed here."""
    key = find_key(connection, vault, address)
    assert key is not None, "a managed address has a wallet"
    return key

"""The table of managed wallets: every function works inside the caller's transaction."""

from typing import Final

from sqlalchemy import Connection, bindparam, insert, select

from coordinator.database.prepared import Prepared
from coordinator.database.tables import wallets
from coordinator.wallets.vault import Vault
from ledger.keys import KeyPair
from ledger.types import Address, TimestampMs

_SEALED: Final = Prepared(
    select(wallets.c.sealed_seed).where(wallets.c.address == bindparam("address"))
)

_SOME: Final = (
    select(wallets.c.address, wallets.c.sealed_seed)
    .order_by(wallets.c.address)
    .limit(bindparam("most"))
)


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
    row = _SEALED.one_or_none(connection, address=address)
    return None if row is None else vault.unseal(row.sealed_seed, address)


def get_key(connection: Connection, vault: Vault, address: Address) -> KeyPair:
    """Return the managed key of an address that is known to be managed here."""
    key = find_key(connection, vault, address)
    assert key is not None, "a managed address has a wallet"
    return key


def sealed_seeds(connection: Connection, most: int) -> list[tuple[Address, bytes]]:
    """Return the addresses and sealed seeds of some wallets; none if there is no wallet."""
    rows = connection.execute(_SOME, {"most": most})
    return [(row.address, row.sealed_seed) for row in rows]

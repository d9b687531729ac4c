"""The tables of clients and keys: every function works inside the caller's transaction."""

from typing import Final

from sqlalchemy import Connection, Row, insert, select, update

from coordinator.clients.keys import KeyText
from coordinator.clients.model import KeyView, Scope
from coordinator.database.tables import api_keys, clients
from ledger.types import Address, TimestampMs

AnyRow = Row[tuple[object, ...]]
"""A row of any table."""

KEYS_PER_CLIENT_MAX: Final = 100
"""Keys of one client that are listed; more cannot be made."""


def insert_client(
    connection: Connection, client_id: str, label: str, address: Address, now_ms: TimestampMs
) -> None:
    """Store a client with its wallet's address."""
    connection.execute(
        insert(clients).values(client_id=client_id, label=label, address=address, created_ms=now_ms)
    )


def find_client(connection: Connection, client_id: str) -> AnyRow | None:
    """Return a client's row."""
    return connection.execute(select(clients).where(clients.c.client_id == client_id)).one_or_none()


def insert_key(
    connection: Connection,
    client_id: str,
    text: KeyText,
    key: KeyView,
) -> None:
    """Store the digest of a key, never its text."""
    connection.execute(
        insert(api_keys).values(
            key_id=text.key_id,
            client_id=client_id,
            digest=text.digest,
            label=key.label,
            scopes=" ".join(sorted(key.scopes)),
            version_pin=key.version_pin,
            created_ms=key.created_ms,
            expires_ms=key.expires_ms,
        )
    )


def find_key(connection: Connection, key_id: str) -> AnyRow | None:
    """Return a key's row."""
    return connection.execute(select(api_keys).where(api_keys.c.key_id == key_id)).one_or_none()


def keys_of(connection: Connection, client_id: str) -> list[KeyView]:
    """Return a client's keys, newest first."""
    query = (
        select(api_keys)
        .where(api_keys.c.client_id == client_id)
        .order_by(api_keys.c.created_ms.desc(), api_keys.c.key_id)
        .limit(KEYS_PER_CLIENT_MAX)
    )
    return [
        KeyView(
            key_id=row.key_id,
            label=row.label,
            scopes=scopes_of(row.scopes),
            created_ms=row.created_ms,
            expires_ms=row.expires_ms,
            is_revoked=row.revoked_ms is not None,
            version_pin=row.version_pin,
        )
        for row in connection.execute(query)
    ]


def revoke(connection: Connection, client_id: str, key_id: str, now_ms: TimestampMs) -> bool:
    """Revoke a client's key; return whether the client has such a key."""
    mine = (api_keys.c.key_id == key_id) & (api_keys.c.client_id == client_id)
    if connection.execute(select(api_keys.c.key_id).where(mine)).one_or_none() is None:
        return False
    alive = mine & api_keys.c.revoked_ms.is_(None)
    connection.execute(update(api_keys).where(alive).values(revoked_ms=now_ms))
    return True


def scopes_of(text: str) -> frozenset[Scope]:
    """Return the scopes of a stored key."""
    return frozenset(Scope(word) for word in text.split())

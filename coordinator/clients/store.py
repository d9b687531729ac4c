"""The tables of clients and keys: every function works inside the caller's transaction."""

import json
from collections.abc import Mapping
from typing import Final, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    case,
    func,
    insert,
    or_,
    select,
    update,
)

from coordinator.clients.keys import KeyText
from coordinator.clients.model import Budget, BudgetPeriod, KeyView, Scope
from coordinator.database.account_tables import key_budgets
from coordinator.database.prepared import Prepared
from coordinator.database.tables import api_keys, clients
from ledger.types import Address, TimestampMs

AnyRow = Row[tuple[object, ...]]
"""A row of any table."""

_CLIENT: Final = Prepared(select(clients).where(clients.c.client_id == bindparam("client_id")))
_KEY: Final = Prepared(select(api_keys).where(api_keys.c.key_id == bindparam("key_id")))

KEYS_PER_CLIENT_MAX: Final = 100
"""Keys of one client that work."""

KeyPlace: TypeAlias = tuple[int, TimestampMs, str]
"""Place of a key in its client's list: whether it is over, when it was made, and its id."""


def insert_client(
    connection: Connection, client_id: str, label: str, address: Address, now_ms: TimestampMs
) -> None:
    """Store a client with its wallet's address."""
    connection.execute(
        insert(clients).values(client_id=client_id, label=label, address=address, created_ms=now_ms)
    )


def find_client(connection: Connection, client_id: str) -> AnyRow | None:
    """Return a client's row."""
    return _CLIENT.one_or_none(connection, client_id=client_id)


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
            budget_id=key.budget_id,
        )
    )


def find_key(connection: Connection, key_id: str) -> AnyRow | None:
    """Return a key's row."""
    return _KEY.one_or_none(connection, key_id=key_id)


def keys_of(
    connection: Connection,
    client_id: str,
    *,
    now_ms: TimestampMs,
    limit: int,
    after: KeyPlace | None = None,
) -> list[KeyView]:
    """Return a client's keys: first those that work, in each part the newest first.

    A key that ends between two pages is shown on both, and none is left out.

    Args:
        connection: reads.
        client_id: whose keys.
        now_ms: the coordinator's clock; which keys work.
        limit: most keys.
        after: place of the last key that was shown.
    """
    is_over, created, key_id = _is_over(now_ms), api_keys.c.created_ms, api_keys.c.key_id
    query = _KEYS.where(api_keys.c.client_id == client_id)
    if after is not None:
        older = or_(created < after[1], and_(created == after[1], key_id > after[2]))
        query = query.where(or_(is_over > after[0], and_(is_over == after[0], older)))
    rows = connection.execute(query.order_by(is_over, created.desc(), key_id).limit(limit))
    return [_key_view(row) for row in rows]


def place_of(key: KeyView, now_ms: TimestampMs) -> KeyPlace:
    """Return where a key stands in the list of its client's."""
    has_ended = key.expires_ms is not None and key.expires_ms <= now_ms
    return int(key.is_revoked or has_ended), key.created_ms, key.key_id


def key_of(connection: Connection, client_id: str, key_id: str) -> KeyView | None:
    """Return a key of a client, None if it has no such key."""
    mine = (api_keys.c.key_id == key_id) & (api_keys.c.client_id == client_id)
    row = connection.execute(_KEYS.where(mine)).one_or_none()
    return None if row is None else _key_view(row)


def count_working(connection: Connection, client_id: str, now_ms: TimestampMs) -> int:
    """Return how many keys of a client are neither revoked nor past their end."""
    mine = (api_keys.c.client_id == client_id) & works(now_ms)
    return connection.execute(select(func.count()).where(mine)).scalar_one()


def has_lasting_admin_key(connection: Connection, *, besides: str) -> bool:
    """Return whether there is another admin key that was not revoked and has no end."""
    lasting = api_keys.c.revoked_ms.is_(None) & api_keys.c.expires_ms.is_(None)
    # No other scope's name contains this one's.
    is_admin = api_keys.c.scopes.contains(Scope.ADMIN.value, autoescape=True)
    others = select(api_keys.c.key_id).where(lasting, is_admin, api_keys.c.key_id != besides)
    return connection.execute(others.limit(1)).one_or_none() is not None


def revoke(connection: Connection, key_id: str, now_ms: TimestampMs) -> None:
    """Revoke a key; revoking again changes nothing."""
    alive = (api_keys.c.key_id == key_id) & api_keys.c.revoked_ms.is_(None)
    connection.execute(update(api_keys).where(alive).values(revoked_ms=now_ms))


def end_key(connection: Connection, key_id: str, expires_ms: TimestampMs) -> None:
    """Let a key end at a time, if it does not end before."""
    later = or_(api_keys.c.expires_ms.is_(None), api_keys.c.expires_ms > expires_ms)
    row = (api_keys.c.key_id == key_id) & later
    connection.execute(update(api_keys).where(row).values(expires_ms=expires_ms))


def revoke_labelled(
    connection: Connection, client_id: str, label: str, now_ms: TimestampMs
) -> None:
    """Revoke all keys of a client that are called so, however many there are."""
    named = (api_keys.c.client_id == client_id) & (api_keys.c.label == label)
    alive = named & api_keys.c.revoked_ms.is_(None)
    connection.execute(update(api_keys).where(alive).values(revoked_ms=now_ms))


def _is_over(now_ms: TimestampMs) -> ColumnElement[int]:
    return case((works(now_ms), 0), else_=1)


def works(now_ms: TimestampMs) -> ColumnElement[bool]:
    """Return the condition of keys that are neither revoked nor past their end."""
    lasts = or_(api_keys.c.expires_ms.is_(None), api_keys.c.expires_ms > now_ms)
    return api_keys.c.revoked_ms.is_(None) & lasts


def quotas_of(text: str | None) -> Mapping[str, int]:
    """Return the requests a minute of a stored key, by policy, where they are not the node's."""
    quotas: dict[str, int] = {} if text is None else json.loads(text)
    return quotas


def set_quotas(connection: Connection, key_id: str, quotas: Mapping[str, int]) -> bool:
    """Give a key limits of its own; return whether there is such a key."""
    text = json.dumps(quotas) if quotas else None
    row = api_keys.c.key_id == key_id
    return connection.execute(update(api_keys).where(row).values(quotas=text)).rowcount == 1


def copy_quotas(connection: Connection, key_id: str, successor_id: str) -> None:
    """Give a key's successor the limits that the operator gave the key."""
    quotas = select(api_keys.c.quotas).where(api_keys.c.key_id == key_id)
    row = connection.execute(quotas).one()
    successor = api_keys.c.key_id == successor_id
    connection.execute(update(api_keys).where(successor).values(quotas=row.quotas))


def scopes_of(text: str) -> frozenset[Scope]:
    """Return the scopes of a stored key."""
    return frozenset(Scope(word) for word in text.split())


def _key_view(row: AnyRow) -> KeyView:
    budget = None if row.period is None else Budget(row.amount, BudgetPeriod(row.period))
    return KeyView(
        key_id=row.key_id,
        label=row.label,
        scopes=scopes_of(row.scopes),
        created_ms=row.created_ms,
        expires_ms=row.expires_ms,
        is_revoked=row.revoked_ms is not None,
        version_pin=row.version_pin,
        budget=budget,
        budget_id=row.budget_id,
    )


_KEYS: Final[Select[tuple[object, ...]]] = select(
    api_keys, key_budgets.c.amount, key_budgets.c.period
).select_from(api_keys.outerjoin(key_budgets, key_budgets.c.budget_id == api_keys.c.budget_id))

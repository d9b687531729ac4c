"""The table of keys: every function works inside the caller's transaction."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from coordinator.database.idempotency_tables import idempotency_keys as keys
from coordinator.database.prepared import Prepared, Value
from coordinator.idempotency.model import Kept, Record, Request
from ledger.types import Hash, TimestampMs

FORGOTTEN_MAX: Final = 1_000
"""Rows that one transaction deletes."""

_MINE: Final = (keys.c.owner == bindparam("owner")) & (keys.c.key_digest == bindparam("digest"))

_FIND: Final = Prepared(select(keys).where(_MINE))
_REMOVE: Final = Prepared(delete(keys).where(_MINE))
_KEPT: Final = ("fingerprint", "effect", "answer", "created_ms")

_CHANGE: Final = Prepared(update(keys).where(_MINE), _KEPT)
_ADD: Final = Prepared(insert(keys).inline(), ("owner", "key_digest", *_KEPT))


def find(connection: Connection, request: Request) -> Record | None:
    """Return what is known of a key."""
    row = _FIND.one_or_none(connection, owner=request.owner, digest=request.key_digest)
    if row is None:
        return None
    return Record(row.fingerprint, row.effect, row.answer, row.created_ms)


def put(connection: Connection, request: Request, record: Record) -> None:
    """Store what is known of a key, in place of what was known."""
    kept: dict[str, Value] = {
        "fingerprint": record.fingerprint,
        "effect": record.effect,
        "answer": record.sealed_answer,
        "created_ms": record.created_ms,
    }
    owner, digest = request.owner, request.key_digest
    if not _CHANGE.run(connection, owner=owner, digest=digest, **kept):
        _ADD.run(connection, owner=owner, key_digest=digest, **kept)


def remove(connection: Connection, request: Request) -> None:
    """Forget a key: the request came to nothing."""
    _REMOVE.run(connection, owner=request.owner, digest=request.key_digest)


def kept_of(connection: Connection, owner: str) -> Kept:
    """Count what is kept of an owner."""
    size = func.coalesce(func.sum(func.length(keys.c.answer)), 0)
    row = connection.execute(select(func.count(), size).where(keys.c.owner == owner)).one()
    return Kept(*row)


def forget_answers_about(connection: Connection, job_ids: Sequence[Hash]) -> None:
    """Forget what was answered about jobs whose content is deleted; their keys stay used."""
    about = keys.c.effect.in_([job_id.hex() for job_id in job_ids])
    connection.execute(update(keys).where(about).values(answer=None))


def forget_older(connection: Connection, before_ms: TimestampMs) -> int:
    """Forget keys that came before a time, the oldest first and not all at once; count them."""
    oldest = (
        select(keys.c.owner, keys.c.key_digest)
        .where(keys.c.created_ms < before_ms)
        .order_by(keys.c.created_ms)
        .limit(FORGOTTEN_MAX)
    )
    found = connection.execute(oldest).all()
    for owner, key_digest in found:
        mine = (keys.c.owner == owner) & (keys.c.key_digest == key_digest)
        connection.execute(delete(keys).where(mine))
    return len(found)

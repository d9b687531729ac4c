"""The table of events: every function works inside the caller's transaction."""

import json
from collections.abc import Sequence
from typing import Final

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, or_, select, true

from coordinator.database.events_tables import events
from coordinator.database.prepared import Prepared
from coordinator.events.model import Event, EventKind, NewEvent, Seq
from ledger.types import Hash, TimestampMs

_INSERT: Final = Prepared(insert(events).inline(), ("kind", "client_id", "job_id", "at_ms", "data"))

PRUNE_ROWS_MAX: Final = 5_000
"""Events deleted in one transaction."""


def record(connection: Connection, new: Sequence[NewEvent]) -> None:
    """Add events, in this order, to the transaction of the change that they tell.

    Whoever calls this calls `EventHub.kick` after the commit.
    """
    _INSERT.run_all(
        connection,
        [
            {
                "kind": event.kind.value,
                "client_id": event.client_id,
                "job_id": event.job_id,
                "at_ms": event.at_ms,
                "data": json.dumps(event.data, separators=(",", ":")),
            }
            for event in new
        ],
    )


def newest_seq(connection: Connection) -> Seq:
    """Return the place of the newest event; 0 before the first."""
    return int(connection.execute(select(func.coalesce(func.max(events.c.seq), 0))).scalar_one())


def oldest_seq(connection: Connection) -> Seq:
    """Return the place of the oldest event that is kept; 1 before the first."""
    return int(connection.execute(select(func.coalesce(func.min(events.c.seq), 1))).scalar_one())


def events_after(connection: Connection, seq: Seq, limit: int) -> list[Event]:
    """Return the events after a place, at most `limit`, oldest first."""
    return _read(connection, true(), seq, limit)


def visible_after(
    connection: Connection, client_id: str | None, seq: Seq, limit: int
) -> list[Event]:
    """Return those after a place that a client may see: public ones and, if it is named, its own.

    Args:
        connection: the caller's transaction.
        client_id: the client; None for public ones alone.
        seq: the place.
        limit: most events.
    """
    visible: ColumnElement[bool] = events.c.client_id.is_(None)
    if client_id is not None:
        visible = or_(visible, events.c.client_id == client_id)
    return _read(connection, visible, seq, limit)


def job_events_after(connection: Connection, job_id: Hash, seq: Seq, limit: int) -> list[Event]:
    """Return the changes of a job's state after a place."""
    is_change = events.c.kind == EventKind.JOB_UPDATE.value
    return _read(connection, (events.c.job_id == job_id) & is_change, seq, limit)


def newest_of_job(connection: Connection, job_id: Hash) -> Event | None:
    """Return the newest change of a job's state that is kept."""
    query = (
        select(events)
        .where(events.c.job_id == job_id, events.c.kind == EventKind.JOB_UPDATE.value)
        .order_by(events.c.seq.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _event(row)


def prune(connection: Connection, *, kept_max: int, since_ms: TimestampMs) -> int:
    """Delete the oldest events above a number, and those before a time; return how many.

    At most `PRUNE_ROWS_MAX` in one call. The newest stays: its number shall not be given again.
    """
    newest = newest_seq(connection)
    too_many, too_old = events.c.seq <= newest - kept_max, events.c.at_ms < since_ms
    ended = (
        select(events.c.seq)
        .where(or_(too_many, too_old), events.c.seq < newest)
        .order_by(events.c.seq)
        .limit(PRUNE_ROWS_MAX)
    )
    seqs = list(connection.execute(ended).scalars())
    if seqs:
        connection.execute(delete(events).where(events.c.seq.in_(seqs)))
    return len(seqs)


def _read(connection: Connection, wanted: ColumnElement[bool], seq: Seq, limit: int) -> list[Event]:
    query = select(events).where(events.c.seq > seq, wanted).order_by(events.c.seq).limit(limit)
    return [_event(row) for row in connection.execute(query)]


def _event(row: Row[tuple[object, ...]]) -> Event:
    return Event(
        seq=row.seq,
        kind=EventKind(row.kind),
        at_ms=row.at_ms,
        data=json.loads(row.data),
        client_id=row.client_id,
        job_id=row.job_id,
    )

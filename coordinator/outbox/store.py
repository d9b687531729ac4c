"""The outbox table: every function works inside the caller's transaction."""

from collections.abc import Callable, Collection, Sequence

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from coordinator.database.tables import outbox
from coordinator.outbox.model import OutboxState, Outgoing, SignedBytes
from ledger.types import Attempt, Hash, TimestampMs

_PENDING = OutboxState.PENDING.value


def add(
    connection: Connection,
    intent: str,
    signed: SignedBytes,
    now_ms: TimestampMs,
    *,
    job_id: Hash | None = None,
    attempt: Attempt = 0,
) -> Hash:
    """Store a signed transaction that is to be sent; return its id."""
    connection.execute(
        insert(outbox).values(
            transaction_id=signed.transaction_id,
            intent=intent,
            action=signed.action,
            job_id=job_id,
            attempt=attempt,
            signed=signed.signed,
            valid_until_ms=signed.valid_until_ms,
            created_ms=now_ms,
            state=_PENDING,
        )
    )
    return signed.transaction_id


def ensure(
    connection: Connection,
    intent: str,
    make: Callable[[], SignedBytes],
    now_ms: TimestampMs,
    *,
    job_id: Hash | None = None,
    attempt: Attempt = 0,
) -> Hash:
    """Return the id of the intent's pending or final transaction; sign one if there is none (J30).

    New bytes come only after the old ones expired, which takes a final block later than their
    `valid_until_ms`.
    """
    standing = find(connection, intent)
    if standing is not None:
        return standing.transaction_id
    return add(connection, intent, make(), now_ms, job_id=job_id, attempt=attempt)


def find(connection: Connection, intent: str) -> Outgoing | None:
    """Return the intent's pending or final transaction, None if there is none."""
    states = (_PENDING, OutboxState.FINAL.value)
    query = (
        select(outbox)
        .where(outbox.c.intent == intent, outbox.c.state.in_(states))
        .order_by(outbox.c.created_ms.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _outgoing(row)


def count_final(connection: Connection, prefix: str) -> int:
    """Return how many final transactions have an intent that starts with `prefix`."""
    query = select(func.count()).where(
        outbox.c.intent.startswith(prefix, autoescape=True),
        outbox.c.state == OutboxState.FINAL.value,
    )
    return connection.execute(query).scalar_one()


def get(connection: Connection, transaction_id: Hash) -> Outgoing | None:
    """Return a transaction by id."""
    query = select(outbox).where(outbox.c.transaction_id == transaction_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _outgoing(row)


def pending(connection: Connection, limit: int) -> list[Outgoing]:
    """Return pending transactions, those that expire first first."""
    query = (
        select(outbox)
        .where(outbox.c.state == _PENDING)
        .order_by(outbox.c.valid_until_ms, outbox.c.transaction_id)
        .limit(limit)
    )
    return [_outgoing(row) for row in connection.execute(query)]


def pending_of(connection: Connection, transaction_ids: Sequence[Hash]) -> list[Outgoing]:
    """Return those of a few transactions that are pending."""
    if not transaction_ids:
        return []
    ours = outbox.c.transaction_id.in_(transaction_ids) & (outbox.c.state == _PENDING)
    return [_outgoing(row) for row in connection.execute(select(outbox).where(ours))]


def mark_final(connection: Connection, transaction_ids: Sequence[Hash]) -> list[Outgoing]:
    """Mark those of a block's transactions that are ours; return them."""
    if not transaction_ids:
        return []
    found = select(outbox).where(outbox.c.transaction_id.in_(transaction_ids))
    rows = [_outgoing(row) for row in connection.execute(found)]
    _mark(connection, [row.transaction_id for row in rows], OutboxState.FINAL)
    return rows


def mark_expired(connection: Connection, block_ms: TimestampMs) -> list[Outgoing]:
    """Mark and return what a final block of this time, without their ids, made impossible."""
    late = select(outbox).where(outbox.c.state == _PENDING, outbox.c.valid_until_ms < block_ms)
    rows = [_outgoing(row) for row in connection.execute(late)]
    _mark(connection, [row.transaction_id for row in rows], OutboxState.EXPIRED)
    return rows


def mark_void(connection: Connection, job_id: Hash, attempt: Attempt | None = None) -> list[Hash]:
    """Mark and return what is pending for a job that ended, or for an attempt that ended."""
    ours = select(outbox.c.transaction_id).where(
        outbox.c.job_id == job_id, outbox.c.state == _PENDING
    )
    if attempt is not None:
        ours = ours.where(outbox.c.attempt == attempt)
    ids = list(connection.execute(ours).scalars())
    _mark(connection, ids, OutboxState.VOID)
    return ids


def note_refusal(connection: Connection, transaction_id: Hash, code: str) -> None:
    """Keep the code of a refusal, for the error that the owner of the intent shows."""
    row = outbox.c.transaction_id == transaction_id
    connection.execute(update(outbox).where(row).values(code=code[:40]))


def forget(connection: Connection, transaction_id: Hash) -> None:
    """Delete bytes that the node refused at once, so that they are in no pool."""
    connection.execute(delete(outbox).where(outbox.c.transaction_id == transaction_id))


def _mark(connection: Connection, ids: Collection[Hash], state: OutboxState) -> None:
    if ids:
        rows = outbox.c.transaction_id.in_(ids)
        connection.execute(update(outbox).where(rows).values(state=state.value))


def _outgoing(row: Row[tuple[object, ...]]) -> Outgoing:
    return Outgoing(
        transaction_id=row.transaction_id,
        intent=row.intent,
        action=row.action,
        job_id=row.job_id,
        attempt=row.attempt,
        signed=row.signed,
        valid_until_ms=row.valid_until_ms,
        state=OutboxState(row.state),
        code=row.code,
    )

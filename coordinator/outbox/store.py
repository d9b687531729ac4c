"""The outbox table: every function works inside the caller's transaction."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from coordinator.database.indexes import unindexed
from coordinator.database.listed import Listed
from coordinator.database.prepared import Prepared, Value, one_of
from coordinator.database.tables import outbox
from coordinator.outbox.model import OutboxState, Outgoing, SignedBytes
from ledger.types import Attempt, Hash, TimestampMs

AnyRow = Row[tuple[object, ...]]

_PENDING: Final = OutboxState.PENDING.value

STANDING: Final = (_PENDING, OutboxState.FINAL.value)
"""States of transactions that are in a final block, or may still come there."""

# Statements are made once: to build one takes longer than to run it.
_ONE: Final = Prepared(select(outbox).where(outbox.c.transaction_id == bindparam("transaction_id")))

_SEVERAL: Final = Listed(lambda ids: select(outbox).where(outbox.c.transaction_id.in_(ids)))

_ALL_PENDING: Final = Prepared(
    select(outbox)
    .where(outbox.c.state == _PENDING)
    .order_by(outbox.c.valid_until_ms, outbox.c.transaction_id)
    .limit(bindparam("most"))
)

_standing: Final = (
    select(outbox).where(one_of(unindexed(outbox.c.state), STANDING)).order_by(outbox.c.created_ms)
)

_OF_INTENTS: Final = Listed(lambda intents: _standing.where(outbox.c.intent.in_(intents)))

_STATES_OF_INTENT: Final = Prepared(
    select(outbox.c.state).where(outbox.c.intent == bindparam("intent"))
)

_OF_JOBS: Final = Listed(
    lambda job_ids: select(
        outbox.c.job_id, outbox.c.transaction_id, outbox.c.attempt, outbox.c.action
    ).where(outbox.c.job_id.in_(job_ids), unindexed(outbox.c.state) == _PENDING)
)

_LATE: Final = Prepared(
    select(outbox).where(
        outbox.c.state == _PENDING, outbox.c.valid_until_ms < bindparam("block_ms")
    )
)

_MARK: Final = Listed(
    lambda ids: (
        update(outbox).where(outbox.c.transaction_id.in_(ids)).values(state=bindparam("new_state"))
    )
)

_MARK_AND_TELL: Final = Listed(
    lambda ids: (
        update(outbox)
        .where(outbox.c.transaction_id.in_(ids))
        .values(state=bindparam("new_state"))
        .returning(outbox.c.transaction_id)
    )
)

_COLUMNS: Final = (
    "transaction_id",
    "intent",
    "action",
    "job_id",
    "attempt",
    "signed",
    "valid_until_ms",
    "created_ms",
    "state",
)

_ADD: Final = Prepared(insert(outbox).inline(), columns=_COLUMNS)


@dataclass(frozen=True, slots=True)
class PendingRow:
    """A transaction that is pending for a job."""

    job_id: Hash
    """The job."""
    transaction_id: Hash
    """Its id."""
    attempt: Attempt
    """The attempt that it belongs to; 0 if to none."""
    action: str
    """Name of its action."""


@dataclass(frozen=True, slots=True)
class Intent:
    """What a signed transaction is needed for."""

    name: str
    """See `Outgoing.intent`."""
    make: Callable[[], SignedBytes]
    """Signs it."""
    job_id: Hash | None = None
    """The job that it belongs to."""
    attempt: Attempt = 0
    """The attempt that it belongs to; 0 if to none."""


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
    _ADD.run(connection, **_row(intent, signed, now_ms, job_id, attempt))
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
    """Return the id of the intent's transaction; see `ensure_all`."""
    (found,) = ensure_all(connection, [Intent(intent, make, job_id, attempt)], now_ms)
    return found.transaction_id


def ensure_all(
    connection: Connection, intents: Sequence[Intent], now_ms: TimestampMs
) -> list[Outgoing]:
    """Return the intents' pending or final transactions; sign them where there are none (J30).

    New bytes come only after the old ones expired, which takes a final block later than their
    `valid_until_ms`.
    """
    standing = _standing_of(connection, [intent.name for intent in intents])
    return [
        standing.get(intent.name) or _sign_and_add(connection, intent, now_ms) for intent in intents
    ]


def _sign_and_add(connection: Connection, intent: Intent, now_ms: TimestampMs) -> Outgoing:
    signed = intent.make()
    _ADD.run(connection, **_row(intent.name, signed, now_ms, intent.job_id, intent.attempt))
    return Outgoing(
        transaction_id=signed.transaction_id,
        intent=intent.name,
        action=signed.action,
        job_id=intent.job_id,
        attempt=intent.attempt,
        signed=signed.signed,
        valid_until_ms=signed.valid_until_ms,
        state=OutboxState.PENDING,
        code="",
    )


def find(connection: Connection, intent: str) -> Outgoing | None:
    """Return the intent's pending or final transaction, None if there is none."""
    return _standing_of(connection, [intent]).get(intent)


def count_final(connection: Connection, prefix: str) -> int:
    """Return how many transactions of a series are final; their intents start with `prefix`.

    Each is stored once those before it are final, so the number is sought by halves: to count them
    takes a look at all transactions that ever were.

    For `coordinator.outbox.series`, which knows when this has to be asked.
    """
    beyond = 1
    while _is_final(connection, f"{prefix}{beyond - 1}"):
        beyond *= 2
    least = beyond // 2
    while least < beyond - 1:
        middle = (least + beyond) // 2
        if _is_final(connection, f"{prefix}{middle - 1}"):
            least = middle
        else:
            beyond = middle
    return least


def _is_final(connection: Connection, intent: str) -> bool:
    found = _STATES_OF_INTENT.all(connection, intent=intent)
    return any(row.state == OutboxState.FINAL.value for row in found)


def get(connection: Connection, transaction_id: Hash) -> Outgoing | None:
    """Return a transaction by id."""
    row = _ONE.one_or_none(connection, transaction_id=transaction_id)
    return None if row is None else _outgoing(row)


def pending(connection: Connection, limit: int) -> list[Outgoing]:
    """Return pending transactions, those that expire first first."""
    return [_outgoing(row) for row in _ALL_PENDING.all(connection, most=limit)]


def get_all(connection: Connection, transaction_ids: Sequence[Hash]) -> list[Outgoing]:
    """Return those of some transactions that are stored, whatever became of them."""
    return [_outgoing(row) for row in _SEVERAL.all(connection, transaction_ids)]


def pending_of_jobs(connection: Connection, job_ids: Sequence[Hash]) -> list[PendingRow]:
    """Return what is pending for some jobs."""
    return [
        PendingRow(row.job_id, row.transaction_id, row.attempt, row.action)
        for row in _OF_JOBS.all(connection, job_ids)
    ]


def mark_final(connection: Connection, transaction_ids: Sequence[Hash]) -> list[Hash]:
    """Mark those of a block's transactions that are ours; return their ids."""
    final = OutboxState.FINAL.value
    marked = _MARK_AND_TELL.all(connection, transaction_ids, new_state=final)
    return [row.transaction_id for row in marked]


def mark_expired(connection: Connection, block_ms: TimestampMs) -> list[Outgoing]:
    """Mark and return what a final block of this time, without their ids, made impossible."""
    rows = [_outgoing(row) for row in _LATE.all(connection, block_ms=block_ms)]
    mark(connection, [row.transaction_id for row in rows], OutboxState.EXPIRED)
    return rows


def mark(connection: Connection, transaction_ids: Collection[Hash], state: OutboxState) -> None:
    """Note what became of transactions."""
    _MARK.run(connection, transaction_ids, new_state=state.value)


def note_refusal(connection: Connection, transaction_id: Hash, code: str) -> None:
    """Keep the code of a refusal, for the error that the owner of the intent shows."""
    row = outbox.c.transaction_id == transaction_id
    connection.execute(update(outbox).where(row).values(code=code[:40]))


def forget(connection: Connection, transaction_id: Hash) -> None:
    """Delete bytes that the node refused at once, so that they are in no pool."""
    connection.execute(delete(outbox).where(outbox.c.transaction_id == transaction_id))


def _standing_of(connection: Connection, intents: Sequence[str]) -> Mapping[str, Outgoing]:
    """Return the newest pending or final transaction of each intent that has one."""
    return {row.intent: _outgoing(row) for row in _OF_INTENTS.all(connection, intents)}


def _row(
    intent: str,
    signed: SignedBytes,
    now_ms: TimestampMs,
    job_id: Hash | None,
    attempt: Attempt,
) -> dict[str, Value]:
    return {
        "transaction_id": signed.transaction_id,
        "intent": intent,
        "action": signed.action,
        "job_id": job_id,
        "attempt": attempt,
        "signed": signed.signed,
        "valid_until_ms": signed.valid_until_ms,
        "created_ms": now_ms,
        "state": _PENDING,
    }


def _outgoing(row: AnyRow) -> Outgoing:
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

"""Bounds of what waits for one webhook; every function works inside the caller's transaction.

Ends of jobs come as fast as a client orders, and tests as fast as it asks. Without bounds, whoever
has a receiver that is down would fill the database, and everybody's deliveries would be slow.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, delete, func, insert, literal, null, select, update

from coordinator.database.webhook_tables import deleted_webhooks, webhooks
from coordinator.database.webhook_tables import webhook_attempts as attempts
from coordinator.database.webhook_tables import webhook_messages as messages
from coordinator.webhooks import store
from coordinator.webhooks.model import EventType, MessageState, WebhookStatus
from ledger.types import TimestampMs

PENDING_MAX: Final = 50_000
"""Messages that may wait for one webhook; beyond them the oldest are given up."""

GIVEN_UP_MAX: Final = 1_000
"""Messages given up in one transaction."""

TESTS_OPEN_MAX: Final = 10
"""Test messages of one webhook that wait to be sent, or sent again."""

TESTS_KEPT_MAX: Final = 50
"""Test messages of one webhook that are kept of those that arrived, and of those given up."""

BACKLOG_FULL: Final = "BACKLOG_FULL"
"""What the log says of a message that was given up because too many waited."""

_WAITS: Final = messages.c.due_ms.is_not(None)


def has_room_for_test(connection: Connection, webhook_id: str) -> bool:
    """Return whether another test message may wait for a webhook."""
    waiting = (
        select(messages.c.seq)
        .where(
            messages.c.webhook_id == webhook_id,
            messages.c.state.in_(store.OPEN),
            messages.c.event == EventType.WEBHOOK_TEST.value,
        )
        .limit(TESTS_OPEN_MAX)
    )
    return len(connection.execute(waiting).all()) < TESTS_OPEN_MAX


def forget_tests(connection: Connection, webhook_id: str) -> None:
    """Delete test messages that came to an end, but for the newest: they are free to ask for."""
    for state in (MessageState.DELIVERED, MessageState.FAILED):
        older = (
            select(messages.c.message_id)
            .where(
                messages.c.webhook_id == webhook_id,
                messages.c.state == state.value,
                messages.c.event == EventType.WEBHOOK_TEST.value,
            )
            .order_by(messages.c.seq.desc())
            .offset(TESTS_KEPT_MAX)
            .limit(TESTS_KEPT_MAX)
        )
        store.forget(connection, list(connection.execute(older).scalars()))


def overfull(connection: Connection, pending_max: int) -> list[str]:
    """Return webhooks for which more messages wait than may."""
    one_more = (
        select(messages.c.seq)
        .where(messages.c.webhook_id == webhooks.c.webhook_id, _WAITS)
        .order_by(messages.c.due_ms)
        .offset(pending_max)
        .limit(1)
    )
    query = select(webhooks.c.webhook_id).where(
        webhooks.c.status == WebhookStatus.ACTIVE.value, one_more.exists()
    )
    return list(connection.execute(query).scalars())


def too_many(connection: Connection, webhook_id: str, pending_max: int) -> list[str]:
    """Return ids of the oldest messages beyond those that may wait, `GIVEN_UP_MAX` at most."""
    mine = (messages.c.webhook_id == webhook_id) & _WAITS
    waiting = connection.execute(select(func.count()).select_from(messages).where(mine))
    excess = min(waiting.scalar_one() - pending_max, GIVEN_UP_MAX)
    if excess <= 0:
        return []
    oldest = select(messages.c.message_id).where(mine).order_by(messages.c.created_ms)
    return list(connection.execute(oldest.limit(excess)).scalars())


def give_up(connection: Connection, message_ids: Sequence[str], now_ms: TimestampMs) -> None:
    """Send messages that wait no more, and say so in their log."""
    these = messages.c.message_id.in_(message_ids) & _WAITS
    columns = ("message_id", "attempt", "started_ms", "duration_ms", "http_status", "outcome")
    entries = select(
        messages.c.message_id,
        messages.c.attempts + 1,
        literal(now_ms),
        literal(0),
        null(),
        literal(BACKLOG_FULL),
    ).where(these)
    connection.execute(insert(attempts).from_select(columns, entries))
    ended = {"state": MessageState.FAILED.value, "due_ms": None}
    connection.execute(
        update(messages).where(these).values(attempts=messages.c.attempts + 1, **ended)
    )


def delete_webhook(connection: Connection, webhook_id: str) -> None:
    """Delete a webhook and some of its messages; `forget_deleted` deletes what is left of them."""
    connection.execute(delete(webhooks).where(webhooks.c.webhook_id == webhook_id))
    connection.execute(insert(deleted_webhooks).values(webhook_id=webhook_id))
    _forget_some_of(connection, webhook_id)


def forget_deleted(connection: Connection) -> int:
    """Delete some messages of a webhook that is gone; return 0 if there were none to look at."""
    query = select(deleted_webhooks.c.webhook_id).limit(1)
    webhook_id = connection.execute(query).scalar_one_or_none()
    if webhook_id is None:
        return 0
    _forget_some_of(connection, webhook_id)
    return 1


def _forget_some_of(connection: Connection, webhook_id: str) -> None:
    some = select(messages.c.message_id).where(messages.c.webhook_id == webhook_id)
    ids = list(connection.execute(some.limit(store.FORGOTTEN_MAX)).scalars())
    if store.forget(connection, ids) < store.FORGOTTEN_MAX:
        mark = deleted_webhooks.c.webhook_id == webhook_id
        connection.execute(delete(deleted_webhooks).where(mark))

"""The tables of webhooks: every function works inside the caller's transaction."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from coordinator.database.listed import Listed
from coordinator.database.prepared import Prepared
from coordinator.database.webhook_tables import webhook_attempts as attempts
from coordinator.database.webhook_tables import webhook_messages as messages
from coordinator.database.webhook_tables import webhooks
from coordinator.webhooks.model import (
    Attempt,
    EventType,
    Message,
    MessageState,
    Webhook,
    WebhookStatus,
)
from ledger.types import TimestampMs

_Row = Row[tuple[object, ...]]

_ACTIVE: Final = Listed(
    lambda client_ids: select(webhooks).where(
        webhooks.c.client_id.in_(client_ids), webhooks.c.status == WebhookStatus.ACTIVE.value
    )
)

OPEN: Final = (MessageState.PENDING.value, MessageState.RESENDING.value)
"""States of messages that are sent, or wait until their webhook is enabled."""

FORGOTTEN_MAX: Final = 1_000
"""Messages deleted in one transaction."""

# ---------------------------------------------------------------------------------- webhooks


def insert_webhook(connection: Connection, webhook: Webhook) -> None:
    """Store a webhook; its `seq` is the database's to choose."""
    connection.execute(
        insert(webhooks).values(
            webhook_id=webhook.webhook_id,
            client_id=webhook.client_id,
            url=webhook.url,
            events=_events_text(webhook.events),
            api_version=webhook.api_version,
            sealed_keys=webhook.sealed_keys,
            public_key=webhook.public_key,
            status=webhook.status.value,
            created_ms=webhook.created_ms,
        )
    )


def find_webhook(connection: Connection, webhook_id: str) -> Webhook | None:
    """Return a webhook."""
    query = select(webhooks).where(webhooks.c.webhook_id == webhook_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _webhook(row)


def webhooks_of(
    connection: Connection, client_id: str, limit: int, before: int | None = None
) -> list[Webhook]:
    """Return a client's webhooks, newest first; those before a place."""
    query = select(webhooks).where(webhooks.c.client_id == client_id)
    if before is not None:
        query = query.where(webhooks.c.seq < before)
    rows = connection.execute(query.order_by(webhooks.c.seq.desc()).limit(limit))
    return [_webhook(row) for row in rows]


def count_webhooks(connection: Connection, client_id: str) -> int:
    """Return how many webhooks a client has."""
    query = select(func.count()).where(webhooks.c.client_id == client_id)
    return connection.execute(query).scalar_one()


def active_webhooks(connection: Connection, client_ids: Sequence[str]) -> list[Webhook]:
    """Return the webhooks of clients to which messages are sent."""
    return [_webhook(row) for row in _ACTIVE.all(connection, client_ids)]


def set_webhook(connection: Connection, webhook_id: str, **values: object) -> None:
    """Change columns of a webhook."""
    row = webhooks.c.webhook_id == webhook_id
    connection.execute(update(webhooks).where(row).values(**values))


def set_events(connection: Connection, webhook_id: str, events: frozenset[EventType]) -> None:
    """Change what a webhook is subscribed to."""
    set_webhook(connection, webhook_id, events=_events_text(events))


# ---------------------------------------------------------------------------------- messages


def insert_message(
    connection: Connection,
    message_id: str,
    webhook_id: str,
    event: EventType,
    now_ms: TimestampMs,
    *,
    due_ms: TimestampMs,
    job_id: bytes | None = None,
    content: str | None = None,
) -> bool:
    """Store a message that is to be sent; return False if it is there already."""
    known = select(messages.c.seq).where(messages.c.message_id == message_id)
    if connection.execute(known).one_or_none() is not None:
        return False
    connection.execute(
        insert(messages).values(
            message_id=message_id,
            webhook_id=webhook_id,
            event=event.value,
            job_id=job_id,
            content=content,
            created_ms=now_ms,
            state=MessageState.PENDING.value,
            due_ms=due_ms,
        )
    )
    return True


def find_message(connection: Connection, message_id: str) -> Message | None:
    """Return a message."""
    query = select(messages).where(messages.c.message_id == message_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _message(row)


def messages_of(
    connection: Connection, webhook_id: str, limit: int, before: int | None = None
) -> list[Message]:
    """Return a webhook's messages, newest first; those before a place."""
    query = select(messages).where(messages.c.webhook_id == webhook_id)
    if before is not None:
        query = query.where(messages.c.seq < before)
    rows = connection.execute(query.order_by(messages.c.seq.desc()).limit(limit))
    return [_message(row) for row in rows]


def due_webhooks(
    connection: Connection, now_ms: TimestampMs, since_ms: TimestampMs, limit: int
) -> list[tuple[str, str]]:
    """Return ids of webhooks with due messages, and of their clients; longest due first.

    Messages of before `since_ms` are too old to be sent.
    """
    due = _DUE.all(connection, now_ms=now_ms, since_ms=since_ms, most=limit)
    return [(row.webhook_id, row.client_id) for row in due]


# One look into an index for each active webhook, however many messages wait for it.
_first_due: Final = (
    select(messages.c.due_ms)
    .where(
        messages.c.webhook_id == webhooks.c.webhook_id,
        messages.c.due_ms <= bindparam("now_ms"),
        messages.c.created_ms >= bindparam("since_ms"),
    )
    .order_by(messages.c.due_ms)
    .limit(1)
    .scalar_subquery()
)

_active: Final = (
    select(webhooks.c.webhook_id, webhooks.c.client_id, _first_due.label("due_ms"))
    .where(webhooks.c.status == WebhookStatus.ACTIVE.value)
    .subquery()
)

_DUE: Final = Prepared(
    select(_active.c.webhook_id, _active.c.client_id)
    .where(_active.c.due_ms.is_not(None))
    .order_by(_active.c.due_ms)
    .limit(bindparam("most"))
)


def due_messages(
    connection: Connection,
    webhook_id: str,
    now_ms: TimestampMs,
    since_ms: TimestampMs,
    limit: int,
) -> list[Message]:
    """Return messages of a webhook that are due, longest due first."""
    query = (
        select(messages)
        .where(
            messages.c.webhook_id == webhook_id,
            messages.c.due_ms <= now_ms,
            messages.c.created_ms >= since_ms,
        )
        .order_by(messages.c.due_ms, messages.c.seq)
        .limit(limit)
    )
    return [_message(row) for row in connection.execute(query)]


def set_message(connection: Connection, message_id: str, **values: object) -> None:
    """Change columns of a message."""
    row = messages.c.message_id == message_id
    connection.execute(update(messages).where(row).values(**values))


def hold(connection: Connection, webhook_id: str) -> None:
    """Send nothing of a webhook's any more; what is pending waits."""
    mine = (messages.c.webhook_id == webhook_id) & messages.c.due_ms.is_not(None)
    connection.execute(update(messages).where(mine).values(due_ms=None))


def let_go(connection: Connection, webhook_id: str, now_ms: TimestampMs) -> None:
    """Send what waits."""
    mine = (messages.c.webhook_id == webhook_id) & messages.c.state.in_(OPEN)
    connection.execute(update(messages).where(mine).values(due_ms=now_ms))


def forget_older(connection: Connection, before_ms: TimestampMs) -> int:
    """Delete messages of before a time with their log, some at a time; count them."""
    oldest = (
        select(messages.c.message_id)
        .where(messages.c.created_ms < before_ms)
        .order_by(messages.c.created_ms)
        .limit(FORGOTTEN_MAX)
    )
    return forget(connection, list(connection.execute(oldest).scalars()))


def forget(connection: Connection, ids: Sequence[str]) -> int:
    """Delete messages with their log; count them."""
    if ids:
        connection.execute(delete(attempts).where(attempts.c.message_id.in_(ids)))
        connection.execute(delete(messages).where(messages.c.message_id.in_(ids)))
    return len(ids)


# ---------------------------------------------------------------------------------- attempts


def insert_attempt(connection: Connection, message_id: str, attempt: Attempt) -> None:
    """Write an attempt into the log."""
    connection.execute(
        insert(attempts).values(
            message_id=message_id,
            attempt=attempt.attempt,
            started_ms=attempt.started_ms,
            duration_ms=attempt.duration_ms,
            http_status=attempt.http_status,
            outcome=attempt.outcome,
        )
    )


def attempts_of(connection: Connection, message_ids: Sequence[str]) -> dict[str, list[Attempt]]:
    """Return the attempts of messages, oldest first."""
    query = (
        select(attempts)
        .where(attempts.c.message_id.in_(message_ids))
        .order_by(attempts.c.message_id, attempts.c.attempt)
    )
    found: dict[str, list[Attempt]] = {message_id: [] for message_id in message_ids}
    for row in connection.execute(query):
        found[row.message_id].append(
            Attempt(
                attempt=row.attempt,
                started_ms=row.started_ms,
                duration_ms=row.duration_ms,
                http_status=row.http_status,
                outcome=row.outcome,
            )
        )
    return found


# -------------------------------------------------------------------------------------- parts


def _events_text(events: frozenset[EventType]) -> str:
    return " ".join(sorted(events))


def _webhook(row: _Row) -> Webhook:
    return Webhook(
        webhook_id=row.webhook_id,
        client_id=row.client_id,
        url=row.url,
        events=frozenset(EventType(word) for word in row.events.split()),
        api_version=row.api_version,
        sealed_keys=row.sealed_keys,
        public_key=row.public_key,
        status=WebhookStatus(row.status),
        reason=row.reason,
        created_ms=row.created_ms,
        failing_since_ms=row.failing_since_ms,
        seq=row.seq,
    )


def _message(row: _Row) -> Message:
    return Message(
        seq=row.seq,
        message_id=row.message_id,
        webhook_id=row.webhook_id,
        event=EventType(row.event),
        job_id=row.job_id,
        content=row.content,
        created_ms=row.created_ms,
        state=MessageState(row.state),
        attempts=row.attempts,
        due_ms=row.due_ms,
    )

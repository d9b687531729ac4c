"""Messages are written in the transaction of the change that they tell of.

A message's id follows from webhook, job and event: when the chain is followed again from its
beginning, or a change is seen twice, the same message is meant and is there already.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from coordinator.jobs.model import JobPhase
from coordinator.webhooks import store
from coordinator.webhooks.model import EventType, Webhook
from ledger.hashing import sha256
from ledger.types import Hash, TimestampMs

BLOCK_LAG_MS: Final = 10_000
"""How far the time of a block may be behind our clock, when it is compared with a registration."""

_EVENTS: Final[Mapping[JobPhase, EventType]] = {
    JobPhase.COMPLETED: EventType.JOB_COMPLETED,
    JobPhase.FAILED: EventType.JOB_FAILED,
    JobPhase.CANCELLED: EventType.JOB_CANCELLED,
    JobPhase.EXPIRED: EventType.JOB_EXPIRED,
}


AT_ONCE: Final = 0
"""When a new message is due. The time of its block may be ahead of our clock."""


@dataclass(frozen=True, slots=True)
class JobEnd:
    """A job that its client sees ended."""

    job_id: Hash
    """The job."""
    client_id: str
    """Whose it is."""
    phase: JobPhase
    """How it ended."""
    at_ms: TimestampMs
    """When."""


def enqueue(connection: Connection, ends: Sequence[JobEnd]) -> None:
    """Write the messages that the ends of jobs owe, in the transaction of the ends.

    Webhooks that were registered after an end are not told of it.

    Args:
        connection: the transaction.
        ends: jobs that ended.
    """
    if not ends:
        return
    for webhook in store.active_webhooks(connection, sorted({end.client_id for end in ends})):
        since_ms = webhook.created_ms - BLOCK_LAG_MS
        for end in ends:
            event = _event_for(webhook, end.phase)
            if event and end.client_id == webhook.client_id and end.at_ms >= since_ms:
                store.insert_message(
                    connection,
                    message_id(webhook.webhook_id, end.job_id),
                    webhook.webhook_id,
                    event,
                    end.at_ms,
                    due_ms=AT_ONCE,
                    job_id=end.job_id,
                )


def enqueue_disabled(connection: Connection, disabled: Webhook, now_ms: TimestampMs) -> None:
    """Write to the client's other webhooks that one of them is disabled."""
    content = json.dumps(
        {"id": disabled.webhook_id, "url": disabled.url, "reason": disabled.reason}
    )
    event = EventType.WEBHOOK_DISABLED
    for other in store.active_webhooks(connection, [disabled.client_id]):
        if event in other.events and other.webhook_id != disabled.webhook_id:
            about = f"{other.webhook_id}:{disabled.webhook_id}:{now_ms}"
            store.insert_message(
                connection,
                f"msg_{sha256(about.encode()).hex()[:32]}",
                other.webhook_id,
                event,
                now_ms,
                due_ms=now_ms,
                content=content,
            )


def message_id(webhook_id: str, job_id: Hash) -> str:
    """Return the id of the message about the end of a job, of which each has one."""
    return f"msg_{sha256(webhook_id.encode() + job_id).hex()[:32]}"


def _event_for(webhook: Webhook, phase: JobPhase) -> EventType | None:
    """Return as what a webhook is told of an end; None if it is not."""
    event = _EVENTS[phase]
    if event in webhook.events:
        return event
    is_expiry = event is EventType.JOB_EXPIRED
    if is_expiry and EventType.JOB_FAILED in webhook.events:
        return EventType.JOB_FAILED
    return None

"""What a message says: `{type, timestamp, data}`, a job as its webhook's version shows it.

Nothing of a job is kept in the outbox. What its owner had deleted is not sent, not even late.
"""

from typing import Final

import msgspec
from sqlalchemy import Connection

from coordinator.http.times import format_time
from coordinator.jobs.views import JobViews
from coordinator.presenters import presenter_of
from coordinator.webhooks.model import Message, Webhook
from coordinator.wire import TimeText, View


class MessageBody(View, frozen=True):
    """The body of a message."""

    type: str
    """What it tells, such as `job.completed`."""
    timestamp: TimeText
    """When that happened."""
    data: object
    """What it is about: a job as `GET /v1/jobs/{id}` shows it."""


_ENCODER: Final = msgspec.json.Encoder()


def render(
    connection: Connection, views: JobViews, webhook: Webhook, message: Message
) -> str | None:
    """Return the JSON of a message; None if what it is about is no longer there.

    Args:
        connection: a snapshot of the database.
        views: builds the view of the job.
        webhook: whom it is for.
        message: what it tells.
    """
    data: object
    if message.job_id is None:
        data = msgspec.Raw((message.content or "{}").encode())
    else:
        job = views.one(connection, message.job_id)
        if job is None:
            return None
        data = presenter_of(webhook.api_version).job(job)
    body = MessageBody(
        type=message.event.value, timestamp=format_time(message.created_ms), data=data
    )
    return _ENCODER.encode(body).decode()

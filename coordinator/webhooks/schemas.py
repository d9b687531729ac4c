"""Types on the wire of webhooks."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from coordinator.http.times import format_time
from coordinator.values import ApiVersion
from coordinator.webhooks import model
from coordinator.webhooks.service import Delivery
from coordinator.webhooks.signing import WebhookKeys, public_key_text, secret_text
from coordinator.webhooks.urls import URL_LENGTH_MAX
from coordinator.wire import Body, TimeText, View, job_text

EventName = Literal[
    "job.completed", "job.failed", "job.cancelled", "job.expired", "webhook.disabled"
]
"""What a webhook may be subscribed to."""

Url = Annotated[str, Meta(min_length=1, max_length=URL_LENGTH_MAX)]
"""Where messages are sent: https, a public host, no redirects."""

EventNames = Annotated[list[EventName], Meta(min_length=1, max_length=16)]
"""Events; named twice is named once."""


class WebhookRequest(Body, kw_only=True, frozen=True):
    """A new webhook."""

    url: Url
    """Where messages are sent."""
    events: EventNames
    """What it is told. Expired jobs are told as `job.failed`, unless `job.expired` is here."""


class WebhookChange(Body, kw_only=True, frozen=True):
    """What to change of a webhook."""

    url: Url | UnsetType = UNSET
    """New URL."""
    events: EventNames | UnsetType = UNSET
    """New list of events, in place of the old."""
    status: Literal["active", "disabled"] | UnsetType = UNSET
    """Whether messages are sent. What waited while it was disabled is sent when it is enabled."""


class Webhook(View, kw_only=True, frozen=True):
    """A webhook."""

    id: str
    """Its id."""
    url: str
    """Where messages are sent."""
    events: list[str]
    """What it is told."""
    status: str
    """`active` or `disabled`."""
    reason: str | None
    """Why it was disabled, if not by its owner: `gone` (the receiver answered 410) or `failing`
    (nothing got through for three days)."""
    failing_since: TimeText | None
    """First failure since the last message that arrived; null while they do."""
    version: ApiVersion
    """Version of the API in which jobs are shown to it."""
    public_key: str
    """Ed25519 key that checks the `v1a` signatures."""
    created_at: TimeText
    """When it was registered."""


class NewWebhook(Webhook, kw_only=True, frozen=True):
    """A new webhook with its secret, which is shown this once."""

    secret: str
    """Secret that checks the `v1` signatures, as the packages of Standard Webhooks take it."""


class WebhookList(View, kw_only=True, frozen=True):
    """The caller's webhooks, newest first."""

    webhooks: list[Webhook]
    """The webhooks."""
    next_cursor: str | None
    """`cursor` of the next page; null at the end."""


class WebhookAttempt(View, kw_only=True, frozen=True):
    """One sending of a message."""

    attempt: int
    """1 for the first."""
    started_at: TimeText
    """When it began."""
    duration_ms: int
    """Milliseconds that it took."""
    http_status: int | None
    """What the receiver answered; null without an answer."""
    outcome: str
    """`OK`, `HTTP_ERROR`, `REDIRECT_REFUSED`, `TIMEOUT`, `NAME_NOT_FOUND`, `ADDRESS_REFUSED`,
    `CONNECT_FAILED`, `TLS_FAILED`, `NOT_HTTP`, `CONNECTION_LOST`, `NOTHING_TO_TELL`, or
    `BACKLOG_FULL` where a message was given up because too many waited."""


class WebhookDelivery(View, kw_only=True, frozen=True):
    """A message and what became of it."""

    id: str
    """Id of the message: the header `webhook-id`, the same whenever it is sent again."""
    type: str
    """What it tells."""
    job_id: str | None
    """The job that it is about."""
    status: str
    """`pending`, `resending`, `delivered` or `failed`."""
    created_at: TimeText
    """When it happened."""
    next_attempt_at: TimeText | None
    """When it is sent next; null when it is not."""
    attempts: list[WebhookAttempt]
    """Its sendings, oldest first."""


class WebhookDeliveryList(View, kw_only=True, frozen=True):
    """Messages of a webhook, newest first."""

    deliveries: list[WebhookDelivery]
    """The messages."""
    next_cursor: str | None
    """`cursor` of the next page; null at the end."""


def event_types(names: list[EventName]) -> frozenset[model.EventType]:
    """Return the events that a body names."""
    return frozenset(model.EventType(name) for name in names)


def webhook_view(webhook: model.Webhook) -> Webhook:
    """Return a webhook."""
    failing_ms = webhook.failing_since_ms
    return Webhook(
        id=webhook.webhook_id,
        url=webhook.url,
        events=sorted(webhook.events),
        status=webhook.status.value,
        reason=webhook.reason or None,
        failing_since=None if failing_ms is None else format_time(failing_ms),
        version=webhook.api_version,
        public_key=public_key_text(webhook.public_key),
        created_at=format_time(webhook.created_ms),
    )


def new_webhook_view(webhook: model.Webhook, keys: WebhookKeys) -> NewWebhook:
    """Return a new webhook with its secret."""
    shown = msgspec.structs.asdict(webhook_view(webhook))
    return NewWebhook(**shown, secret=secret_text(keys.secret))


def delivery_view(delivery: Delivery) -> WebhookDelivery:
    """Return a message with its log."""
    message = delivery.message
    return WebhookDelivery(
        id=message.message_id,
        type=message.event.value,
        job_id=None if message.job_id is None else job_text(message.job_id),
        status=message.state.value,
        created_at=format_time(message.created_ms),
        next_attempt_at=_next_attempt_at(message),
        attempts=[
            WebhookAttempt(
                attempt=item.attempt,
                started_at=format_time(item.started_ms),
                duration_ms=item.duration_ms,
                http_status=item.http_status,
                outcome=item.outcome,
            )
            for item in delivery.attempts
        ],
    )


def _next_attempt_at(message: model.Message) -> str | None:
    """Return when a message is sent next: a new one at once."""
    if message.due_ms is None:
        return None
    return format_time(max(message.due_ms, message.created_ms))

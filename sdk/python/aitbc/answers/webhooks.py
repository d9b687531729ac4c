"""Webhooks and what became of their messages.

Members that may be absent are declared with ``| None``.
"""

from typing import Any

from aitbc.json_values import Answer


class Webhook(Answer):
    """A webhook."""

    id: str
    """Its id."""
    url: str
    """Where messages are sent."""
    events: list[str]
    """What it is told."""
    status: str
    """active or disabled."""
    reason: str | None
    """Why it was disabled, if not by its owner."""
    failing_since: str | None
    """First failure since the last message that arrived."""
    version: str
    """Version of the API in which jobs are shown to it."""
    public_key: str
    """Ed25519 key that checks ``v1a`` signatures."""
    created_at: str
    """When it was registered."""


class NewWebhook(Webhook):
    """A new webhook with its secret, which is shown this once."""

    secret: str
    """Give it to `aitbc.verify_webhook`."""


class WebhookDelivery(Answer):
    """A message and what became of it."""

    id: str
    """Its id, the same whenever it is sent again."""
    type: str
    """What it tells."""
    job_id: str | None
    """The job that it is about."""
    status: str
    """pending, resending, delivered or failed."""
    created_at: str
    """When it happened."""
    next_attempt_at: str | None
    """When it is sent next."""
    attempts: list[dict[str, Any]]
    """Its sendings, oldest first."""


class WebhookDeliveryPage(Answer):
    """Messages of a webhook, newest first."""

    deliveries: list[WebhookDelivery]
    """The messages."""
    next_cursor: str | None
    """Where the next page begins."""

"""Webhooks: where the node tells what happened to jobs."""

from collections.abc import Sequence
from typing import Final

from aitbc.answers import NewWebhook, Webhook, WebhookDelivery, WebhookDeliveryPage
from aitbc.exchange import Flow, Request, Session, ask, ask_nothing, segment
from aitbc.json_values import Answer, JsonValue, typed_list

_PATH: Final = "/v1/webhooks"
_PAGE: Final = 100


def create_webhook(
    session: Session, url: str, events: Sequence[str] = ("job.completed", "job.failed")
) -> Flow[NewWebhook]:
    """Register a webhook and return it with its secret, which is shown this once.

    Args:
        session: the client's.
        url: where messages are sent: https, a public host.
        events: ``job.completed``, ``job.failed``, ``job.cancelled``, ``job.expired``,
            ``webhook.disabled``.
    """
    request = Request("POST", _PATH, json={"url": url, "events": list(events)})
    return (yield from ask(session, request, NewWebhook))


def list_webhooks(session: Session) -> Flow[list[Webhook]]:
    """Return the caller's webhooks, newest first."""
    found: list[Webhook] = []
    cursor: str | None = None
    while True:
        params: dict[str, str | int] = {"limit": _PAGE}
        if cursor is not None:
            params["cursor"] = cursor
        page = yield from ask(session, Request("GET", _PATH, params=params), Answer)
        found += typed_list(page["webhooks"], Webhook)
        cursor = page.get("next_cursor")
        if cursor is None:
            return found


def get_webhook(session: Session, webhook_id: str) -> Flow[Webhook]:
    """Return a webhook."""
    return (yield from ask(session, Request("GET", f"{_PATH}/{segment(webhook_id)}"), Webhook))


def change_webhook(
    session: Session,
    webhook_id: str,
    *,
    url: str | None = None,
    events: Sequence[str] | None = None,
    status: str | None = None,
) -> Flow[Webhook]:
    """Change a webhook; what is None stays as it is.

    Args:
        session: the client's.
        webhook_id: the webhook.
        url: where messages are sent.
        events: what it is told, in place of what it was told.
        status: ``active`` or ``disabled``.
    """
    body: dict[str, JsonValue] = {}
    if events is not None:
        body["events"] = list(events)
    body |= {name: text for name, text in (("url", url), ("status", status)) if text is not None}
    # What is there is replaced: the same again changes nothing.
    request = Request("PATCH", f"{_PATH}/{segment(webhook_id)}", json=body, repeatable=True)
    return (yield from ask(session, request, Webhook))


def delete_webhook(session: Session, webhook_id: str) -> Flow[None]:
    """Delete a webhook with its messages."""
    yield from ask_nothing(session, Request("DELETE", f"{_PATH}/{segment(webhook_id)}"))


def send_test(session: Session, webhook_id: str) -> Flow[WebhookDelivery]:
    """Have a test message sent."""
    request = Request("POST", f"{_PATH}/{segment(webhook_id)}/test")
    return (yield from ask(session, request, WebhookDelivery))


def list_deliveries(
    session: Session, webhook_id: str, *, limit: int = 20, cursor: str | None = None
) -> Flow[WebhookDeliveryPage]:
    """Return a page of a webhook's messages, newest first.

    Args:
        session: the client's.
        webhook_id: the webhook.
        limit: most messages, at most 100.
        cursor: ``next_cursor`` of the page before.
    """
    params: dict[str, str | int] = {"limit": limit}
    if cursor is not None:
        params["cursor"] = cursor
    request = Request("GET", f"{_PATH}/{segment(webhook_id)}/deliveries", params=params)
    page = yield from ask(session, request, WebhookDeliveryPage)
    page["deliveries"] = typed_list(page["deliveries"], WebhookDelivery)
    return page


def redeliver(session: Session, webhook_id: str, message_id: str) -> Flow[WebhookDelivery]:
    """Have a message sent again."""
    path = f"{_PATH}/{segment(webhook_id)}/deliveries/{segment(message_id)}/redeliver"
    return (yield from ask(session, Request("POST", path), WebhookDelivery))

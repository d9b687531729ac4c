"""What can be wrong with webhooks, one class per rule; they join the tree of `coordinator.errors`.

::

    InvalidRequest ── WebhookUrlRefused      not an address that messages are sent to (400)
    NotFound
    ├── WebhookNotFound                      no such webhook of this client (404)
    └── MessageNotFound                      no such message of this webhook (404)
    Conflict
    ├── TooManyWebhooks                      as many as one client may have (409)
    ├── WebhookDisabled                      nothing is sent to it until it is enabled (409)
    └── MessageSentTooOften                  asked for again and again (409)
    TooManyRequests ── TooManyTestMessages   as many as may have not arrived yet (429)
"""

from coordinator.errors import Conflict, FieldFault, InvalidRequest, NotFound, TooManyRequests


class WebhookUrlRefused(InvalidRequest):
    """Messages are not sent to this URL."""

    code = "WEBHOOK_URL_REFUSED"

    def __init__(self, message: str) -> None:
        """State why."""
        super().__init__(f"/url: {message}", (FieldFault("/url", "REFUSED", message),))


class WebhookNotFound(NotFound):
    """No such webhook of this client (A3)."""

    code = "WEBHOOK_NOT_FOUND"
    text = "Webhook not found"


class MessageNotFound(NotFound):
    """No such message of this webhook, or it is no longer kept."""

    code = "WEBHOOK_MESSAGE_NOT_FOUND"
    text = "Webhook message not found"


class TooManyWebhooks(Conflict):
    """The client has as many webhooks as one may."""

    code = "TOO_MANY_WEBHOOKS"


class WebhookDisabled(Conflict):
    """Nothing is sent to the webhook."""

    code = "WEBHOOK_DISABLED"


class MessageSentTooOften(Conflict):
    """The message was sent as often as one may be."""

    code = "WEBHOOK_MESSAGE_SENT_TOO_OFTEN"


class TooManyTestMessages(TooManyRequests):
    """As many test messages as may wait for the webhook have not arrived yet."""

    code = "TOO_MANY_TEST_MESSAGES"

    def __init__(self) -> None:
        """State what is waited for."""
        super().__init__("Test messages wait for this webhook: see why in its deliveries", 60)

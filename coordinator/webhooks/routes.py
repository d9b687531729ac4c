"""Routes of webhooks."""

from typing import Final

from litestar import Response, delete, get, patch, post
from litestar.params import FromPath
from msgspec import UNSET

from coordinator.http import (
    Answer,
    HttpRequest,
    Operation,
    answer,
    declared,
    exchange_of,
    location,
    same,
)
from coordinator.http.bodies import read_object, typed
from coordinator.http.context import Given
from coordinator.http.operation import CLIENT, READER
from coordinator.http.paging import cursor_parameter, encode_cursor, next_link
from coordinator.http.query import CURSOR, limit_declaration, number_parameter
from coordinator.values import ApiVersion
from coordinator.webhooks.errors import (
    MessageNotFound,
    MessageSentTooOften,
    TooManyTestMessages,
    TooManyWebhooks,
    WebhookDisabled,
    WebhookNotFound,
    WebhookUrlRefused,
)
from coordinator.webhooks.model import WebhookStatus
from coordinator.webhooks.schemas import (
    NewWebhook,
    Webhook,
    WebhookChange,
    WebhookDelivery,
    WebhookDeliveryList,
    WebhookList,
    WebhookRequest,
    delivery_view,
    event_types,
    new_webhook_view,
    webhook_view,
)

_V2: Final[ApiVersion] = "2026-01-24"

_TAG: Final = "Webhooks"

_DEFAULT: Final = 20
_MAXIMUM: Final = 100

_PAGE: Final = (limit_declaration(_DEFAULT, _MAXIMUM), CURSOR)

CREATE: Final = Operation(
    summary="Register a webhook",
    tag=_TAG,
    access=CLIENT,
    documents=frozenset({_V2}),
    description="Messages are signed as Standard Webhooks 1.0 says, with `v1` (HMAC-SHA256, by the "
    "secret) and `v1a` (Ed25519, by the public key). They are sent at least once, and again for "
    "three days until the receiver answers 2xx; repetitions have the same `webhook-id`. A message "
    "is `{type, timestamp, data}`; `data` is the job as the version of this request shows it.",
    body=same(WebhookRequest),
    answers={201: Answer("Webhook registered; its secret is shown this once", same(NewWebhook))},
    errors=(WebhookUrlRefused, TooManyWebhooks),
)

LIST: Final = Operation(
    summary="List webhooks",
    tag=_TAG,
    access=READER,
    parameters=_PAGE,
    answers={200: Answer("The caller's webhooks, newest first", same(WebhookList))},
)

GET: Final = Operation(
    summary="Get a webhook",
    tag=_TAG,
    access=READER,
    answers={200: Answer("Webhook", same(Webhook))},
    errors=(WebhookNotFound,),
)

CHANGE: Final = Operation(
    summary="Change, disable or enable a webhook",
    tag=_TAG,
    access=CLIENT,
    body=same(WebhookChange),
    answers={200: Answer("Webhook changed", same(Webhook))},
    errors=(WebhookNotFound, WebhookUrlRefused),
)

DELETE: Final = Operation(
    summary="Delete a webhook",
    tag=_TAG,
    access=CLIENT,
    description="With its messages: what was not sent is not sent any more.",
    answers={204: Answer("Webhook deleted")},
    errors=(WebhookNotFound,),
)

TEST: Final = Operation(
    summary="Send a test message",
    tag=_TAG,
    access=CLIENT,
    answers={202: Answer("Message of type `webhook.test` to be sent", same(WebhookDelivery))},
    errors=(WebhookNotFound, WebhookDisabled, TooManyTestMessages),
)

DELIVERIES: Final = Operation(
    summary="List the messages of a webhook",
    tag=_TAG,
    access=READER,
    description="What was sent in the last 14 days, each with the log of its sendings.",
    parameters=_PAGE,
    answers={200: Answer("Messages, newest first", same(WebhookDeliveryList))},
    errors=(WebhookNotFound,),
)

REDELIVER: Final = Operation(
    summary="Send a message again",
    tag=_TAG,
    access=CLIENT,
    answers={202: Answer("Message to be sent again", same(WebhookDelivery))},
    errors=(WebhookNotFound, MessageNotFound, WebhookDisabled, MessageSentTooOften),
)


@post("/v1/webhooks", opt=declared(CREATE))
async def create_webhook(request: HttpRequest, context: Given) -> Response[bytes]:
    """Register a webhook."""
    exchange = exchange_of(request)
    wanted = typed(await read_object(request), WebhookRequest)
    webhook, keys = await context.services.webhooks.create(
        exchange.caller,
        exchange.by_route(),
        wanted.url,
        event_types(wanted.events),
        exchange.claim,
    )
    headers = location(request, f"/v1/webhooks/{webhook.webhook_id}")
    return answer(
        request,
        new_webhook_view(webhook, keys),
        status=201,
        headers=headers | {"cache-control": "no-store"},
    )


@get("/v1/webhooks", opt=declared(LIST))
async def list_webhooks(request: HttpRequest, context: Given) -> Response[bytes]:
    """List the caller's webhooks."""
    found, last = await context.services.webhooks.list(
        exchange_of(request).caller, _limit(request), _before(request, "webhooks")
    )
    cursor = None if last is None else encode_cursor("webhooks", (last,))
    view = WebhookList(webhooks=[webhook_view(item) for item in found], next_cursor=cursor)
    return answer(request, view, headers=next_link(request, cursor))


@get("/v1/webhooks/{webhook_id:str}", opt=declared(GET))
async def get_webhook(
    request: HttpRequest, context: Given, webhook_id: FromPath[str]
) -> Response[bytes]:
    """Return a webhook."""
    found = await context.services.webhooks.get(exchange_of(request).caller, webhook_id)
    return answer(request, webhook_view(found))


@patch("/v1/webhooks/{webhook_id:str}", opt=declared(CHANGE))
async def change_webhook(
    request: HttpRequest, context: Given, webhook_id: FromPath[str]
) -> Response[bytes]:
    """Change a webhook."""
    wanted = typed(await read_object(request), WebhookChange)
    changed = await context.services.webhooks.change(
        exchange_of(request).caller,
        webhook_id,
        url=None if wanted.url is UNSET else wanted.url,
        events=None if wanted.events is UNSET else event_types(wanted.events),
        status=None if wanted.status is UNSET else WebhookStatus(wanted.status),
    )
    return answer(request, webhook_view(changed))


@delete("/v1/webhooks/{webhook_id:str}", opt=declared(DELETE))
async def delete_webhook(request: HttpRequest, context: Given, webhook_id: FromPath[str]) -> None:
    """Delete a webhook."""
    await context.services.webhooks.delete(exchange_of(request).caller, webhook_id)


@post("/v1/webhooks/{webhook_id:str}/test", status_code=202, opt=declared(TEST))
async def send_test(
    request: HttpRequest, context: Given, webhook_id: FromPath[str]
) -> Response[bytes]:
    """Send a test message."""
    delivery = await context.services.webhooks.test(exchange_of(request).caller, webhook_id)
    return answer(request, delivery_view(delivery), status=202)


@get("/v1/webhooks/{webhook_id:str}/deliveries", opt=declared(DELIVERIES))
async def list_deliveries(
    request: HttpRequest, context: Given, webhook_id: FromPath[str]
) -> Response[bytes]:
    """List the messages of a webhook."""
    of_list = f"deliveries {webhook_id}"
    found, last = await context.services.webhooks.deliveries(
        exchange_of(request).caller, webhook_id, _limit(request), _before(request, of_list)
    )
    cursor = None if last is None else encode_cursor(of_list, (last,))
    view = WebhookDeliveryList(
        deliveries=[delivery_view(item) for item in found], next_cursor=cursor
    )
    return answer(request, view, headers=next_link(request, cursor))


@post(
    "/v1/webhooks/{webhook_id:str}/deliveries/{message_id:str}/redeliver",
    status_code=202,
    opt=declared(REDELIVER),
)
async def redeliver(
    request: HttpRequest, context: Given, webhook_id: FromPath[str], message_id: FromPath[str]
) -> Response[bytes]:
    """Send a message again."""
    delivery = await context.services.webhooks.redeliver(
        exchange_of(request).caller, webhook_id, message_id
    )
    return answer(request, delivery_view(delivery), status=202)


def _limit(request: HttpRequest) -> int:
    return number_parameter(request, "limit", default=_DEFAULT, least=1, most=_MAXIMUM)


def _before(request: HttpRequest, of_list: str) -> int | None:
    """Return the place that the cursor holds."""
    position = cursor_parameter(request, of_list, [int])
    if position is None:
        return None
    (place,) = position
    assert isinstance(place, int)
    return place


HANDLERS: Final = (
    create_webhook,
    list_webhooks,
    get_webhook,
    change_webhook,
    delete_webhook,
    send_test,
    list_deliveries,
    redeliver,
)
"""The routes of this slice."""

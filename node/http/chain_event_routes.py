"""Routes of the chain's subscriptions: server-sent events, for wallets and tools."""

import re
from collections.abc import AsyncGenerator
from functools import partial
from typing import Final

from litestar import Router, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, SkipValidation
from litestar.response import Stream

from coordinator.events.errors import TooManyStreams
from coordinator.events.sse import EVENT_STREAM
from coordinator.events.streams import counted
from coordinator.http import (
    PUBLIC,
    Answer,
    HttpRequest,
    Operation,
    Parameter,
    declared,
    remote_of,
    same,
)
from coordinator.http.faults import FieldInvalid
from coordinator.http.query import text_parameter
from node.http.chain_api import ChainApi, TransactionNotFound
from node.http.chain_events import ChainEvents
from node.http.chain_routes import TAG, Api, transaction_reference

Events = NamedDependency[SkipValidation[ChainEvents]]
"""Type of the parameter `chain_events` of a handler."""

_HEIGHT: Final = re.compile(r"[0-9]{1,15}", re.ASCII)

_HEADERS: Final = {"cache-control": "no-cache, no-transform", "x-accel-buffering": "no"}

BLOCKS: Final = Operation(
    summary="Listen to final blocks as they come",
    tag=TAG,
    access=PUBLIC,
    description="Server-sent events without end: `block` for each final block, with its height as "
    "id, the newest one first, or those after the height that the reader names. "
    "docs/events.md has all of it.",
    parameters=(
        Parameter(
            "Last-Event-ID",
            "Height of the newest block that is known: those after it are told first.",
            {"type": "string"},
            place="header",
        ),
        Parameter("since", "The same in the query.", {"type": "string"}),
    ),
    answers={200: Answer("Events without end", same(str), media_type=EVENT_STREAM)},
    errors=(TooManyStreams,),
)

TRANSACTION: Final = Operation(
    summary="Listen to what becomes of a transaction",
    tag=TAG,
    access=PUBLIC,
    description="Server-sent events: `transaction`, as the plain read answers, now and at each "
    "change; ends after `final` or `rejected`.",
    answers={200: Answer("Events until the last one", same(str), media_type=EVENT_STREAM)},
    errors=(TransactionNotFound, TooManyStreams),
)


@get("/v1/chain/events", opt=declared(BLOCKS))
async def chain_events(request: HttpRequest, chain_events: Events) -> Stream:
    """Stream final blocks."""
    after = _after(request)
    return _streamed(request, chain_events, chain_events.blocks(after))


@get("/v1/chain/transactions/{transaction_id:str}/events", opt=declared(TRANSACTION))
async def chain_transaction_events(
    request: HttpRequest, transaction_id: FromPath[str], chain_api: Api, chain_events: Events
) -> Stream:
    """Stream where a transaction is."""
    look = partial(chain_api.transaction, transaction_reference(transaction_id))
    await look()
    return _streamed(request, chain_events, chain_events.transaction(look))


def chain_event_handlers(api: ChainApi, events: ChainEvents) -> list[Router]:
    """Return the routes.

    Args:
        api: says where a transaction is.
        events: the open streams; whoever stops the server closes them first.
    """
    return [
        Router(
            path="/",
            route_handlers=[chain_events, chain_transaction_events],
            dependencies={
                "chain_api": Provide(lambda: api, sync_to_thread=False),
                "chain_events": Provide(lambda: events, sync_to_thread=False),
            },
        )
    ]


def _streamed(
    request: HttpRequest, events: ChainEvents, stream: AsyncGenerator[bytes, None]
) -> Stream:
    place = events.places.take("", remote_of(request))
    return Stream(counted(place, stream), media_type=EVENT_STREAM, headers=_HEADERS)


def _after(request: HttpRequest) -> int | None:
    """Return the height that the reader knows."""
    header: str = request.headers.get("last-event-id", "")
    text = header or text_parameter(request, "since")
    if text is None:
        return None
    if _HEIGHT.fullmatch(text) is None:
        raise FieldInvalid("Last-Event-ID" if header else "since", "must be the height of a block")
    return int(text)

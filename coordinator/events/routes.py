"""Routes of events: WebSockets, server-sent events, tickets."""

from typing import Final

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Stream

from coordinator.errors import JobNotFound
from coordinator.events.errors import TooManyStreams, TooManyTickets
from coordinator.events.feed import Bookmark
from coordinator.events.listener import Listener
from coordinator.events.model import Seq
from coordinator.events.schemas import Ticket
from coordinator.events.service import EventParts
from coordinator.events.sockets import GlobalSession, JobSession
from coordinator.events.sse import EVENT_STREAM, JobEvents, parse_bookmark
from coordinator.events.streams import counted, who
from coordinator.http import (
    Answer,
    HttpRequest,
    Operation,
    Parameter,
    answer,
    declared,
    exchange_of,
    same,
)
from coordinator.http.context import Given
from coordinator.http.faults import UpgradeRequired
from coordinator.http.operation import ANY_KEY, READER
from coordinator.http.query import number_parameter, text_parameter
from coordinator.http.socket import TRY_AGAIN_LATER, Session, Socket
from coordinator.http.times import format_time
from coordinator.http.upgrade import agree
from coordinator.jobs import ENDED_PHASES
from coordinator.values import ApiVersion
from coordinator.wire import parse_job_id

_V1: Final[ApiVersion] = "2024-01-01"
_V3: Final[ApiVersion] = "2026-05-11"

SEQ_MAX: Final = 10**15
"""Above every place in a log, below what JSON readers round."""

_VERSION: Final = Parameter(
    "version",
    "The same as the header AITBC-Version, which browsers cannot send here.",
    {"type": "string", "enum": ["2024-01-01", "2026-01-24", "2026-05-11"]},
)

_TICKET: Final = Parameter(
    "ticket",
    "A ticket of POST /v1/tickets instead of a key, which browsers cannot send here.",
    {"type": "string"},
)

_SINCE: Final = Parameter(
    "since",
    "Number of the last event that is known: what happened since is told first.",
    {"type": "integer", "minimum": 0},
)

GLOBAL: Final = Operation(
    summary="Listen to what happens (WebSocket)",
    tag="Events",
    access=ANY_KEY,
    documents=frozenset({_V1}),
    from_browsers=True,
    description="A WebSocket: messages `{type, data, seq}` of the types job_update (own jobs), "
    "marketplace_update and receipt_created, after a first one that says where things are. "
    "docs/events.md has all of it.",
    parameters=(_SINCE, _VERSION, _TICKET),
    answers={101: Answer("The connection becomes a WebSocket")},
    errors=(UpgradeRequired, TooManyStreams),
)

OF_JOB: Final = Operation(
    summary="Listen to the states of a job (WebSocket)",
    tag="Events",
    access=READER,
    documents=frozenset({_V3}),
    from_browsers=True,
    description="A WebSocket: messages `{job_id, state, timestamp, seq}`, the current state "
    "first; closes with 1000 after the final state. docs/events.md has all of it.",
    parameters=(_SINCE, _VERSION, _TICKET),
    answers={101: Answer("The connection becomes a WebSocket")},
    errors=(JobNotFound, UpgradeRequired, TooManyStreams),
)

STREAM: Final = Operation(
    summary="Listen to a job: states and text as it comes",
    tag="Events",
    access=READER,
    from_browsers=True,
    description="Server-sent events: `state` for each state, the current one first, and `text` "
    "for what a miner says while it works, by attempt; ends after the final state. The text is "
    "for those who watch: the result is what the receipt commits to. docs/events.md has all of it.",
    parameters=(
        Parameter(
            "Last-Event-ID",
            "Id of the last event that is known: what happened since is told first.",
            {"type": "string"},
            place="header",
        ),
        Parameter("since", "The same in the query.", {"type": "string"}),
        _VERSION,
        _TICKET,
    ),
    answers={
        200: Answer("Events until the final state", same(str), media_type=EVENT_STREAM),
        204: Answer("The final state is known already: nothing follows"),
    },
    errors=(JobNotFound, TooManyStreams),
)

TICKET: Final = Operation(
    summary="Get a ticket for one stream",
    tag="Events",
    access=ANY_KEY,
    takes_key=False,
    description="Stands for the key in the address of one WebSocket or event stream, where a "
    "browser can send no header; good once, for a minute.",
    answers={201: Answer("The ticket", same(Ticket))},
    errors=(TooManyTickets,),
)


@get(["/ws", "/v1/ws"], opt=declared(GLOBAL))
async def listen(request: HttpRequest, context: Given) -> Response[bytes]:
    """Upgrade to the WebSocket of everything."""
    exchange, events = exchange_of(request), context.services.events
    listener = Listener(exchange.caller, exchange.by_route(), _since(request))
    session = GlobalSession(events.database, events.hub, events.keys, events.clock, listener)
    return agree(request, _placed(request, events, session.run))


@get("/v1/jobs/{job_id:str}/ws", opt=declared(OF_JOB))
async def listen_to_job(
    request: HttpRequest, context: Given, job_id: FromPath[str]
) -> Response[bytes]:
    """Upgrade to the WebSocket of a job."""
    exchange, events = exchange_of(request), context.services.events
    since = _since(request)
    job = await context.services.jobs.get(exchange.caller, parse_job_id(job_id))
    listener = Listener(exchange.caller, exchange.by_object(job.spec.api_version), since)
    session = JobSession(events.feed, events.keys, listener, job.job_id)
    return agree(request, _placed(request, events, session.run))


@get("/v1/jobs/{job_id:str}/events", opt=declared(STREAM))
async def stream_job(
    request: HttpRequest, context: Given, job_id: FromPath[str]
) -> Response[bytes] | Stream:
    """Stream a job's events."""
    exchange, events = exchange_of(request), context.services.events
    version, bookmark = exchange.by_route(), _bookmark(request)
    job = await context.services.jobs.get(exchange.caller, parse_job_id(job_id))
    if (
        bookmark is not None
        and job.phase in ENDED_PHASES
        and await events.feed.knows_all(job.job_id, bookmark)
    ):
        # A browser that reads to the end of a stream comes back, unless it is told not to.
        return Response(content=b"", status_code=204)
    place = events.places.take(*who(request))
    listener = Listener(exchange.caller, version, None)
    stream = JobEvents(events.feed, events.keys, listener, job.job_id).stream(bookmark)
    return Stream(
        counted(place, stream),
        media_type=EVENT_STREAM,
        headers={"cache-control": "no-cache, no-transform", "x-accel-buffering": "no"},
    )


@post("/v1/tickets", opt=declared(TICKET))
async def issue_ticket(request: HttpRequest, context: Given) -> Response[bytes]:
    """Give the caller a ticket."""
    text, expires_ms = context.services.events.tickets.issue(exchange_of(request).caller)
    view = Ticket(ticket=text, expires_at=format_time(expires_ms))
    return answer(request, view, status=201, headers={"cache-control": "no-store"})


def _since(request: HttpRequest) -> Seq | None:
    if text_parameter(request, "since") is None:
        return None
    return number_parameter(request, "since", default=0, least=0, most=SEQ_MAX)


def _bookmark(request: HttpRequest) -> Bookmark | None:
    header: str = request.headers.get("last-event-id", "")
    if header:
        return parse_bookmark(header, "Last-Event-ID")
    text = text_parameter(request, "since")
    return None if text is None else parse_bookmark(text, "since")


def _placed(request: HttpRequest, events: EventParts, session: Session) -> Session:
    """Return a session that is counted while it lasts; refuse it where there is no place."""
    key_id, address = who(request)
    events.places.check(key_id, address)

    async def counted(socket: Socket) -> None:
        try:
            with events.places.taken(key_id, address):
                await session(socket)
        except TooManyStreams as error:
            # Others took the place while this one upgraded.
            await socket.close(TRY_AGAIN_LATER, error.detail[:100])

    return counted


HANDLERS: Final = (listen, listen_to_job, stream_job, issue_ticket)
"""The routes of this slice."""

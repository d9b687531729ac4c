"""Routes of clients: registration, own account, keys."""

from typing import Final, cast

from litestar import Response, delete, get, post
from litestar.params import FromPath

from coordinator.clients.errors import KeyEnded, LastAdminKey
from coordinator.clients.key_ring import KeyWish
from coordinator.clients.model import Budget, IssuedKey
from coordinator.clients.schemas import (
    ApiKeyList,
    BudgetRequest,
    Client,
    ClientRegistration,
    KeyRequest,
    KeyUse,
    NewApiKey,
    RegisteredClient,
    RotationRequest,
    client_view,
    key_use_view,
    key_view,
    new_key_view,
    registered_view,
)
from coordinator.clients.store import KeyPlace
from coordinator.errors import Conflict, Forbidden, NotFound
from coordinator.http import (
    PUBLIC,
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
from coordinator.http.faults import FieldInvalid
from coordinator.http.money import MoneyInvalid, parse_amount
from coordinator.http.operation import ANY_KEY
from coordinator.http.paging import cursor_parameter, encode_cursor, next_link
from coordinator.http.query import CURSOR, limit_declaration, number_parameter
from coordinator.http.times import TimeInvalid, parse_time
from ledger.types import TimestampMs

_LIST: Final = "keys"
"""What the cursors of the list of keys belong to."""

_LIMIT_MAX: Final = 100

REGISTER: Final = Operation(
    summary="Register as a client",
    tag="Clients",
    access=PUBLIC,
    description="Makes a client with a wallet and returns its API key, once.",
    body=same(ClientRegistration),
    answers={201: Answer("Client registered", same(RegisteredClient))},
)

ME: Final = Operation(
    summary="Get the caller",
    tag="Clients",
    access=ANY_KEY,
    answers={200: Answer("The caller, with its balance", same(Client))},
)

ISSUE_KEY: Final = Operation(
    summary="Make another key",
    tag="Clients",
    access=ANY_KEY,
    description="It allows at most what the caller's own key does, lasts no longer, and spends "
    "from the same budget if that has one.",
    body=same(KeyRequest),
    answers={201: Answer("Key made", same(NewApiKey))},
    errors=(Forbidden, Conflict),
)

ROTATE_KEY: Final = Operation(
    summary="Make the successor of a key",
    tag="Clients",
    access=ANY_KEY,
    description="The new key has the same rights, end, budget and limits. The old one goes on "
    "working for the overlap, so that nothing that uses it has to stop.",
    body=same(RotationRequest),
    answers={201: Answer("Key made", same(NewApiKey))},
    errors=(NotFound, Forbidden, KeyEnded),
)

KEY_USE: Final = Operation(
    summary="Get what a key was used for",
    tag="Clients",
    access=ANY_KEY,
    description="Requests, jobs and their cost, and where the key's budget stands.",
    answers={200: Answer("Use of the key", same(KeyUse))},
    errors=(NotFound,),
)

LIST_KEYS: Final = Operation(
    summary="List the caller's keys",
    tag="Clients",
    access=ANY_KEY,
    description="Those that work first, in each part the newest first.",
    parameters=(limit_declaration(_LIMIT_MAX, _LIMIT_MAX), CURSOR),
    answers={200: Answer("Keys", same(ApiKeyList))},
)

REVOKE_KEY: Final = Operation(
    summary="Revoke a key",
    tag="Clients",
    access=ANY_KEY,
    description="It is refused from the next request on.",
    answers={204: Answer("Key revoked")},
    errors=(NotFound, Forbidden, LastAdminKey),
)


@post("/v1/clients", opt=declared(REGISTER))
async def register_client(request: HttpRequest, context: Given) -> Response[bytes]:
    """Register a client."""
    registration = typed(await read_object(request), ClientRegistration)
    client, issued = await context.services.clients.register(registration.label)
    return answer(
        request,
        registered_view(client, issued),
        status=201,
        headers=location(request, "/v1/clients/me") | {"cache-control": "no-store"},
    )


@get("/v1/clients/me", opt=declared(ME))
async def get_me(request: HttpRequest, context: Given) -> Response[bytes]:
    """Return the caller."""
    client = await context.services.clients.view(exchange_of(request).caller)
    return answer(request, client_view(client))


@post("/v1/clients/me/keys", opt=declared(ISSUE_KEY))
async def issue_key(request: HttpRequest, context: Given) -> Response[bytes]:
    """Make another key of the caller."""
    wanted = typed(await read_object(request), KeyRequest)
    wish = KeyWish(
        label=wanted.label,
        scopes=frozenset(wanted.scopes),
        expires_ms=None if wanted.expires_at is None else _expires_ms(wanted.expires_at),
        version_pin=wanted.version,
        budget=None if wanted.budget is None else _budget_of(wanted.budget),
    )
    issued = await context.services.clients.keys.issue(exchange_of(request).caller, wish)
    return _made(request, issued)


@post("/v1/clients/me/keys/{key_id:str}/rotate", opt=declared(ROTATE_KEY))
async def rotate_key(
    request: HttpRequest, context: Given, key_id: FromPath[str]
) -> Response[bytes]:
    """Make the successor of a key."""
    wanted = typed(await read_object(request), RotationRequest)
    issued = await context.services.clients.keys.rotate(
        exchange_of(request).caller, key_id, wanted.overlap_seconds
    )
    return _made(request, issued)


def _made(request: HttpRequest, issued: IssuedKey) -> Response[bytes]:
    return answer(
        request,
        new_key_view(issued),
        status=201,
        headers=location(request, "/v1/clients/me/keys") | {"cache-control": "no-store"},
    )


@get("/v1/clients/me/keys", opt=declared(LIST_KEYS))
async def list_keys(request: HttpRequest, context: Given) -> Response[bytes]:
    """List the caller's keys."""
    limit = number_parameter(request, "limit", default=_LIMIT_MAX, least=1, most=_LIMIT_MAX)
    position = cursor_parameter(request, _LIST, [int, int, str])
    after = None if position is None else cast("KeyPlace", position)
    caller = exchange_of(request).caller
    keys, last = await context.services.clients.keys.list(caller, limit, after)
    return answer(
        request,
        ApiKeyList(keys=[key_view(key) for key in keys]),
        headers=next_link(request, None if last is None else encode_cursor(_LIST, last)),
    )


@delete("/v1/clients/me/keys/{key_id:str}", opt=declared(REVOKE_KEY))
async def revoke_key(request: HttpRequest, context: Given, key_id: FromPath[str]) -> None:
    """Revoke a key of the caller."""
    await context.services.clients.keys.revoke(exchange_of(request).caller, key_id)


@get("/v1/clients/me/keys/{key_id:str}/usage", opt=declared(KEY_USE))
async def get_key_use(
    request: HttpRequest, context: Given, key_id: FromPath[str]
) -> Response[bytes]:
    """Return what a key was used for."""
    usage = await context.services.clients.keys.usage(exchange_of(request).caller, key_id)
    return answer(request, key_use_view(usage))


def _budget_of(wanted: BudgetRequest) -> Budget:
    try:
        return Budget(parse_amount(wanted.amount), wanted.period)
    except MoneyInvalid as error:
        raise FieldInvalid("/budget/amount", str(error)) from None


def _expires_ms(text: str) -> TimestampMs:
    try:
        return parse_time(text)
    except TimeInvalid as error:
        raise FieldInvalid("/expires_at", str(error)) from None


HANDLERS: Final = (
    register_client,
    get_me,
    issue_key,
    list_keys,
    rotate_key,
    get_key_use,
    revoke_key,
)
"""The routes of this slice."""

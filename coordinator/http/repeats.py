"""`Idempotency-Key` on the wire: read before the handler, the answer kept after it.

As in draft-ietf-httpapi-idempotency-key-header: a request that is repeated under its key while the
first is being answered gets 409, another request under the same key 422, and a repeat after the
answer that answer again, marked by `Idempotency-Replayed: true`. Only answers with 2xx are kept: a
refusal left nothing behind, so the same request may be tried again.

The key belongs to the client whose API key came with it. Callers without one share a space of
keys, so theirs have to be too long to be guessed.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

from litestar import Response
from litestar.types import Message, Send

from coordinator.http.bodies import JSON_BYTES_MAX, read_body
from coordinator.http.exchange import Exchange, HttpRequest, exchange_of
from coordinator.http.methods import options_answer
from coordinator.http.operation import JSON, Operation, Parameter
from coordinator.idempotency import (
    Claim,
    Idempotency,
    IdempotencyKeyInvalid,
    KeptAnswer,
    Request,
)
from coordinator.wire import JOB_PREFIX
from ledger.hashing import sha256

HEADER: Final = "Idempotency-Key"

KEY_LENGTH_MAX: Final = 128
"""Characters of a key; a UUID has 36."""

ANONYMOUS_LENGTH_MIN: Final = 32
"""Characters of a key that comes without an API key: 128 bits in hex."""

ANONYMOUS: Final = "anonymous"
"""Owner of the keys of callers without an API key; no client's id."""

REPLAYED: Final = ("idempotency-replayed", "true")

_KEPT_HEADERS: Final = frozenset(
    {
        "aitbc-as-of-height",
        "aitbc-version",
        "aitbc-version-source",
        "cache-control",
        "content-type",
        "link",
        "location",
        "preference-applied",
    }
)
"""What belongs to an answer; the rest tells of one request, or of the caller's limit."""

# A structured string of RFC 8941, as the draft has it, or the same without the quotes.
_QUOTED: Final = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"', re.ASCII)
_BARE: Final = re.compile(r"[!#-+\--:<-\[\]-~]+", re.ASCII)

PARAMETER: Final = Parameter(
    HEADER,
    "A new random text, such as a UUID, for each request that is meant once. The same key with "
    "the same request gets the same answer for a day, and has no second effect.",
    {"type": "string", "minLength": 1, "maxLength": KEY_LENGTH_MAX},
    place="header",
)

Admit = Callable[[HttpRequest], Awaitable[None]]
BeforeRequest = Callable[[HttpRequest], Awaitable[Response[bytes] | None]]


def takes_key(operation: Operation, method: str) -> bool:
    """Return whether requests of a route may carry a key: JSON or nothing by POST."""
    return operation.takes_key and method.upper() == "POST" and operation.body_media_type == JSON


def claiming(admit: Admit, idempotency: Idempotency) -> BeforeRequest:
    """Return what is to run before the handler of every route.

    Args:
        admit: admits the request, before anything of it is remembered.
        idempotency: claims.
    """

    async def claim(request: HttpRequest) -> Response[bytes] | None:
        await admit(request)
        if (options := options_answer(request)) is not None:
            return options
        exchange = exchange_of(request)
        operation = exchange.operation
        if operation is None or not takes_key(operation, request.method):
            return None
        key = read_key(request.headers.getall(HEADER, []))
        if key is None:
            return None
        body = await read_body(request, JSON_BYTES_MAX)
        found = await idempotency.claim(_identified(exchange, request, key, body))
        if isinstance(found, Claim):
            exchange.claim = found
            found.about = _job_in(request)
            return None
        return Response(
            content=found.body,
            status_code=found.status,
            headers=dict([*found.headers, REPLAYED]),
        )

    return claim


def _job_in(request: HttpRequest) -> str | None:
    """Return the id, in hex, of the job that a path names; what else names none is left alone."""
    text = request.path_params.get("job_id")
    return text.removeprefix(JOB_PREFIX)[:64] if isinstance(text, str) else None


def read_key(values: Sequence[str]) -> str | None:
    """Return the key that a request carries; None without one.

    Args:
        values: all values of the header.

    Raises:
        IdempotencyKeyInvalid: repeated, empty, too long, or not printable ASCII.
    """
    if not values:
        return None
    if len(values) > 1:
        raise IdempotencyKeyInvalid.at(HEADER, "is given more than once")
    text = values[0].strip()
    if match := _QUOTED.fullmatch(text):
        key = re.sub(r"\\(.)", r"\1", match[1])
    elif _BARE.fullmatch(text):
        key = text
    else:
        raise IdempotencyKeyInvalid.at(HEADER, "must be printable ASCII; a UUID, for example")
    if not 1 <= len(key) <= KEY_LENGTH_MAX:
        raise IdempotencyKeyInvalid.at(HEADER, f"must have 1 to {KEY_LENGTH_MAX} characters")
    return key


def _identified(exchange: Exchange, request: HttpRequest, key: str, body: bytes) -> Request:
    principal = exchange.principal
    if principal is None and len(key) < ANONYMOUS_LENGTH_MIN:
        message = f"must have at least {ANONYMOUS_LENGTH_MIN} characters without an API key"
        raise IdempotencyKeyInvalid.at(HEADER, message)
    version = exchange.explicit.version if exchange.explicit else ""
    rights = " ".join(sorted(principal.scopes)) if principal else ""
    scope = request.scope
    parts = (
        version.encode(),
        request.method.encode(),
        scope["path"].encode(),
        scope["query_string"],
        rights.encode(),
        body,
    )
    return Request(
        owner=principal.client_id if principal else ANONYMOUS,
        key_digest=sha256(key.encode()),
        # Digests of the parts have one length: no two lists of parts run into the same bytes.
        fingerprint=sha256(b"".join(sha256(part) for part in parts)),
    )


class Keeping:
    """Stands before `send` while a claim is held: what goes out has been kept."""

    def __init__(self, claim: Claim, send: Send) -> None:
        """Watch the answer to the request that has the claim."""
        self._claim = claim
        self._send = send
        self._start: Message | None = None

    async def __call__(self, message: Message) -> None:
        """Pass a message on; the whole answer at once, or a stream as it comes."""
        if message["type"] == "http.response.start" and 200 <= message["status"] < 300:
            self._start = message
        else:
            await self._pass_on(message)

    async def _pass_on(self, message: Message) -> None:
        start, self._start = self._start, None
        if start is not None:
            assert start["type"] == "http.response.start"
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                body = message.get("body", b"")
                headers = tuple(_kept(start["headers"]))
                await self._claim.keep(KeptAnswer(start["status"], headers, body))
            await self._send(start)
        await self._send(message)


def _kept(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[str, str]]:
    for name, value in headers:
        text = name.decode("latin-1").lower()
        if text in _KEPT_HEADERS:
            yield text, value.decode("latin-1")

"""One exchange with a node: limits, repetition, idempotency keys, typed errors."""

import math
import os
import random
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias, TypeVar
from urllib.parse import parse_qsl, quote, urlsplit

from aitbc.errors import ApiError, ConnectionFailed, InvalidValue, class_of
from aitbc.exchange.effects import (
    REPEATABLE_METHODS,
    Broken,
    Flow,
    Head,
    Pause,
    Request,
    begin,
    read_piece,
)
from aitbc.json_values import AnswerType, parse_json, read_list, read_object, unexpected

PRODUCTION: Final = "https://aitbc.bubuit.net/api"
"""Where a client goes that is told nothing else."""

BASE_URL_VARIABLE: Final = "AITBC_BASE_URL"
"""Names the node of clients that are given no address."""

ANSWER_BYTES_MAX: Final = 16 * 1_048_576
"""Largest answer that is read into memory."""

ERROR_BYTES_MAX: Final = 65_536
"""Largest error that is read."""

IDEMPOTENCY_KEY: Final = "Idempotency-Key"

_LIMIT_S_MIN: Final = 0.1
"""A last look at something when time is over takes so long at most."""

_REPEATED: Final = frozenset({429, 502, 503, 504})
"""Statuses after which the same request may succeed."""

_IN_FLIGHT: Final = "IDEMPOTENCY_KEY_IN_FLIGHT"
"""Code of a 409: the first sending of this request is still at work."""

_HEADER_VALUE: Final = re.compile(r"[\x21-\x7e]{1,512}", re.ASCII)

Query: TypeAlias = Mapping[str, str | int]
"""Parameters of a request."""

_LINK_LENGTH_MAX: Final = 4_096
"""Most of the header that is looked at: a stranger's text costs no more than that."""

_LINK: Final = re.compile(r'<([^>]*)>[^,]*?;\s*rel="?([a-z]+)"?')

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how patiently an exchange is repeated."""

    attempts: int = 4
    """Exchanges in all; 1 means no repetition."""
    base_s: float = 0.25
    """Longest first pause; it doubles each time. Each pause is drawn evenly between nothing and
    that (full jitter), so that clients that failed together do not come back together."""
    pause_max_s: float = 8.0
    """Longest pause. A node that asks for a longer one is not asked again: the error says it."""
    reconnect_s: float = 60.0
    """How long a wait for a job, or a stream that had begun, outlasts a node that does not answer
    and may be starting again. 0 gives up after `attempts`, as single calls do."""


@dataclass(frozen=True)
class Session:
    """What all exchanges of one client have in common."""

    base_url: str
    """Address of the node, without a slash at its end."""
    headers: Mapping[str, str] = field(repr=False)
    """Sent with each request; they hold the key, which no text of this object shows."""
    timeout_s: float
    """Limit of each exchange that states none."""
    retry: RetryPolicy
    """How exchanges are repeated."""
    clock: Callable[[], float] = field(default=time.monotonic)
    """Seconds that only grow."""
    chance: Callable[[], float] = field(default=random.random)
    """A number from 0 to 1."""
    new_key: Callable[[], str] = field(default=lambda: secrets.token_hex(16))
    """A new idempotency key."""
    deadline: float | None = None
    """Time of the clock at which nothing is waited for any more."""

    def left_s(self) -> float:
        """Return the seconds until the deadline, which may be over."""
        return math.inf if self.deadline is None else self.deadline - self.clock()


def session_of(
    base_url: str | None,
    api_key: str | None,
    version: str,
    timeout_s: float,
    retry: RetryPolicy | None,
) -> Session:
    """Return the session of a client.

    Args:
        base_url: address of the node; None takes `AITBC_BASE_URL`, else production.
        api_key: key to send.
        version: API version that each request names.
        timeout_s: limit of each exchange.
        retry: how exchanges are repeated.

    Raises:
        InvalidValue: the address is none, or the key cannot be one.
    """
    headers = {
        "AITBC-Version": version,
        "Accept": "application/problem+json, application/json",
    }
    if api_key:
        headers["X-Api-Key"] = header_value("api_key", api_key)
    address = base_url
    if address is None:
        address = os.environ.get(BASE_URL_VARIABLE) or PRODUCTION
    return Session(_checked(address).rstrip("/"), headers, timeout_s, retry or RetryPolicy())


def header_value(field_name: str, text: str) -> str:
    """Return a text that goes into a header.

    Raises:
        InvalidValue: it is empty, long, or has characters that a header cannot hold; the error
            does not show it, since it may be secret.
    """
    if _HEADER_VALUE.fullmatch(text) is None:
        raise InvalidValue(field_name, "must be 1 to 512 printable characters of ASCII, no spaces")
    return text


def keyed(idempotency_key: str | None) -> dict[str, str]:
    """Return the headers of a POST whose caller names it, or leaves that to us.

    Raises:
        InvalidValue: the name is none.
    """
    if idempotency_key is None:
        return {}
    return {IDEMPOTENCY_KEY: header_value("idempotency_key", idempotency_key)}


def segment(text: str) -> str:
    """Return one segment of a path; whatever is in it cannot lead elsewhere."""
    if text in {"", ".", ".."}:
        raise InvalidValue("id", f"{text!r} is none")
    return quote(text, safe=":")


def ask(session: Session, request: Request, kind: type[AnswerType]) -> Flow[AnswerType]:
    """Send a request and return the JSON object of its answer.

    Raises:
        ApiError: the node answered with an error, or with something else than an object.
        ConnectionFailed: it did not answer, after all repetitions.
    """

    def once(prepared: Request) -> Flow[AnswerType]:
        return read_object((yield from _exchange(session, prepared)), kind)

    return (yield from repeated(session, request, once))


def ask_list(session: Session, request: Request, kind: type[AnswerType]) -> Flow[list[AnswerType]]:
    """Send a request and return the objects of the JSON array of its answer; see `ask`."""

    def once(prepared: Request) -> Flow[list[AnswerType]]:
        return read_list((yield from _exchange(session, prepared)), kind)

    return (yield from repeated(session, request, once))


def ask_nothing(session: Session, request: Request) -> Flow[None]:
    """Send a request whose answer has no body; see `ask`."""

    def once(prepared: Request) -> Flow[None]:
        yield from _exchange(session, prepared)

    return (yield from repeated(session, request, once))


def ask_bytes(session: Session, request: Request) -> Flow[bytes]:
    """Send a request and return the body of its answer; see `ask`."""

    def once(prepared: Request) -> Flow[bytes]:
        return (yield from _exchange(session, prepared))

    return (yield from repeated(session, request, once))


def ask_page(session: Session, request: Request) -> Flow[tuple[bytes, Query | None]]:
    """Send a request for a page; return its body, and the query of the next page, None at the end.

    See `ask`. The next page is in the header ``Link`` (RFC 8288).
    """

    def once(prepared: Request) -> Flow[tuple[bytes, Query | None]]:
        head = yield from opened(session, prepared)
        body = yield from read_body(session, limit_of(session, prepared), ANSWER_BYTES_MAX)
        return body, _next_query(head.headers.get("link", ""))

    return (yield from repeated(session, request, once))


def repeated(
    session: Session, request: Request, once: Callable[[Request], Flow[_Result]]
) -> Flow[_Result]:
    """Run an exchange, and again while that is safe and promises something.

    Args:
        session: whose policy applies.
        request: what is sent; a POST gets an idempotency key here, the same for all repetitions.
        once: runs one exchange.
    """
    prepared, is_repeatable = _prepared(session, request)
    policy = session.retry
    for attempt in range(1, policy.attempts + 1):
        is_last = attempt == policy.attempts
        least_s = 0.0
        try:
            return (yield from once(prepared))
        except Broken as broken:
            if is_last or session.left_s() <= 0 or (broken.was_sent and not is_repeatable):
                raise _failed(session, request, broken) from None
        except ApiError as error:
            least_s = error.retry_after_s or 0.0
            if (
                is_last
                or least_s > policy.pause_max_s
                or not _may_repeat(error, is_repeatable=is_repeatable)
            ):
                raise
        jitter_s = policy.base_s * 2 ** (attempt - 1) * session.chance()
        yield Pause(least_s + min(policy.pause_max_s, jitter_s))
    raise AssertionError("the loop returns or raises")


def opened(session: Session, request: Request) -> Flow[Head]:
    """Send a request once and return the head of an answer whose status says success.

    Raises:
        ApiError: the status says something else.
    """
    head = yield from begin(request, limit_of(session, request))
    if not 200 <= head.status < 300:
        body = yield from read_body(session, limit_of(session, request), ERROR_BYTES_MAX)
        raise api_error(head, body)
    return head


def read_body(session: Session, timeout_s: float, bytes_max: int) -> Flow[bytes]:
    """Read the answer that is open to its end.

    Raises:
        ApiError: it has more than `bytes_max` bytes.
    """
    deadline = session.clock() + timeout_s
    body = bytearray()
    while (piece := (yield from read_piece())) is not None:
        body += piece
        if len(body) > bytes_max:
            raise unexpected(f"the answer has more than {bytes_max} bytes")
        if session.clock() > deadline:
            raise Broken("the answer did not end in time", was_sent=True)
    return bytes(body)


def limit_of(session: Session, request: Request) -> float:
    """Return the limit of one exchange."""
    stated_s = session.timeout_s if request.timeout_s is None else request.timeout_s
    return max(_LIMIT_S_MIN, min(stated_s, session.left_s()))


def api_error(head: Head, body: bytes) -> ApiError:
    """Return the error that an answer tells, typed by its code."""
    found = parse_json(body)
    fields = found if isinstance(found, Mapping) else {}
    faults = fields.get("errors")
    retry_after = head.headers.get("retry-after", "")
    reachable = fields.get("reachable_epoch")
    error_code = str(fields.get("error_code", f"HTTP_{head.status}"))
    return class_of(head.status, error_code)(
        status=head.status,
        error_code=error_code,
        detail=str(fields.get("detail", head.reason)),
        request_id=str(fields.get("request_id", head.headers.get("x-request-id", ""))),
        retry_after_s=float(retry_after) if retry_after.isdecimal() else None,
        pointers=tuple(
            str(fault.get("pointer", ""))
            for fault in (faults if isinstance(faults, list) else ())
            if isinstance(fault, Mapping)
        ),
        reachable_epoch=reachable if type(reachable) is int else None,
    )


def _next_query(link: str) -> Query | None:
    for target, relation in _LINK.findall(link[:_LINK_LENGTH_MAX]):
        if relation == "next":
            return dict(parse_qsl(urlsplit(target).query))
    return None


def _exchange(session: Session, request: Request) -> Flow[bytes]:
    yield from opened(session, request)
    return (yield from read_body(session, limit_of(session, request), ANSWER_BYTES_MAX))


def _prepared(session: Session, request: Request) -> tuple[Request, bool]:
    """Return the request as it is sent, and whether sending it twice is safe."""
    if request.repeatable is not None:
        return request, request.repeatable
    if request.method in REPEATABLE_METHODS:
        return request, True
    headers = dict(request.headers or {})
    headers.setdefault(IDEMPOTENCY_KEY, session.new_key())
    return replace(request, headers=headers), True


def _may_repeat(error: ApiError, *, is_repeatable: bool) -> bool:
    """Return whether an answer asks for a later repetition, and that is safe.

    429 comes before anything was done. 502, 503 and 504 may come from something on the way, after
    the node did it.
    """
    if error.status == 429:
        return True
    if error.error_code == _IN_FLIGHT:
        return True
    return is_repeatable and error.status in _REPEATED


def _failed(session: Session, request: Request, broken: Broken) -> ConnectionFailed:
    if not broken.was_sent:
        return ConnectionFailed(f"no node answers at {session.base_url}: {broken}")
    return ConnectionFailed(f"{request.method} {session.base_url}{request.path}: {broken}")


def _checked(base_url: str) -> str:
    try:
        parts = urlsplit(base_url)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        is_address = False
    if not is_address:
        raise InvalidValue("base_url", f"must be http://… or https://…, not {base_url!r}")
    return base_url

"""Request bodies: bounded bytes, strict JSON, typed values, errors that point at the field.

JSON numbers with a point or an exponent become `Decimal`, so that money never passes through a
float (P5); `plain_json` turns free-form values into what RFC 8785 can write.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Final, NoReturn, TypeAlias, TypeVar, cast

import msgspec

from coordinator.http.body_faults import field_fault, pointer_part
from coordinator.http.exchange import HttpRequest, exchange_of
from coordinator.http.faults import (
    BodyIncomplete,
    BodyMissing,
    BodyTooLarge,
    BodyTooSlow,
    FieldInvalid,
    JsonMalformed,
    MediaTypeUnsupported,
)
from coordinator.values import JsonValue

JSON_BYTES_MAX: Final = 1_048_576
"""Of a JSON body; a long prompt has some hundred kilobytes, larger inputs are artifacts."""

JSON_DEPTH_MAX: Final = 64
"""Nesting of a JSON body; bounds every recursion over it."""

NUMBER_CHARACTERS_MAX: Final = 64
"""Of one number; a double needs 24, the largest amount 20."""

INTEGER_MAX: Final = 2**53 - 1
"""Integers beyond it are not the same in every JSON reader (RFC 7493)."""

BODY_SECONDS_MAX: Final = 30
"""Until a JSON body is here; a slow sender must not hold a connection for ever."""

T = TypeVar("T")

_Place: TypeAlias = tuple["_Place | None", str]
"""Where a value stands: its name after that of what holds it, the first a pointer. It is written
out for an error alone: the names of what holds a value may be as long as the body."""

_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)


async def read_json(request: HttpRequest, *, bytes_max: int = JSON_BYTES_MAX) -> object:
    """Return the JSON body of a request.

    Raises:
        MediaTypeUnsupported: declared as anything but application/json, or compressed.
        BodyMissing: there are no bytes.
        BodyTooLarge: more than `bytes_max`.
        BodyTooSlow: not complete in `BODY_SECONDS_MAX`.
        JsonMalformed: see `parse_json`.
    """
    if not announced_bytes(request) and "transfer-encoding" not in request.headers:
        raise BodyMissing
    _check_media_type(request)
    raw = await read_body(request, bytes_max)
    if not raw.strip(b" \t\r\n"):
        raise BodyMissing
    return parse_json(raw)


async def read_body(request: HttpRequest, bytes_max: int) -> bytes:
    """Return the bytes of a request's body; may be called again.

    Raises:
        BodyTooLarge: more than `bytes_max`.
        BodyTooSlow: not complete in `BODY_SECONDS_MAX`.
    """
    exchange = exchange_of(request)
    if exchange.body is None:
        _check_announced(request, bytes_max)
        # Nearly always this is all of it. Whoever sends nothing is cut off by the server.
        first, is_more = await _next_piece(request)
        exchange.body = first + await _rest(request, bytes_max - len(first)) if is_more else first
    if len(exchange.body) > bytes_max:
        raise BodyTooLarge(bytes_max)
    return exchange.body


async def _rest(request: HttpRequest, bytes_max: int) -> bytes:
    """Return what is left of a body, or so much of it that it is too large."""
    pieces: list[bytes] = []
    is_more = True
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            while is_more and bytes_max >= 0:
                piece, is_more = await _next_piece(request)
                pieces.append(piece)
                bytes_max -= len(piece)
    except TimeoutError:
        raise BodyTooSlow(BODY_SECONDS_MAX) from None
    return b"".join(pieces)


async def _next_piece(request: HttpRequest) -> tuple[bytes, bool]:
    """Return bytes of a body, and whether there are more.

    Raises:
        BodyIncomplete: the caller went away.
    """
    message = await request.receive()
    if message["type"] != "http.request":
        raise BodyIncomplete
    return message["body"], message["more_body"]


async def read_object(
    request: HttpRequest, *, bytes_max: int = JSON_BYTES_MAX
) -> dict[str, object]:
    """Return the JSON object of a request; see `read_json`.

    Raises:
        FieldInvalid: the body is another kind of JSON value.
    """
    body = await read_json(request, bytes_max=bytes_max)
    if not isinstance(body, dict):
        raise FieldInvalid("", "must be a JSON object")
    return cast("dict[str, object]", body)


def announced_bytes(request: HttpRequest) -> int | None:
    """Return what `Content-Length` says; None without a usable one."""
    match = _LENGTH.fullmatch(request.headers.get("content-length", ""))
    return None if match is None else int(match[0])


async def read_chunks(request: HttpRequest, bytes_max: int | None) -> AsyncIterator[bytes]:
    """Yield a request's body as it comes.

    Args:
        request: the request.
        bytes_max: most bytes; None where the reader of the chunks counts them itself.

    Raises:
        BodyTooLarge: announced, or found, to be more than `bytes_max`.
        BodyIncomplete: the caller went away.
    """
    if bytes_max is not None:
        _check_announced(request, bytes_max)
    size, is_more = 0, True
    while is_more:
        chunk, is_more = await _next_piece(request)
        size += len(chunk)
        if bytes_max is not None and size > bytes_max:
            raise BodyTooLarge(bytes_max)
        if chunk:
            yield chunk


def _check_announced(request: HttpRequest, bytes_max: int) -> None:
    announced = announced_bytes(request)
    if announced is not None and announced > bytes_max:
        raise BodyTooLarge(bytes_max)


def _check_media_type(request: HttpRequest) -> None:
    """Refuse what a web form could send: a page must not submit jobs unasked (A2)."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise MediaTypeUnsupported("send the body as Content-Type: application/json")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise MediaTypeUnsupported("send the body without Content-Encoding")


def parse_json(raw: bytes) -> object:
    """Return the value of a JSON text (RFC 8259), numbers exact.

    Raises:
        JsonMalformed: not UTF-8, not one JSON value, NaN or Infinity, a repeated member, half a
            surrogate pair, nested deeper than `JSON_DEPTH_MAX`, or an excessive number.
    """
    try:
        text = raw.decode("utf-8")
        value: object = _DECODER.decode(text)
    except UnicodeDecodeError as error:
        raise JsonMalformed(f"byte {error.start} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise JsonMalformed(f"{error.msg}, at character {error.pos}") from None
    except RecursionError:
        raise JsonMalformed(f"nested deeper than {JSON_DEPTH_MAX}") from None
    if b"\\u" in raw or raw.count(b"[") + raw.count(b"{") > JSON_DEPTH_MAX:
        _check_values(value)
    return value


def _object_of(members: list[tuple[str, object]]) -> dict[str, object]:
    built = dict(members)
    if len(built) != len(members):
        raise JsonMalformed(f"the member {_repeated(members)[:40]!r} is repeated")
    return built


def _repeated(members: list[tuple[str, object]]) -> str:
    """Return the first name that comes again; one of them does."""
    seen: set[str] = set()
    for name, _ in members:
        if name in seen:
            return name
        seen.add(name)
    raise AssertionError("a name is repeated")


def _decimal_of(literal: str) -> Decimal:
    _check_number(literal)
    try:
        return Decimal(literal)
    except InvalidOperation:
        raise JsonMalformed("a number has an excessive exponent") from None


def _integer_of(literal: str) -> int:
    _check_number(literal)
    return int(literal)


def _check_number(literal: str) -> None:
    if len(literal) > NUMBER_CHARACTERS_MAX:
        raise JsonMalformed(f"a number has more than {NUMBER_CHARACTERS_MAX} characters")


def _refuse_constant(name: str) -> NoReturn:
    raise JsonMalformed(f"{name} is not a JSON number")


# To make one costs half of what it takes to read a small body.
_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object_of,
    parse_float=_decimal_of,
    parse_int=_integer_of,
    parse_constant=_refuse_constant,
)


def _check_values(value: object) -> None:
    """Check depth and strings, level by level, so that the check itself does not recurse.

    Half a surrogate pair can only be escaped, and a text of few brackets is not nested deeply.
    """
    level: list[object] = [value]
    for _ in range(JSON_DEPTH_MAX):
        level = list(_inner_values(level))
        if not level:
            return
    if any(isinstance(item, dict | list) for item in level):
        raise JsonMalformed(f"nested deeper than {JSON_DEPTH_MAX}")
    list(_inner_values(level))


def _inner_values(level: Iterable[object]) -> Iterator[object]:
    """Yield what objects and arrays of a level hold, names included; check its strings."""
    for item in level:
        if isinstance(item, dict):
            yield from item
            yield from item.values()
        elif isinstance(item, list):
            yield from item
        elif isinstance(item, str):
            _check_text(item)


def _check_text(text: str) -> None:
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise JsonMalformed("a string holds half a surrogate pair") from None


def plain_json(value: object, pointer: str) -> JsonValue:
    """Return a parsed value with its exact numbers as RFC 8785 can write them.

    Args:
        value: from `parse_json`, so its depth is bounded.
        pointer: where it stands in the body, for the error.

    Raises:
        FieldInvalid: a number that no double holds.
    """
    return _plain(value, (None, pointer))


def _plain(value: object, place: _Place) -> JsonValue:
    if isinstance(value, dict):
        return {name: _plain(item, (place, name)) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, (place, str(index))) for index, item in enumerate(value)]
    if isinstance(value, Decimal):
        number = float(value)
        if abs(number) == float("inf"):
            raise FieldInvalid(_pointer_of(place), "is larger than a double can hold")
        return number
    if isinstance(value, int) and abs(value) > INTEGER_MAX:
        raise FieldInvalid(_pointer_of(place), f"must be within ±{INTEGER_MAX}, or a string")
    return cast("JsonValue", value)


def _pointer_of(place: _Place) -> str:
    parts: list[str] = []
    outer, name = place
    while outer is not None:
        parts.append(f"/{pointer_part(name)}")
        outer, name = outer
    return name + "".join(reversed(parts))


def plain_object(value: Mapping[str, object], pointer: str) -> dict[str, JsonValue]:
    """Return `plain_json` of an object."""
    return cast("dict[str, JsonValue]", plain_json(dict(value), pointer))


def typed(value: object, expected: type[T], pointer: str = "") -> T:
    """Return a parsed JSON value as a type of ours, checked.

    Args:
        value: from `parse_json`.
        expected: a msgspec struct or another type that msgspec can convert to.
        pointer: where the value stands in the body.

    Raises:
        FieldInvalid: the first field that is missing, unknown, of another type or out of bounds.
    """
    try:
        return msgspec.convert(value, expected)
    except msgspec.ValidationError as error:
        raise field_fault(error, expected, pointer) from None

"""Bodies that submit transactions: JSON or MessagePack, one or many.

    JSON         {"transaction": hex}   or  {"transactions": [hex, …]}
    MessagePack  bin                    or  array of bin

A large batch is the common case under load, so bodies are decoded by typed decoders in one step.
"""

import asyncio
from binascii import Error, unhexlify
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from coordinator.http import HttpRequest
from coordinator.http.bodies import BODY_SECONDS_MAX, announced_bytes, read_chunks
from coordinator.http.faults import (
    BodyMissing,
    BodyTooSlow,
    FieldInvalid,
    JsonMalformed,
    MediaTypeUnsupported,
)
from coordinator.wire import Body
from node.http.body_room import Share

BATCH_MAX: Final = 10_000
"""Transactions of one request; a block holds no more."""

TURN: Final = 1_000
"""Transactions of a batch that are read or answered in one piece: a millisecond or two, then
others on the event loop have their turn."""

JSON: Final = "application/json"
MESSAGEPACK: Final = "application/msgpack"
_MESSAGEPACK_NAMES: Final = frozenset({MESSAGEPACK, "application/vnd.msgpack"})


class SubmitBody(Body, frozen=True):
    """One transaction or a batch, canonical signed bytes in hex."""

    transaction: str | msgspec.UnsetType = msgspec.UNSET
    """One transaction."""
    transactions: Annotated[list[str], Meta(max_length=BATCH_MAX)] | msgspec.UnsetType = (
        msgspec.UNSET
    )
    """A batch; each gets its own outcome, in order."""


_json_decoder: Final = msgspec.json.Decoder(SubmitBody)
_msgpack_decoder: Final = msgspec.msgpack.Decoder(
    bytes | Annotated[list[bytes], Meta(max_length=BATCH_MAX)]
)


@dataclass(frozen=True, slots=True)
class Submission:
    """What a request submits."""

    signed: list[bytes]
    """Transactions as they came; nothing is known about them."""
    is_batch: bool
    """Whether the answer is a list."""


async def read_submission(request: HttpRequest, bytes_max: int, share: Share) -> Submission:
    """Return the transactions of a request's body.

    Args:
        request: the request.
        bytes_max: most bytes of the body.
        share: the room that the body takes.

    Raises:
        SubmissionsFull: there is no room for it now.
        MediaTypeUnsupported: neither JSON nor MessagePack, or compressed.
        BodyMissing, BodyTooLarge, BodyTooSlow: as they say.
        JsonMalformed, FieldInvalid: the body is not of one of the forms.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != JSON and media_type not in _MESSAGEPACK_NAMES:
        raise MediaTypeUnsupported(f"send the body as Content-Type: {JSON} or {MESSAGEPACK}")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise MediaTypeUnsupported("send the body without Content-Encoding")
    share.announce(min(announced_bytes(request) or 0, bytes_max))
    chunks = []
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            async for chunk in read_chunks(request, bytes_max):
                share.grow(len(chunk))
                chunks.append(chunk)
    except TimeoutError:
        raise BodyTooSlow(BODY_SECONDS_MAX) from None
    raw = b"".join(chunks)
    if not raw:
        raise BodyMissing
    return await _from_json(raw) if media_type == JSON else _from_msgpack(raw)


async def _from_json(raw: bytes) -> Submission:
    try:
        body = _json_decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise FieldInvalid("", str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise JsonMalformed(str(error)) from None
    if (body.transaction is msgspec.UNSET) == (body.transactions is msgspec.UNSET):
        raise FieldInvalid("", "must have either `transaction` or `transactions`")
    if isinstance(body.transactions, list):
        signed = []
        for at, text in enumerate(body.transactions):
            if at % TURN == TURN - 1:
                await asyncio.sleep(0)
            signed.append(_bytes_of(text, "/transactions/", at))
        return Submission(signed, True)
    assert isinstance(body.transaction, str)
    return Submission([_bytes_of(body.transaction, "/transaction")], False)


def _from_msgpack(raw: bytes) -> Submission:
    try:
        body = _msgpack_decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise FieldInvalid("", str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FieldInvalid("", f"must be MessagePack: {error}") from None
    return Submission(body, True) if isinstance(body, list) else Submission([body], False)


def _bytes_of(text: str, pointer: str, at: int | str = "") -> bytes:
    try:
        return unhexlify(text)
    except (Error, ValueError):
        raise FieldInvalid(f"{pointer}{at}", "must be hex digits, two a byte") from None

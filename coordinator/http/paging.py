"""Pages of lists: opaque cursors beside offsets, and the `Link` to the next page.

A cursor says after which item to go on, so that a page is neither repeated nor skipped when items
come in meanwhile. It is bound to its list and to the list's filter by a checksum: that is no
secret, since every list shows its caller's own items whatever the cursor says.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from coordinator.http.exchange import HttpRequest, exchange_of
from coordinator.http.faults import FieldInvalid
from coordinator.http.query import text_parameter
from ledger.hashing import sha256

CURSOR_LENGTH_MAX: Final = 512

_CHECK_BYTES: Final = 8

_TEXT: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)

Position = tuple[int | str, ...]
"""What orders a list, of the last item of a page."""


def encode_cursor(of_list: str, position: Position) -> str:
    """Return the cursor of the page after an item.

    Args:
        of_list: which list, and by what it is filtered.
        position: place of the last item shown.
    """
    content = msgspec.json.encode(position)
    return base64.urlsafe_b64encode(_check(of_list, content) + content).decode().rstrip("=")


def decode_cursor(of_list: str, text: str, kinds: Sequence[type[int | str]]) -> Position:
    """Return the position that a cursor holds.

    Args:
        of_list: as it was encoded for.
        text: the cursor.
        kinds: types of the position's parts.

    Raises:
        FieldInvalid: no cursor of this list with this filter.
    """
    try:
        if not _TEXT.fullmatch(text):
            raise _refusal()
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        check, content = raw[:_CHECK_BYTES], raw[_CHECK_BYTES:]
        if check != _check(of_list, content):
            raise _refusal()
        position = msgspec.json.decode(content, type=tuple[int | str, ...])
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError):
        raise _refusal() from None
    if [type(part) for part in position] != list(kinds):
        raise _refusal()
    # The checksum is no secret, and databases count in bounded integers.
    if any(isinstance(part, int) and not -(2**63) <= part < 2**63 for part in position):
        raise _refusal()
    return position


def cursor_parameter(
    request: HttpRequest, of_list: str, kinds: Sequence[type[int | str]]
) -> Position | None:
    """Return the position that `?cursor=` holds; None without it.

    Raises:
        FieldInvalid: no cursor of this list with this filter.
    """
    text = text_parameter(request, "cursor", length_max=CURSOR_LENGTH_MAX)
    return None if text is None else decode_cursor(of_list, text, kinds)


def read_cursor(request: HttpRequest, of_list: str) -> str | None:
    """Return what a list's own order made of its last item, from `?cursor=`; None without it.

    Args:
        request: the request.
        of_list: which list; see `give_cursor`.

    Raises:
        FieldInvalid: no cursor of this list.
    """
    position = cursor_parameter(request, of_list, [str])
    return None if position is None else str(position[0])


def give_cursor(of_list: str, inner: str | None) -> str | None:
    """Return the cursor that is shown to callers; None at the end of a list.

    Args:
        of_list: which list.
        inner: what the list's own order made of the last item of the page.
    """
    return None if inner is None else encode_cursor(of_list, (inner,))


def next_link(request: HttpRequest, cursor: str | None) -> dict[str, str]:
    """Return the `Link` header to the page after this one (RFC 8288); nothing at the end.

    Args:
        request: the request of this page; its other parameters are kept.
        cursor: of the next page.
    """
    if cursor is None:
        return {}
    kept = [
        (name, value)
        for name, value in request.query_params.multi_items()
        if name not in {"cursor", "offset"}
    ]
    query = urlencode([*kept, ("cursor", cursor)])
    # As it was written: a path that is decoded may hold the end of a line.
    path = exchange_of(request).prefix + quote(request.scope["path"])
    return {"link": f'<{path}?{query}>; rel="next"'}


def _check(of_list: str, content: bytes) -> bytes:
    return sha256(sha256(of_list.encode()) + content)[:_CHECK_BYTES]


def _refusal() -> FieldInvalid:
    return FieldInvalid("cursor", "is none that this list returned", "INVALID_CURSOR")

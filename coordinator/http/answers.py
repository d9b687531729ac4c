"""Successful answers: JSON bytes of msgspec values, with their headers."""

from collections.abc import Mapping

import msgspec
from litestar import Response

from coordinator.http.exchange import HttpRequest, exchange_of
from ledger.types import Height

_ENCODER = msgspec.json.Encoder()


def answer(
    request: HttpRequest,
    value: object,
    *,
    status: int = 200,
    as_of_height: Height | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response[bytes]:
    """Return a value as the JSON answer of a request.

    Args:
        request: the request.
        value: a msgspec struct, a list of them, or None for `null`.
        status: HTTP status.
        as_of_height: final height that the value follows (K1).
        headers: headers besides those that every answer has.
    """
    if as_of_height is not None:
        exchange_of(request).as_of_height = as_of_height
    return Response(
        content=_ENCODER.encode(value),
        status_code=status,
        media_type="application/json",
        headers=dict(headers or {}),
    )


def location(request: HttpRequest, path: str) -> dict[str, str]:
    """Return the `Location` header of something new, under the prefix that the caller used."""
    return {"location": exchange_of(request).prefix + path}

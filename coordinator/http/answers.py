"""Successful answers: JSON bytes of msgspec values, with their headers."""

from collections.abc import Mapping
from typing import cast

import msgspec
from litestar import Response
from litestar.response.base import ASGIResponse
from litestar.types import HTTPResponseStartEvent, Receive, Scope, Send

from coordinator.http.exchange import HttpRequest, exchange_of
from ledger.types import Height

_ENCODER = msgspec.json.Encoder()


class Written(Response[bytes]):
    """An answer of known bytes. The framework only sends it, which is a fifth of a request less.

    Not for statuses without a body, and nothing of the framework may add cookies or headers to it.
    """

    def __init__(
        self,
        content: bytes,
        *,
        status: int = 200,
        media_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Write its headers.

        Args:
            content: the body.
            status: HTTP status.
            media_type: of the body, with its charset where it needs one.
            headers: headers besides those of the body, and those that every answer has.
        """
        # Not the framework's own: it prepares what others may add.
        self.content = content
        self.status_code = self.status = status
        self.media_type = media_type
        self._media_type = media_type.encode("latin-1")
        self.headers = dict(headers or {})

    def to_asgi_response(self, *_request: object, **_options: object) -> ASGIResponse:
        """Return itself: whoever asks calls what this returns, and does nothing else with it."""
        return cast("ASGIResponse", self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send it."""
        headers = [
            (b"content-type", self._media_type),
            (b"content-length", str(len(self.content)).encode("latin-1")),
        ]
        for name, value in self.headers.items():
            headers.append((name.lower().encode("latin-1"), value.encode("latin-1")))
        start = {"type": "http.response.start", "status": self.status, "headers": headers}
        await send(cast("HTTPResponseStartEvent", start))
        await send({"type": "http.response.body", "body": self.content, "more_body": False})


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
    return Written(_ENCODER.encode(value), status=status, headers=headers)


def location(request: HttpRequest, path: str) -> dict[str, str]:
    """Return the `Location` header of something new, under the prefix that the caller used."""
    return {"location": exchange_of(request).prefix + path}

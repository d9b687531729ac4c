"""Answers of the server itself, to what never becomes a request."""

from http import HTTPStatus
from typing import Final

import msgspec

from coordinator.http import Error, new_request_id

_ENCODER: Final = msgspec.json.Encoder()


class Refusal(Exception):
    """Ends a connection with an answer."""

    def __init__(self, status: HTTPStatus, code: str, detail: str) -> None:
        """Say why.

        Args:
            status: of the answer.
            code: stable code of the error.
            detail: what is wrong, and how to mend it; nothing that the other side sent.
        """
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail

    def answer(self) -> bytes:
        """Return the answer as it goes over the wire; the connection ends after it (E1)."""
        request_id = new_request_id()
        error = Error(detail=self.detail, error_code=self.code, request_id=request_id)
        body = _ENCODER.encode(error)
        lines = [
            f"HTTP/1.1 {self.status.value} {self.status.phrase}",
            "content-type: application/json",
            f"content-length: {len(body)}",
            f"x-request-id: {request_id}",
            "connection: close",
        ]
        if self.status is HTTPStatus.SERVICE_UNAVAILABLE:
            lines.append("retry-after: 1")
        return "\r\n".join([*lines, "", ""]).encode("ascii") + body


class Malformed(Refusal):
    """What came is not a request of HTTP/1.1, or one that two readers would read differently."""

    def __init__(self, detail: str) -> None:
        """Say what is wrong."""
        super().__init__(HTTPStatus.BAD_REQUEST, "MALFORMED_REQUEST", detail)


class HeadTooLarge(Refusal):
    """The head of a request, or what frames its body, is larger than there is room for."""

    def __init__(self, bytes_max: int) -> None:
        """Say how large it may be."""
        super().__init__(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            "HEAD_TOO_LARGE",
            f"the request line and headers take more than {bytes_max} bytes; "
            "send fewer or shorter headers, and what is long in the body",
        )


class SwitchTooLarge(Refusal):
    """The head of a request that opens a WebSocket is larger than there is room for."""

    def __init__(self) -> None:
        """Say how large it may be; the numbers are those of `websockets.http11`."""
        super().__init__(
            HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
            "HEAD_TOO_LARGE",
            "a request that opens a WebSocket has at most 128 headers, and no line of it is longer "
            "than 8192 bytes",
        )


class ConnectionsFull(Refusal):
    """There is no room for another connection."""

    def __init__(self) -> None:
        """Ask to come again."""
        super().__init__(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "CONNECTIONS_FULL",
            "too many connections are open; try again in a second",
        )

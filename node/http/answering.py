"""Answers as they go over the wire: the head with the first of the body, in one write.

uvicorn writes them one after the other, which costs a second call of the system and a second
packet, and looks at each header by itself.
"""

import asyncio
from typing import Final

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

_JOINED_BYTES_MAX: Final = 65_536
"""Of a head and a body that are put together; to copy a larger one costs more than a call."""

_BODILESS: Final = frozenset({204, 304})


class Answer(RequestResponseCycle):
    """One answer. An application sends its messages one after the other."""

    _head = b""
    """The head, until it is written."""
    _is_open_ended = False
    """Whether the end of the connection ends the body: HTTP/1.0 knows no chunks."""

    async def send(self, message: ASGISendEvent) -> None:
        """Send a message of the application.

        Raises:
            RuntimeError: it is not what has to come, or its headers and its body contradict.
        """
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if message["type"] == "http.response.start" and not self.response_started:
            self._head = self._head_of(message["status"], list(message.get("headers", [])))
            self.response_started = True
            self.waiting_for_100_continue = False
            # The body follows at once, or, where it does not, its head does not wait for it.
            asyncio.get_running_loop().call_soon(self._flush)
        elif message["type"] == "http.response.body" and self.response_started:
            self._send_body(message.get("body", b""), more=message.get("more_body", False))
        else:
            raise RuntimeError(f"{message['type']} does not come here")

    def _head_of(self, status: int, headers: list[tuple[bytes, bytes]]) -> bytes:
        lines = [STATUS_LINE[status]]
        closes = False
        for name, value in (*self.default_headers, *headers):
            lines.append(b"%b: %b\r\n" % (name, value))
            if name == b"content-length":
                self.chunked_encoding = False
                self.expected_content_length = int(value)
            elif name == b"connection":
                closes = value.lower() == b"close"
        if closes:
            self.keep_alive = False
        elif not self.keep_alive:
            lines.append(b"connection: close\r\n")
        if self.chunked_encoding is None and status not in _BODILESS and not self._is_to_head():
            self._is_open_ended = self.scope["http_version"] == "1.0"
            self.chunked_encoding = not self._is_open_ended
            if self.chunked_encoding:
                lines.append(b"transfer-encoding: chunked\r\n")
        head = b"".join(lines)
        ends = head.count(b"\r\n"), head.count(b"\r"), head.count(b"\n")
        if ends != (len(lines),) * 3 or b"\0" in head:
            raise RuntimeError("a header holds the end of a line, or NUL")
        return head + b"\r\n"

    def _is_to_head(self) -> bool:
        return self.scope["method"] == "HEAD"

    def _send_body(self, body: bytes, *, more: bool) -> None:
        if self.response_complete:
            raise RuntimeError("the answer is complete")
        if self._is_to_head():
            self.expected_content_length = 0
            body = b""
        elif self.chunked_encoding:
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            body += b"" if more else b"0\r\n\r\n"
        elif not self._is_open_ended:
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0 or not (more or self.expected_content_length == 0):
                raise RuntimeError("the body has not the size that Content-Length says")
        if len(body) > _JOINED_BYTES_MAX:
            self._flush()
        head, self._head = self._head, b""
        self.transport.write(head + body)
        if not more:
            self.response_complete = True
            self.message_event.set()
            if not self.keep_alive:
                self.transport.close()
            self.on_response()

    def _flush(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self.transport.write(head)

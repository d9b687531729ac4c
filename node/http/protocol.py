"""One HTTP connection: llhttp reads it, uvicorn answers it, and this keeps both within bounds.

The parser takes heads and trailers of any size, a second request while the first is answered, and
some of what HTTP/1.1 forbids. So it is given what came piece by piece, and no piece goes beyond the
end of a request:

- A piece ends where an empty line does. Every head ends there, and so does every chunked body; a
  body of known size is counted.
- While a request is answered nothing behind it is read: it waits, unparsed, and so does its sender.
- The bytes of a head are counted, and so are those of a chunked body that are none of its data.
- A request that another reader could take for two, or for another, is refused, and the connection
  ends (RFC 9112, 11.2).
"""

import asyncio
import re
from typing import Final, cast
from urllib.parse import unquote

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from node.http.answering import Answer
from node.http.connections import Room
from node.http.framing import check_framing, check_switched
from node.http.refusals import ConnectionsFull, HeadTooLarge, Malformed, Refusal

HEAD_BYTES_MAX: Final = 16_384
"""Of a request's line and headers, or of trailers; proxies pass 8 KiB on, and some 16."""

_EMPTY_LINE: Final = b"\r\n\r\n"

_CHUNK: Final = 16
"""Bytes that may frame a chunk, however small, beside as many as it holds."""

_SEAM: Final = len(_EMPTY_LINE) - 1
"""Bytes of an empty line that may be at the end of one piece."""

_TELLING: Final = frozenset({b"content-length", b"expect", b"host", b"transfer-encoding"})
"""Headers that tell the server what a request is: of each there is one."""

_ABSOLUTE: Final = re.compile(rb"https?://([^/?#@]+)(/[^?]*)?(?:\?(.*))?", re.IGNORECASE)
"""A target as proxies get it, which servers take too (RFC 9112, 3.2.2)."""

log = structlog.get_logger(__name__)


class RoomyProtocol(HttpToolsProtocol):
    """An HTTP connection that needs a place in a `Room`, and may not fall silent in a request."""

    room: Room
    """Of the server; `protocol_in` sets it."""

    _refused = False
    _patience: asyncio.TimerHandle | None = None
    _in_body = False
    """Whether a head came whole and its request has not."""
    _is_owed = False
    """Whether a request has no whole answer yet."""
    _body_left = 0
    """Bytes that a body of known size lacks."""
    _is_chunked = False
    _framing = 0
    """Bytes of a head, or of a chunked body beyond what its chunks may take."""
    _idle_since: float | None = None
    """When the last answer ended, if nothing came since, by the loop's clock."""
    _seam = b""
    """The end of the piece before, where an empty line may have begun."""
    _said: dict[bytes, bytes]
    """Headers that tell the server what the request is."""
    _waiting = b""
    """What came behind a request that is being answered."""

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way: no answer is awaited, and no head came whole."""
        is_ours = self.transport.get_protocol() is self
        return is_ours and not self._in_body and not self._is_answering

    @property
    def is_awaited(self) -> bool:
        """Whether the other side has to go on with a request."""
        return self._patience is not None

    @property
    def _is_answering(self) -> bool:
        """Whether a request that came whole is being answered."""
        return self._is_owed and not self._in_body

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a place, or answer that there is none."""
        super().connection_made(transport)
        if self.client is None or self.room.enter(self, self.client[0]):
            self._await_more()
        else:
            self._refuse(ConnectionsFull())

    def data_received(self, data: bytes) -> None:
        """Take what came, and see what is awaited now."""
        if self._refused:
            return
        self._idle_since = None
        if self._waiting:
            self._hold(data)
            return
        self._take(data)
        self._await_more()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self._stop_waiting()
        self._unset_keepalive_if_required()
        self._waiting = b""
        if self.client is not None:
            self.room.leave(self, self.client[0])
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Go on with what came behind the request that is answered now."""
        self._is_owed = False
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self._waiting:
            waited, self._waiting = self._waiting, b""
            self._take(waited)
            self._await_more()
        else:
            self._idle_since = self.loop.time()
            self._close_when_idle(self.timeout_keep_alive)

    def _close_when_idle(self, seconds: float) -> None:
        # One timer for many requests: to start and stop one for each costs what parsing does.
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                seconds, self.timeout_keep_alive_handler
            )

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection on which nothing came since its last answer; look again later."""
        self.timeout_keep_alive_task = None
        if self._idle_since is None or self.transport.is_closing():
            return
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._close_when_idle(left)
        else:
            self.transport.close()

    # ------------------------------------------------------------ pieces

    def _take(self, data: bytes) -> None:
        """Give the parser what came, as far as it may have it now."""
        at = 0
        while at < len(data):
            if self._is_answering:
                self._hold(data[at:])
                return
            end = self._end_of_piece(data, at)
            piece = data[at:end]
            at = end
            try:
                self._feed(piece)
            except Refusal as refusal:
                self._refuse(refusal)
            if self._refused:
                return
            if (other := self.transport.get_protocol()) is not self:
                # Whoever is in a hurry sends before it is told that the protocol is another now.
                if at < len(data) and not self.transport.is_closing():
                    cast("asyncio.Protocol", other).data_received(data[at:])
                return

    def _hold(self, data: bytes) -> None:
        # A handler that waits for its caller's end reads on, so some more may come.
        self._waiting += data
        self.flow.pause_reading()

    def _end_of_piece(self, data: bytes, at: int) -> int:
        """Return where the request that is being read may end."""
        if self._in_body and not self._is_chunked:
            return min(len(data), at + self._body_left)
        if self._seam:
            found = (self._seam + data[at : at + _SEAM]).find(_EMPTY_LINE)
            if found >= 0:
                return at + found + len(_EMPTY_LINE) - len(self._seam)
        found = data.find(_EMPTY_LINE, at)
        return len(data) if found < 0 else found + len(_EMPTY_LINE)

    def _feed(self, piece: bytes) -> None:
        """Give the parser a piece.

        Raises:
            Refusal: it is none of a request that is served.
        """
        if self._in_body and not self._is_chunked:
            self._body_left -= len(piece)
        else:
            self._framing += len(piece)
            is_whole = piece.endswith(_EMPTY_LINE)
            self._seam = b"" if is_whole else (self._seam + piece[-_SEAM:])[-_SEAM:]
            if self._framing > HEAD_BYTES_MAX and not self._in_body:
                raise HeadTooLarge(HEAD_BYTES_MAX)
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            self._switch()
        except httptools.HttpParserError as error:
            raise _refusal_of(error) from None
        if self._framing > HEAD_BYTES_MAX:
            raise HeadTooLarge(HEAD_BYTES_MAX)

    def _switch(self) -> None:
        """Hand the connection over to a WebSocket, or stay: nobody has to switch.

        Raises:
            SwitchTooLarge: the WebSocket does not take the head.
        """
        if self._should_upgrade():
            self.handle_websocket_upgrade()
            check_switched(self.transport.get_protocol())
            return
        # The parser takes the body for the other protocol's. Another one reads on, behind a head
        # of which our callbacks take no notice.
        self.parser = httptools.HttpRequestParser(self)
        if self._in_body:
            framing = "transfer-encoding: chunked"
            if not self._is_chunked:
                framing = f"content-length: {self._body_left}"
            self.parser.feed_data(f"POST / HTTP/1.1\r\n{framing}\r\n\r\n".encode("ascii"))

    def _refuse(self, refusal: Refusal) -> None:
        """End the connection; with an answer, unless there is one to the same request."""
        self._refused = True
        self._stop_waiting()
        has_answer = False
        if self._in_body:
            has_answer = self.cycle.response_started
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if not has_answer:
            self.transport.write(refusal.answer())
        self.transport.close()

    # ------------------------------------------------------------ called by the parser

    def on_message_begin(self) -> None:
        """Begin a request."""
        if not self._in_body:
            super().on_message_begin()
            self._said = {}

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        if not self._in_body:
            self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; trailers come when a request is admitted, and are dropped.

        Raises:
            Malformed: it is repeated, and readers would differ in which one counts.
        """
        if self._in_body:
            return
        name = name.lower()
        value = value.rstrip(b" \t")
        if name in _TELLING:
            if name in self._said:
                raise Malformed(f"the header {name.decode('ascii')} is repeated")
            self._said[name] = value
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Begin to answer: the head came whole.

        Raises:
            Malformed: the request is none that is served.
        """
        if self._in_body:
            return
        version, said, scope = self.parser.get_http_version(), self._said, self.scope
        switches = self.parser.should_upgrade() and self._should_upgrade()
        check_framing(version, said, switches=switches)
        self._framing = 0
        self._body_left = int(said.get(b"content-length", b"0"))
        self._is_chunked = b"transfer-encoding" in said
        scope["method"] = self.parser.get_method().decode("ascii")
        scope["http_version"] = version
        raw_path, query = self._target()
        if switches:
            self.url = raw_path + b"?" + query if query else raw_path
            return
        path = raw_path.decode("ascii")
        scope["path"] = unquote(path) if "%" in path else path
        scope["raw_path"] = raw_path
        scope["query_string"] = query
        self.cycle = Answer(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            # HTTP/1.0 knows no such answer, and would take it for the whole (RFC 9110, 10.1.1).
            expect_100_continue=version == "1.1"
            and said.get(b"expect", b"").lower() == b"100-continue",
            keep_alive=version == "1.1" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        self._in_body = self._is_owed = True
        self._start_asgi_task(self.cycle, self.app)

    def _target(self) -> tuple[bytes, bytes]:
        """Return path and query of the target; the host of one that names it counts.

        Raises:
            Malformed: it is in no form that is served.
        """
        url = self.url
        if not url.isascii() or b"#" in url:
            raise Malformed("the request's target holds # or bytes beyond ASCII: escape them")
        if url.startswith(b"/") or url == b"*":
            raw_path, _, query = url.partition(b"?")
            return raw_path, query
        match = _ABSOLUTE.fullmatch(url)
        if match is None:
            raise Malformed("the request's target is no path; this server is no proxy")
        self.headers[:] = [each for each in self.headers if each[0] != b"host"]
        self.headers.insert(0, (b"host", match[1]))
        return match[2] or b"/", match[3] or b""

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._framing = max(0, self._framing - 2 * len(body) - _CHUNK)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        if self.parser.should_upgrade() and (self._is_chunked or self._body_left):
            # Not yet; see `_switch`.
            return
        self._in_body = False
        self._framing = 0
        super().on_message_complete()

    # ------------------------------------------------------------ patience

    def _await_more(self) -> None:
        """Be patient for a while where the other side has to go on.

        A head has one deadline, however its bytes drip; of a body each piece has. While an answer
        is made nothing is awaited, and between two requests the server's own timer runs.
        """
        if self._refused or self._is_answering or self.transport.get_protocol() is not self:
            self._stop_waiting()
        elif self._in_body:
            self._stop_waiting()
            self._wait(self.room.limits.body_pause_s)
        elif self._patience is None:
            self._wait(self.room.limits.head_s)

    def _wait(self, seconds: float) -> None:
        self._patience = self.loop.call_later(seconds, self._lose_patience)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _lose_patience(self) -> None:
        self._patience = None
        if self.flow.read_paused:
            # The application is behind, not the other side.
            self._wait(self.room.limits.body_pause_s)
        else:
            self.transport.abort()


def protocol_in(room: Room) -> type[asyncio.Protocol]:
    """Return the protocol of connections that need a place in this room."""
    return type("RoomyProtocolHere", (RoomyProtocol,), {"room": room})


def _refusal_of(error: httptools.HttpParserError) -> Refusal:
    """Return why the parser stopped: by what came, or by what a callback of ours said."""
    if not isinstance(error, httptools.HttpParserCallbackError):
        return Malformed(f"not a request of HTTP/1.1: {error}")
    if isinstance(error.__context__, Refusal):
        return error.__context__
    log.error("request_head_failed", exc_info=error)
    return Malformed("not a request of HTTP/1.1")

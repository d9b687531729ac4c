"""Server-sent events: read piece by piece, and taken up again where a connection was lost."""

import codecs
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from aitbc.errors import AitbcError, ApiError
from aitbc.exchange.attempts import Attempts
from aitbc.exchange.effects import Broken, Emit, Flow, Head, Request, Stream, read_piece
from aitbc.exchange.session import Session, header_value, opened
from aitbc.json_values import Record, parse_json, unexpected

EVENT_BYTES_MAX: Final = 4 * 1_048_576
"""Largest event, and longest line."""

SILENCE_S_MAX: Final = 60.0
"""Longest silence on a stream; the node sends a comment more often than that."""

NOTHING_FOLLOWS: Final = 204
"""Status of the answer to a reader that knows the last event already."""

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class ServerEvent:
    """One event."""

    event_id: str
    """Its id, from which the stream can be taken up again; empty if none was ever sent."""
    kind: str
    """What it is; ``message`` if it does not say."""
    data: Record
    """Its data."""


class EventReader:
    """Reads a stream's bytes as they come (the HTML standard's event stream format)."""

    def __init__(self) -> None:
        """Begin before the first byte."""
        self.last_id = ""
        self._decode = codecs.getincrementaldecoder("utf-8-sig")(errors="replace").decode
        self._rest = ""
        self._kind = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, piece: bytes) -> Iterator[ServerEvent]:
        """Yield the events that are whole with this piece.

        Raises:
            ApiError: an event is too large, or its data is no JSON object.
        """
        self._rest += self._decode(piece)
        # A carriage return at the end may be half of a line's end.
        held = "\r" if self._rest.endswith("\r") else ""
        text = self._rest.removesuffix("\r") if held else self._rest
        *lines, rest = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._rest = rest + held
        for line in lines:
            self._count(len(line))
            event = self._take(line)
            if event is not None:
                yield event
        self._count(0)

    def _count(self, size: int) -> None:
        self._size += size
        if self._size + len(self._rest) > EVENT_BYTES_MAX:
            raise unexpected(f"an event has more than {EVENT_BYTES_MAX} bytes")

    def _take(self, line: str) -> ServerEvent | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._kind = value
        elif name == "id" and "\0" not in value:
            self.last_id = value
        return None

    def _dispatch(self) -> ServerEvent | None:
        data, kind = "\n".join(self._data), self._kind or "message"
        self._data, self._kind, self._size = [], "", 0
        if not data:
            return None
        found = parse_json(data.encode())
        if not isinstance(found, Record):
            raise unexpected("the node sent an event whose data is no JSON object")
        return ServerEvent(self.last_id, kind, found)


def follow(
    session: Session,
    request: Request,
    *,
    timeout_s: float,
    since: str | None,
    item_of: Callable[[ServerEvent], _Item],
    is_last: Callable[[_Item], bool] = lambda _item: False,
    late: AitbcError | None = None,
) -> Stream[_Item]:
    """Emit what a stream's events say; a lost connection is taken up again after the last one.

    Args:
        session: whose policy applies; an event that arrives makes all attempts good again.
        request: asks for the stream.
        timeout_s: how long to follow it in all.
        since: id of the last event that is known already.
        item_of: makes of an event what is emitted.
        is_last: whether the stream ends with this.
        late: is raised when time is over; without it the stream ends.

    Raises:
        ConnectionFailed: it cannot be connected again.
    """
    attempts = Attempts(session, request.path, timeout_s)
    last_id = header_value("since", since) if since else ""
    while not attempts.is_over:
        reader = EventReader()
        error: Broken | ApiError
        try:
            head = yield from _connect(session, request, last_id, attempts)
            if head.status == NOTHING_FOLLOWS:
                return
            while (piece := (yield from _piece(attempts))) is not None:
                for event in reader.feed(piece):
                    last_id = event.event_id or last_id
                    attempts.got_on()
                    item = item_of(event)
                    yield Emit(item)
                    if is_last(item):
                        return
            error = Broken("the stream ended", was_sent=True)
        except (Broken, ApiError) as found:
            error = found
        yield from attempts.pause_after(error)
    if late is not None:
        raise late


def _connect(session: Session, request: Request, last_id: str, attempts: Attempts) -> Flow[Head]:
    headers = {**(request.headers or {}), "Accept": "text/event-stream"}
    if last_id:
        headers["Last-Event-ID"] = last_id
    patience_s = max(0.1, min(SILENCE_S_MAX, attempts.left_s))
    return (yield from opened(session, replace(request, headers=headers, timeout_s=patience_s)))


def _piece(attempts: Attempts) -> Flow[bytes | None]:
    """Return the next piece; a stream that goes on when time is over is as good as broken."""
    if attempts.is_over:
        raise Broken("time is over", was_sent=True)
    return (yield from read_piece())

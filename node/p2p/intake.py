"""What a peer sends: bytes in, whole frames out, sans I/O, within limits.

The WebSocket itself is `websockets`' sans-I/O layer. Its asyncio layer answers pings without a
limit, holds frames by number instead of bytes, and cannot change the limit of a message when a peer
has proved itself; here all of that is under control:

- Until `prove`, bytes are looked at one by one, and few are accepted. So nothing behind a frame of
  the hello is looked at before that frame is judged.
- Afterwards a piece is parsed at a time. `must_wait_ms` and `is_full` say when not to go on; the
  rest then stays in the peer's socket.
- A frame is one message: text and fragments end the connection, and so do too many pings.
"""

from collections import deque
from typing import Final

from websockets.client import ClientProtocol
from websockets.exceptions import PayloadTooBig
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from node.p2p.buckets import TokenBucket
from node.p2p.config import Limits
from node.p2p.errors import (
    ControlFlood,
    FrameFragmented,
    FrameNotBinary,
    FrameTooLarge,
    PeerClosed,
    UnprovedTooMuch,
    WebSocketBroken,
)
from node.p2p.frames import FRAME_BYTES_MAX
from node.p2p.hello import HELLO_BYTES_MAX, PROTOCOL_VERSION
from node.p2p.rates import Rates

WebSocket = ClientProtocol | ServerProtocol
"""Either end of a WebSocket, sans I/O."""

PATH: Final = f"/aitbc/p2p/{PROTOCOL_VERSION}"
"""What a dialler asks for; a web server of another kind answers with an error."""

UNPROVED_BYTES_MAX: Final = 4_096
"""Bytes before the end of the hello; a WebSocket's request and a hello take about 500."""

INBOX_BYTES_MAX: Final = 262_144
"""Bytes that are held of frames that were read and not taken yet, beyond the last one."""

INBOX_FRAMES_MAX: Final = 64
"""Frames that are held; each costs more than its bytes."""

_REASON_CHARACTERS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ_")


class Intake:
    """The receiving half of one connection."""

    def __init__(self, websocket: WebSocket, limits: Limits, now_ms: int) -> None:
        """Begin before the WebSocket's request.

        Args:
            websocket: in its first state; what it wants to send is the caller's business.
            limits: bounds of one peer.
            now_ms: monotonic time, as in all other calls.
        """
        controls_rate = limits.controls_per_second
        self._websocket = websocket
        self._websocket.max_message_size = HELLO_BYTES_MAX
        self._is_proved = False
        self._unproved_bytes = 0
        self._unread = bytearray()
        self._inbox: deque[bytes] = deque()
        self._inbox_bytes = 0
        self._rates = Rates.of_one(limits.bytes_per_second, limits.frames_per_second, now_ms)
        self._control_rate = TokenBucket(controls_rate, 2 * controls_rate, now_ms)
        self.partial_bytes = 0
        """Bytes so far of a frame that was begun."""
        self.partial_since_ms = now_ms
        """When that frame was begun, or this node went on to read it."""
        self.pongs: list[bytes] = []
        """Payloads of answers to pings; the caller empties it."""

    @property
    def is_open(self) -> bool:
        """Whether the WebSocket is open."""
        return self._websocket.state is State.OPEN

    @property
    def has_unread(self) -> bool:
        """Whether there are bytes to parse."""
        return bool(self._unread)

    @property
    def is_full(self) -> bool:
        """Whether frames have to be taken before more is parsed."""
        if not self._is_proved:
            return bool(self._inbox)
        return len(self._inbox) >= INBOX_FRAMES_MAX or self._inbox_bytes >= INBOX_BYTES_MAX

    @property
    def held_bytes(self) -> int:
        """Bytes that the peer makes this node hold."""
        return len(self._unread) + self.partial_bytes + self._inbox_bytes

    def prove(self, now_ms: int) -> None:
        """Accept frames of all sizes from now on: the peer has proved its key."""
        self._is_proved = True
        self._websocket.max_message_size = FRAME_BYTES_MAX
        self.partial_since_ms = now_ms

    def pace(self, rates: Rates) -> None:
        """Read the peer at these rates from now on."""
        self._rates = rates

    def feed(self, data: bytes) -> None:
        """Hold bytes that came; `parse` looks at them."""
        self._unread += data

    def forget(self) -> None:
        """Drop what was not parsed yet."""
        self._unread.clear()

    def forget_frames(self) -> None:
        """Drop frames that nobody shall take."""
        self._inbox.clear()
        self._inbox_bytes = 0

    def take(self) -> bytes | None:
        """Return the next frame, or None when there is none yet."""
        if not self._inbox:
            return None
        data = self._inbox.popleft()
        self._inbox_bytes -= len(data)
        return data

    def must_wait_ms(self, now_ms: int) -> int:
        """Return for how long the peer is over its rate."""
        return max(self._rates.bytes.wait_ms(now_ms), self._rates.frames.wait_ms(now_ms))

    def parse(self, now_ms: int) -> None:
        """Parse a piece of what was fed.

        Raises:
            LinkEnded: the peer closed, or sent what ends the connection.
        """
        size = self._rates.piece_bytes if self._is_proved else 1
        piece = bytes(self._unread[:size])
        del self._unread[:size]
        if not self._is_proved:
            self._unproved_bytes += len(piece)
            if self._unproved_bytes > UNPROVED_BYTES_MAX:
                raise UnprovedTooMuch(
                    f"more than {UNPROVED_BYTES_MAX} bytes before the hello's end"
                )
        self._rates.bytes.payer(now_ms).take(len(piece), now_ms)
        payer = self._rates.frames.payer(now_ms)
        if self.partial_bytes == 0:
            self.partial_since_ms = now_ms
        self.partial_bytes += len(piece)
        was_open = self.is_open
        self._websocket.receive_data(piece)
        for event in self._websocket.events_received():
            if isinstance(event, Frame):
                self._take_frame(event, payer, now_ms)
            elif isinstance(event, Request):
                self._answer(event)
        self._judge_parser()
        if self.is_open and not was_open:
            self.partial_bytes = 0

    def _judge_parser(self) -> None:
        # The library's texts quote the peer; they are kept out of our log.
        problem = self._websocket.parser_exc or self._websocket.handshake_exc
        if isinstance(problem, PayloadTooBig):
            raise FrameTooLarge("a frame says that it is longer than any may be")
        if problem is not None:
            raise WebSocketBroken(type(problem).__name__)

    def _answer(self, request: Request) -> None:
        assert isinstance(self._websocket, ServerProtocol)
        if request.path == PATH:
            response = self._websocket.accept(request)
        else:
            response = self._websocket.reject(404, "there is only the peer protocol here\n")
        self._websocket.send_response(response)
        if response.status_code != 101:
            raise WebSocketBroken(f"the request is not one for {PATH}")

    def _take_frame(self, frame: Frame, payer: TokenBucket, now_ms: int) -> None:
        self.partial_bytes = 0
        if frame.opcode in {Opcode.PING, Opcode.PONG}:
            if not self._control_rate.try_take(1, now_ms):
                raise ControlFlood("too many pings and pongs")
            if frame.opcode is Opcode.PONG:
                self.pongs.append(bytes(frame.data))
        elif frame.opcode is Opcode.CLOSE:
            raise PeerClosed(self._peer_reason())
        elif frame.opcode is Opcode.TEXT:
            raise FrameNotBinary("a text frame")
        elif frame.opcode is not Opcode.BINARY or not frame.fin:
            raise FrameFragmented("a message in several frames")
        else:
            payer.take(1, now_ms)
            self._inbox.append(bytes(frame.data))
            self._inbox_bytes += len(frame.data)

    def _peer_reason(self) -> str:
        """Return the code that a peer gave, if it looks like one: it goes to our log."""
        close = self._websocket.close_rcvd
        reason = close.reason if close else ""
        is_code = 0 < len(reason) <= 64 and _REASON_CHARACTERS.issuperset(reason)
        return reason if is_code else "NOTHING"

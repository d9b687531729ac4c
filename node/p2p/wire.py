"""One connection on the event loop: whole frames in and out, and an end that is noticed."""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from typing import Final, cast

from websockets.client import ClientProtocol
from websockets.protocol import State

from node.p2p.config import Limits
from node.p2p.errors import (
    ConnectionLost,
    EndedHere,
    FrameStalled,
    LinkEnded,
    PeerGone,
    PeerSilent,
    PeerStuck,
)
from node.p2p.intake import Intake, WebSocket
from node.p2p.rates import Rates

SLOWEST_BYTES_PER_SECOND: Final = 65_536
"""A link that takes or gives large frames slower than this is not worth having."""

CLOSE_SECONDS: Final = 1.0
"""How long the words of a close may take to get out."""

UNSENT_BYTES: Final = 131_072
"""What the kernel takes beyond what the network has room for; less would leave the network idle,
more would wait there in front of votes."""

ROUND_TRIP_EVERY_MS: Final = 10_000
"""A peer that says much is asked all the same, for the round-trip time."""

_REFUSED: Final = 4_000
_GOING_AWAY: Final = 1_001
"""WebSocket close codes; the reason beside it says more."""


class Wire(asyncio.Protocol):
    """One end of a connection; the event loop calls the methods of `asyncio.Protocol`."""

    def __init__(self, websocket: WebSocket, limits: Limits, now_ms: Callable[[], int]) -> None:
        """Prepare for one connection.

        Args:
            websocket: in its first state.
            limits: bounds of one peer.
            now_ms: monotonic time.
        """
        self._websocket = websocket
        self._limits = limits
        self._now_ms = now_ms
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._ended: LinkEnded | None = None
        self._end = asyncio.Event()
        self._intake = Intake(websocket, limits, now_ms())
        self._waiter: asyncio.Future[None] | None = None
        self._resume: asyncio.Handle | None = None
        self._abort: asyncio.TimerHandle | None = None
        self._is_paused = False
        self._heard_ms = self._last_ping_ms = self._choked_since_ms = now_ms()
        self._is_writable = False
        self._last_sizes: deque[int] = deque(maxlen=2)
        self._ping_number = 0
        self._is_pinged = False
        self.on_writable: Callable[[], None] = _nothing
        """Called when `is_writable` becomes true again."""
        self.on_round_trip: Callable[[int], None] = _nothing_of
        """Called with the milliseconds that an answer to a ping took."""

    @property
    def ended(self) -> LinkEnded | None:
        """Why the connection ended, or None while it lasts."""
        return self._ended

    @property
    def is_writable(self) -> bool:
        """Whether a frame that is written now goes to the kernel at once, or nearly."""
        return self._is_writable and self._ended is None

    @property
    def held_bytes(self) -> int:
        """Bytes that the peer makes this node hold."""
        return self._intake.held_bytes

    @property
    def transport(self) -> asyncio.Transport:
        """The TLS transport; the connection must be made."""
        assert self._transport is not None
        return self._transport

    @property
    def unsent_bytes(self) -> int:
        """Bytes that were written and that the kernel may not have taken, at most."""
        return 0 if self._is_writable else sum(self._last_sizes)

    async def opened(self) -> None:
        """Wait until the WebSocket is open.

        Raises:
            LinkEnded: it will not be.
        """
        await asyncio.shield(self._opened)

    async def until_ended(self) -> LinkEnded:
        """Wait until the connection ends; return why."""
        await self._end.wait()
        assert self._ended is not None
        return self._ended

    async def closed(self) -> None:
        """Wait until the socket is closed."""
        await asyncio.shield(self._closed)

    def when_closed(self, call: Callable[["Wire"], None]) -> None:
        """Call something when the socket is closed."""
        self._closed.add_done_callback(lambda _: call(self))

    async def receive(self) -> bytes:
        """Return the next frame; for one reader.

        Raises:
            LinkEnded: there is none any more.
        """
        while (data := self._intake.take()) is None:
            if self._ended is not None:
                raise self._ended
            self._waiter = self._loop.create_future()
            await self._waiter
        self._continue_soon()
        return data

    def write(self, data: bytes) -> None:
        """Send a frame; look at `is_writable` before."""
        if self._ended is None:
            self._last_sizes.append(len(data))
            self._websocket.send_binary(data)
            self._flush()

    def prove(self) -> None:
        """Accept frames of all sizes from now on: the peer has proved its key."""
        self._intake.prove(self._now_ms())
        self._continue_soon()

    def pace(self, rates: Rates) -> None:
        """Read the peer at these rates from now on."""
        self._intake.pace(rates)

    def end(self, reason: LinkEnded) -> None:
        """End the connection; the first reason stands."""
        if self._ended is not None:
            return
        self._ended = reason
        self._end.set()
        self._intake.forget()
        if not isinstance(reason, PeerGone):
            self._intake.forget_frames()
        if self._resume is not None:
            self._resume.cancel()
        if not self._opened.done():
            self._opened.set_exception(reason)
            self._opened.exception()
        self._wake()
        if self._transport is None:
            self._set_closed()
            return
        if self._websocket.state is State.OPEN:
            code = _GOING_AWAY if isinstance(reason, EndedHere) else _REFUSED
            self._websocket.send_close(code, reason.code)
        self._flush()
        # What was written may still go out, but nobody waits long for a peer that does not read.
        self._transport.close()
        self._abort = self._loop.call_later(CLOSE_SECONDS, self._transport.abort)

    def tick(self) -> None:
        """Look whether the peer is there and keeps up; call it a few times a second."""
        if self._ended is not None:
            return
        now_ms = self._now_ms()
        if self._is_paused:
            # What this node does not read is not its sender's silence.
            self._heard_ms = self._intake.partial_since_ms = now_ms
        silent_ms = now_ms - self._heard_ms
        partial_ms = now_ms - self._intake.partial_since_ms
        if silent_ms > self._limits.silent_ms:
            self.end(PeerSilent(f"nothing was heard for {silent_ms} ms"))
        elif not self._is_writable and now_ms - self._choked_since_ms > self._drain_ms():
            self.end(PeerStuck("the peer does not take what was sent"))
        elif self._intake.partial_bytes and partial_ms > self._frame_ms():
            self.end(FrameStalled(f"a frame was begun {partial_ms} ms ago"))
        elif not self._is_pinged and (
            silent_ms >= self._limits.ping_ms or now_ms - self._last_ping_ms >= ROUND_TRIP_EVERY_MS
        ):
            self._ping(now_ms)

    def forgive_silence(self) -> None:
        """Begin all waiting anew: this process was away, and cannot say that the peer was."""
        now_ms = self._now_ms()
        self._heard_ms = self._choked_since_ms = self._intake.partial_since_ms = now_ms

    # ------------------------------------------------------------------- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; a dialler speaks first."""
        self._transport = cast(asyncio.Transport, transport)
        if self._ended is not None:
            self._transport.abort()
            return
        # One byte that the socket does not take makes us wait: what waits in `SendQueue` keeps its
        # order of priority, and what waits in a transport does not.
        self._transport.set_write_buffer_limits(high=1)
        connection = transport.get_extra_info("socket")
        # asyncio does it for dialled sockets, not for accepted ones: a vote would wait there until
        # the peer acknowledges what was sent before, which may take it 40 ms.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        self._is_writable = True
        if isinstance(self._websocket, ClientProtocol):
            self._websocket.send_request(self._websocket.connect())
            self._flush()

    def data_received(self, data: bytes) -> None:
        """Take bytes from the socket."""
        if self._ended is None:
            self._heard_ms = self._now_ms()
            self._intake.feed(data)
            if self._resume is None:
                self._continue()

    def eof_received(self) -> bool:
        """Take the end of the stream; a half-open connection is of no use."""
        self.end(ConnectionLost("the other end hung up"))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the socket is gone."""
        self.end(ConnectionLost(str(exc) if exc else "the socket was closed"))
        if self._abort is not None:
            self._abort.cancel()
        self._is_writable = False
        self._set_closed()

    def pause_writing(self) -> None:
        """Note that the socket takes no more for now."""
        self._is_writable = False
        self._choked_since_ms = self._now_ms()

    def resume_writing(self) -> None:
        """Note that the socket takes more."""
        self._is_writable = True
        self.on_writable()

    # ---------------------------------------------------------------------------- reading

    def _continue_soon(self) -> None:
        is_due = self._intake.has_unread or self._is_paused
        if is_due and self._resume is None and self._ended is None:
            self._resume = self._loop.call_soon(self._continue)

    def _continue(self) -> None:
        """Parse what was read as far as limits allow, and see to it that the rest follows."""
        self._resume = None
        while self._intake.has_unread and self._ended is None:
            now_ms = self._now_ms()
            wait_ms = self._intake.must_wait_ms(now_ms)
            if wait_ms > 0:
                self._resume = self._loop.call_later(wait_ms / 1_000, self._continue)
            if wait_ms > 0 or self._intake.is_full:
                self._is_paused = True
                self.transport.pause_reading()
                return
            self._parse(now_ms)
        if self._is_paused and self._ended is None:
            self._is_paused = False
            self._heard_ms = self._intake.partial_since_ms = self._now_ms()
            self.transport.resume_reading()

    def _parse(self, now_ms: int) -> None:
        try:
            self._intake.parse(now_ms)
        except LinkEnded as reason:
            self.end(reason)
            return
        if self._intake.is_open and not self._opened.done():
            self._opened.set_result(None)
        for payload in self._intake.pongs:
            if self._is_pinged and payload == self._ping_number.to_bytes(8, "big"):
                self._is_pinged = False
                self.on_round_trip(now_ms - self._last_ping_ms)
        self._intake.pongs.clear()
        self._flush()
        self._wake()

    # ---------------------------------------------------------------------------- writing

    def _ping(self, now_ms: int) -> None:
        if self._websocket.state is State.OPEN:
            self._ping_number += 1
            self._is_pinged, self._last_ping_ms = True, now_ms
            self._websocket.send_ping(self._ping_number.to_bytes(8, "big"))
            self._flush()

    def _flush(self) -> None:
        """Hand over what the WebSocket wants to send, answers to pings included."""
        for data in self._websocket.data_to_send():
            # The empty one asks for half a close, which TLS does not have.
            if data and not self.transport.is_closing():
                self.transport.write(data)

    def _drain_ms(self) -> int:
        """Return how long what was written last may take to get out."""
        in_flight = sum(self._last_sizes) + UNSENT_BYTES
        return self._limits.stuck_ms + in_flight * 1_000 // SLOWEST_BYTES_PER_SECOND

    def _frame_ms(self) -> int:
        """Return how long a frame may take to come; how long it is, only its sender knows."""
        received = self._intake.partial_bytes
        return self._limits.stuck_ms + received * 1_000 // SLOWEST_BYTES_PER_SECOND

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _set_closed(self) -> None:
        if not self._closed.done():
            self._closed.set_result(None)


def _nothing() -> None:
    """Stand in for a callback that nobody set."""


def _nothing_of(_value: int) -> None:
    """Stand in for a callback that nobody set."""


MakeWire = Callable[[WebSocket], Wire]
"""Makes the protocol of one connection."""

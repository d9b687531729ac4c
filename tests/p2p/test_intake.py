"""What a peer sends, byte for byte and without sockets: limits, and any bytes at all."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.server import ServerProtocol
from websockets.uri import WebSocketURI

from node.p2p import Limits
from node.p2p.errors import (
    ControlFlood,
    FrameFragmented,
    FrameNotBinary,
    FrameTooLarge,
    LinkEnded,
    PeerClosed,
    UnprovedTooMuch,
    WebSocketBroken,
)
from node.p2p.frames import FRAME_BYTES_MAX
from node.p2p.hello import HELLO_BYTES_MAX
from node.p2p.intake import (
    INBOX_BYTES_MAX,
    INBOX_FRAMES_MAX,
    PATH,
    UNPROVED_BYTES_MAX,
    Intake,
)
from node.p2p.rates import PIECE_BYTES

LIMITS = Limits(frames_per_second=100, bytes_per_second=1_000_000, controls_per_second=5)


class Sender:
    """A WebSocket client and the intake of the server that it talks to."""

    def __init__(self, *, is_proved: bool = True, limits: Limits = LIMITS) -> None:
        server = ServerProtocol()
        self.client = ClientProtocol(WebSocketURI(True, "peer", 1, PATH, ""))
        self.intake = Intake(server, limits, 0)
        self.server = server
        self.client.send_request(self.client.connect())
        self.flush()
        for data in server.data_to_send():
            self.client.receive_data(data)
        self.client.events_received()
        assert self.intake.is_open
        if is_proved:
            self.intake.prove(0)

    def flush(self, now_ms: int = 0) -> None:
        """Let the intake parse what the client wants to send."""
        self.feed(b"".join(self.client.data_to_send()), now_ms)

    def feed(self, data: bytes, now_ms: int = 0) -> None:
        self.intake.feed(data)
        while self.intake.has_unread and not self.intake.is_full:
            self.intake.parse(now_ms)

    def send(self, *payloads: bytes) -> None:
        for payload in payloads:
            self.client.send_binary(payload)
        self.flush()

    def received(self) -> list[bytes]:
        return list(iter(self.intake.take, None))


def header(opcode: int, length: int) -> bytes:
    """Return the head of a masked frame that says that it is so long."""
    return struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, length) + bytes(4)


def test_frames_arrive_whole_however_they_are_cut():
    sender = Sender()
    sender.client.send_binary(b"one")
    sender.client.send_binary(b"two" * 100)
    for byte in b"".join(sender.client.data_to_send()):
        sender.feed(bytes([byte]))
    assert sender.received() == [b"one", b"two" * 100]


def test_a_length_beyond_any_frames_is_refused_before_its_bytes_come():
    sender = Sender()
    with pytest.raises(FrameTooLarge):
        sender.feed(header(2, FRAME_BYTES_MAX + 1))
    assert sender.intake.held_bytes < 100


def test_the_longest_frame_is_taken():
    sender = Sender()
    sender.send(bytes(FRAME_BYTES_MAX))
    assert sender.received() == [bytes(FRAME_BYTES_MAX)]


def test_before_the_hello_only_frames_of_its_size_are_taken():
    Sender(is_proved=False).send(bytes(HELLO_BYTES_MAX))
    with pytest.raises(FrameTooLarge):
        Sender(is_proved=False).send(bytes(HELLO_BYTES_MAX + 1))


def test_before_the_hello_nothing_behind_a_frame_is_looked_at():
    sender = Sender(is_proved=False)
    sender.send(b"hello", bytes(100_000))
    assert sender.intake.take() == b"hello"
    sender.intake.prove(0)
    sender.feed(b"")
    assert sender.received() == [bytes(100_000)]


def test_before_the_hello_few_bytes_are_taken_whatever_they_are():
    sender = Sender(is_proved=False)

    def send_on() -> None:
        for _ in range(UNPROVED_BYTES_MAX // 100):
            sender.send(bytes(100))
            sender.received()

    with pytest.raises(UnprovedTooMuch):
        send_on()


def test_text_and_fragments_are_refused():
    text = Sender()
    text.client.send_text(b"hello")
    with pytest.raises(FrameNotBinary):
        text.flush()
    fragment = Sender()
    fragment.client.send_binary(b"first half", fin=False)
    with pytest.raises(FrameFragmented):
        fragment.flush()
    continuation = Sender()
    with pytest.raises(WebSocketBroken):
        continuation.feed(header(0, 1) + b"x")


@pytest.mark.parametrize("kind", ["ping", "pong"])
def test_a_flood_of_pings_or_pongs_ends_the_connection(kind: str):
    sender = Sender()
    send = sender.client.send_ping if kind == "ping" else sender.client.send_pong
    for _ in range(2 * LIMITS.controls_per_second):
        send(b"x")
    sender.flush()
    send(b"x")
    with pytest.raises(ControlFlood):
        sender.flush()


def test_bytes_that_are_not_masked_are_no_websocket():
    with pytest.raises(WebSocketBroken):
        Sender().feed(b"\x82\x01x")


@pytest.mark.parametrize(
    ("reason", "kept"), [("STOPPING", "STOPPING"), ("\x1b[31m", "NOTHING"), ("", "NOTHING")]
)
def test_a_close_says_why_in_our_words_only(reason: str, kept: str):
    sender = Sender()
    sender.client.send_close(4_000, reason)
    with pytest.raises(PeerClosed) as closed:
        sender.flush()
    assert closed.value.reason == kept


def test_reading_stops_when_frames_are_not_taken():
    sender = Sender()
    sender.send(*(b"x" for _ in range(10 * PIECE_BYTES)))
    assert sender.intake.is_full
    assert sender.intake.has_unread
    assert len(sender.received()) <= INBOX_FRAMES_MAX + PIECE_BYTES // 7

    large = Sender()
    large.send(*(bytes(INBOX_BYTES_MAX // 2) for _ in range(5)))
    assert large.intake.is_full
    assert large.intake.has_unread


def test_whoever_sends_more_than_the_rate_is_made_to_wait():
    frames = Sender()
    frames.send(*(b"x" for _ in range(150)))
    frames.received()
    assert frames.intake.must_wait_ms(0) == 500
    assert frames.intake.must_wait_ms(500) == 0
    bulk = Sender()
    bulk.send(bytes(2_000_000))
    assert 1_000 <= bulk.intake.must_wait_ms(0) <= 1_001


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /aitbc/p2p/2 HTTP/1.1\r\n\r\n",
        b"GET " + PATH.encode() + b" HTTP/1.1\r\n\r\n",
        b"POST " + PATH.encode() + b" HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET " + b"/" * 8_192 + b" HTTP/1.1\r\n\r\n",
        b"GET " + PATH.encode() + b" HTTP/1.1\r\n" + b"A: b\r\n" * 2_000 + b"\r\n",
    ],
)
def test_a_request_that_is_not_ours_ends_the_connection(request_line: bytes):
    intake = Intake(ServerProtocol(), LIMITS, 0)
    intake.feed(request_line)
    with pytest.raises((WebSocketBroken, UnprovedTooMuch)):
        _parse_all(intake)


def _parse_all(intake: Intake) -> None:
    while intake.has_unread:
        intake.parse(0)


def _is_ended_or_bounded(intake: Intake, pieces: list[bytes]) -> None:
    for piece in pieces:
        intake.feed(piece)
        try:
            while intake.has_unread and not intake.is_full:
                intake.parse(0)
                intake.pongs.clear()
        except LinkEnded:
            return
        while intake.take() is not None:
            pass


@given(st.lists(st.binary(max_size=60), max_size=10))
def test_any_bytes_instead_of_a_request_end_the_connection_or_wait_for_more(pieces: list[bytes]):
    _is_ended_or_bounded(Intake(ServerProtocol(), LIMITS, 0), pieces)


@given(st.lists(st.binary(max_size=60), max_size=10))
def test_any_bytes_instead_of_a_response_end_the_connection_or_wait_for_more(pieces: list[bytes]):
    client = ClientProtocol(WebSocketURI(True, "peer", 1, PATH, ""))
    client.send_request(client.connect())
    _is_ended_or_bounded(Intake(client, LIMITS, 0), [b"HTTP/1.1 101 X\r\n", *pieces])


heads = st.builds(
    lambda first, length: bytes([first, 0x80 | length]) + bytes(4) + bytes(min(length, 125)),
    st.integers(0, 255),
    st.integers(0, 127),
)


@settings(max_examples=200)
@given(st.lists(st.one_of(st.binary(max_size=60), heads), max_size=10), st.booleans())
def test_any_bytes_in_an_open_websocket_end_it_or_wait_for_more(
    pieces: list[bytes], is_proved: bool
):
    _is_ended_or_bounded(Sender(is_proved=is_proved).intake, pieces)

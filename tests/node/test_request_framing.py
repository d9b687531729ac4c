"""Where a request begins and ends: bounded, in one reading, whatever comes and however it drips."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.http import server
from node.http.protocol import HEAD_BYTES_MAX
from tests.node.served_echo import ANSWER_SECONDS, until
from tests.node.served_witness import (
    CHUNKED,
    H2C,
    LAST,
    answers,
    everything,
    witnessed,
)

REFUSED = {
    "Content-Length and Transfer-Encoding": (
        b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\n"
    ),
    "Transfer-Encoding and Content-Length": (
        b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n"
        b"0\r\n\r\n"
    ),
    "two equal lengths": (
        b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx"
    ),
    "two lengths": (
        b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy"
    ),
    "a list of lengths": b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 1, 1\r\n\r\nx",
    "a length with a sign": b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: +1\r\n\r\nx",
    "a length beyond all": (
        b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 99999999999999999999\r\n\r\nx"
    ),
    "no length": b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length:\r\n\r\nx",
    "another coding": (
        b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"
    ),
    "a coding that is not last": (
        b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"
    ),
    "an unknown coding": (
        b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"
    ),
    "two codings": (
        b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "chunks in HTTP/1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bare line feeds": b"GET / HTTP/1.1\nHost: here\n\n",
    "a bare line feed in the head": b"GET / HTTP/1.1\r\nHost: here\nX: y\r\n\r\n",
    "a bare line feed at its end": b"GET / HTTP/1.1\r\nHost: here\r\n\n",
    "a bare carriage return": b"GET / HTTP/1.1\r\nHost: here\rX: y\r\n\r\n",
    "a folded header": b"GET / HTTP/1.1\r\nHost: here\r\nX: y\r\n z\r\n\r\n",
    "a folded first header": b"GET / HTTP/1.1\r\n Host: here\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\nHost : here\r\n\r\n",
    "NUL in a header": b"GET / HTTP/1.1\r\nHost: here\r\nX: y\0z\r\n\r\n",
    "a control character in a header": b"GET / HTTP/1.1\r\nHost: here\r\nX: y\x01z\r\n\r\n",
    "NUL in the target": b"GET /\0 HTTP/1.1\r\nHost: here\r\n\r\n",
    "a target that is not ASCII": b"GET /\xc3\xa9 HTTP/1.1\r\nHost: here\r\n\r\n",
    "a query that is not ASCII": b"GET /?\xff HTTP/1.1\r\nHost: here\r\n\r\n",
    "a header's name that is not ASCII": b"GET / HTTP/1.1\r\nHost: here\r\nX\xe9: y\r\n\r\n",
    "no header's name": b"GET / HTTP/1.1\r\nHost: here\r\n: y\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\nHost\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: here\r\nHost: there\r\n\r\n",
    "a method that is none": b"GIVE / HTTP/1.1\r\nHost: here\r\n\r\n",
    "a method in small letters": b"get / HTTP/1.1\r\nHost: here\r\n\r\n",
    "a tunnel": b"CONNECT here:443 HTTP/1.1\r\nHost: here\r\n\r\n",
    "a target without a slash": b"GET a HTTP/1.1\r\nHost: here\r\n\r\n",
    "a target of another scheme": b"GET ftp://here/ HTTP/1.1\r\nHost: here\r\n\r\n",
    "a target with a fragment": b"GET /a#b HTTP/1.1\r\nHost: here\r\n\r\n",
    "a whole target with a fragment": b"GET http://here/a#b HTTP/1.1\r\nHost: here\r\n\r\n",
    "a target with a user": b"GET http://me@here/ HTTP/1.1\r\nHost: here\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\nHost: here\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


@pytest.mark.parametrize("request_bytes", REFUSED.values(), ids=REFUSED)
async def test_what_could_be_read_in_two_ways_is_refused_once_and_ends_the_connection(
    request_bytes: bytes,
) -> None:
    async with witnessed() as (witness, room, dial):
        smuggled = b"GET /smuggled HTTP/1.1\r\nHost: here\r\n\r\n"
        ((status, body),) = answers(await everything(await dial(), request_bytes + smuggled))
        assert (status, body["error_code"]) == (400, "MALFORMED_REQUEST")
        assert body["detail"]
        assert body["request_id"].startswith("req_")
        assert witness.asked == []
        await until(lambda: not room.count())


@pytest.mark.parametrize(
    "begun",
    [
        b"GET / HTTP/1.1\r\nX: " + bytes(16).hex().encode() * 1_000,
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5_000,
        b"GET /" + b"a" * 40_000,
        b"\r\n" * 10_000,
        b"GET / HTTP/1.1\r\nHost: here\r\nX: " + b"y" * HEAD_BYTES_MAX + b"\r\n\r\n",
    ],
    ids=["one header", "many headers", "the target", "nothing but ends of lines", "whole at once"],
)
async def test_a_head_above_the_limit_is_refused_however_it_comes(begun: bytes) -> None:
    async with witnessed() as (witness, room, dial):
        for size in (len(begun), 1_000):
            pieces = [begun[at : at + size] for at in range(0, len(begun), size)]
            try:
                received = await everything(await dial(), *pieces)
            except ConnectionError:
                continue  # It went on sending after the answer.
            ((status, body),) = answers(received)
            assert (status, body["error_code"]) == (431, "HEAD_TOO_LARGE")
            assert str(HEAD_BYTES_MAX) in body["detail"]
        assert witness.asked == []
        await until(lambda: not room.count())


async def test_a_head_of_the_limit_passes_and_one_byte_more_does_not() -> None:
    def head(size: int) -> bytes:
        begun = b"GET /last HTTP/1.1\r\nHost: here\r\nConnection: close\r\nX: "
        return begun + b"y" * (size - len(begun) - 4) + b"\r\n\r\n"

    async with witnessed() as (_, _, dial):
        ((status, _),) = answers(await everything(await dial(), head(HEAD_BYTES_MAX)))
        assert status == 200
        ((status, _),) = answers(await everything(await dial(), head(HEAD_BYTES_MAX + 1)))
        assert status == 431


REQUESTS = (
    b"GET /one?x=%00&y HTTP/1.1\r\nHost: here\r\nX-Api-Key:  k \t\r\n\r\n"
    b"POST /two%20 HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\na\r\n\r\nb\r\n\r"
    + CHUNKED
    + b"5;x=y\r\na\r\n\r\n\r\n1\r\nb\r\n0\r\nX-Api-Key: other\r\nHost: there\r\n\r\n"
    b"\r\nPOST /h2c HTTP/1.1\r\nHost: here\r\n" + H2C + b"Content-Length: 3\r\n\r\nabc"
    b"POST /h2c HTTP/1.1\r\nHost: here\r\n" + H2C + b"Transfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n0\r\n\r\n"
    b"GET /h2c HTTP/1.1\r\nHost: here\r\n" + H2C + b"\r\n"
    b"GET http://there:8011/four?z HTTP/1.1\r\nHost: here\r\n\r\n" + LAST
)
"""Eight requests in a row."""


def check_eight(received: bytes) -> None:
    """Check the answers to `REQUESTS`."""
    found = answers(received)
    assert [status for status, _ in found] == [200] * 8
    bodies = [body for _, body in found]
    paths = ["/one", "/two ", "/c", "/h2c", "/h2c", "/h2c", "/four", "/last"]
    assert [each["path"] for each in bodies] == paths
    sent = ["", "a\r\n\r\nb\r\n\r", "a\r\n\r\nb", "abc", "abc", "", "", ""]
    assert [each["body"] for each in bodies] == sent
    assert bodies[0]["query"] == "x=%00&y"
    assert ["x-api-key", "k"] in bodies[0]["headers"]
    assert bodies[2]["headers"] == [["host", "here"], ["transfer-encoding", "chunked"]]
    assert bodies[6]["headers"] == [["host", "there:8011"]]
    assert bodies[6]["query"] == "z"


async def test_requests_in_a_row_are_answered_in_their_order() -> None:
    async with witnessed() as (_, _, dial):
        check_eight(await everything(await dial(), REQUESTS))


async def test_a_request_of_one_byte_at_a_time_is_the_same_request() -> None:
    async with witnessed() as (_, room, dial):
        stream = await dial()
        await until(lambda: room.count() == 1)
        (connection,) = room.connections()
        assert isinstance(connection, asyncio.Protocol)
        for byte in REQUESTS:
            connection.data_received(bytes([byte]))
        check_eight(await everything(stream))


@settings(deadline=None, max_examples=30)
@given(cuts=st.lists(st.integers(0, len(REQUESTS)), max_size=12))
def test_requests_are_the_same_wherever_what_came_is_cut(cuts: Sequence[int]) -> None:
    async def check() -> None:
        async with witnessed() as (_, room, dial):
            stream = await dial()
            await until(lambda: room.count() == 1)
            (connection,) = room.connections()
            assert isinstance(connection, asyncio.Protocol)
            at = 0
            for cut in [*sorted(cuts), len(REQUESTS)]:
                if cut > at:
                    connection.data_received(REQUESTS[at:cut])
                    await asyncio.sleep(0)
                at = cut
            check_eight(await everything(stream))

    asyncio.run(check())


async def test_nothing_behind_a_request_is_read_while_it_is_answered() -> None:
    async with witnessed() as (witness, room, dial):
        witness.gate = asyncio.Event()
        slow = b"GET /slow HTTP/1.1\r\nHost: here\r\n\r\n"
        reader, writer = await dial()
        writer.write(slow + slow)
        await until(lambda: bool(witness.asked))
        writer.write(b"no request")
        (connection,) = room.connections()
        assert not connection.is_idle
        assert not connection.is_awaited
        await until(lambda: not connection.transport.is_reading())
        assert witness.asked == ["GET /slow"]
        witness.gate.set()
        async with asyncio.timeout(ANSWER_SECONDS):
            found = answers(await reader.read())
        assert [status for status, _ in found] == [200, 200, 400]


async def test_who_asks_nothing_more_is_shown_out_and_who_waits_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "KEEP_ALIVE_SECONDS", 0.05)
    async with witnessed() as (witness, room, dial):
        reader, writer = await dial()
        witness.gate = asyncio.Event()
        async with asyncio.timeout(ANSWER_SECONDS):
            for path in (b"/x", b"/y", b"/slow"):
                writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: here\r\n\r\n")
                asyncio.get_running_loop().call_later(0.2, witness.gate.set)
                assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
                await reader.readuntil(b"}")
            assert await reader.read() == b""
        await until(lambda: not room.count())


async def test_who_waits_for_an_answer_and_goes_is_missed_whatever_came_behind() -> None:
    async with witnessed() as (witness, _, dial):
        _, writer = await dial()
        writer.write(b"GET /endless HTTP/1.1\r\nHost: here\r\n\r\n" + LAST)
        await until(lambda: bool(witness.asked))
        writer.transport.abort()
        await until(lambda: witness.left == 1)
        assert witness.asked == ["GET /endless"]

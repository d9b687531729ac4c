"""What belongs to a request besides its head: bodies that break, and what is answered to them."""

import asyncio
import re

import pytest
from litestar.types import Receive, Scope, Send

from node.http.protocol import HEAD_BYTES_MAX
from tests.node.served_echo import ANSWER_SECONDS, served, until
from tests.node.served_witness import (
    CHUNKED,
    LAST,
    LIMITS,
    answers,
    everything,
    witnessed,
)


@pytest.mark.parametrize(
    "bad",
    [
        b"3\nabc\n",
        b"3\r\nabcd0\r\n\r\n",
        b"x\r\n",
        b"-1\r\n",
        b"fffffffffffffffff\r\n",
        b"3 \r\nabc\r\n",
        b"0\r\nContent-Length: 4\r\n\r\n",
    ],
)
async def test_a_broken_chunk_gets_one_answer_at_most(bad: bytes) -> None:
    async with witnessed() as (witness, room, dial):
        ((status, body),) = answers(await everything(await dial(), CHUNKED + bad))
        assert (status, body["error_code"]) == (400, "MALFORMED_REQUEST")
        early = CHUNKED.replace(b"/c", b"/early")
        stream = await dial()
        stream[1].write(early)
        await until(lambda: "POST /early" in witness.asked)
        ((status, body),) = answers(await everything(stream, bad))
        assert (status, body) == (200, {"early": True})
        await until(lambda: not room.count())


@pytest.mark.parametrize(
    "endless", [b"1;" + b"x" * 40_000, b"0\r\n" + b"X: y\r\n" * 10_000, b"0\r\nX: " + b"y" * 40_000]
)
async def test_what_frames_a_body_is_bounded_as_a_head_is(endless: bytes) -> None:
    async with witnessed() as (_, _, dial):
        found = answers(await everything(await dial(), CHUNKED + b"1\r\na\r\n", endless))
        assert [status for status, _ in found] == [431]


async def test_a_body_of_any_size_is_not_taken_for_a_head() -> None:
    async with witnessed() as (_, _, dial):
        size = 10 * HEAD_BYTES_MAX
        head = b"POST /c HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n" % size
        ((status, body), _) = answers(await everything(await dial(), head + b"x" * size + LAST))
        assert (status, len(body["body"])) == (200, size)
        chunk = b"%x\r\n%b\r\n" % (size, b"x" * size)
        sent = CHUNKED + chunk + chunk + b"0\r\n\r\n" + LAST
        ((status, body), _) = answers(await everything(await dial(), sent))
        assert (status, len(body["body"])) == (200, 2 * size)


async def test_the_rest_of_a_body_is_dropped_when_its_answer_came_early() -> None:
    async with witnessed() as (witness, _, dial):
        stream = await dial()
        stream[1].write(b"POST /early HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\n\r\n")
        async with asyncio.timeout(ANSWER_SECONDS):
            assert b"early" in await stream[0].readuntil(b"}")
        ((status, _),) = answers(await everything(stream, b"GET /" + LAST))
        assert status == 200
        assert witness.asked == ["POST /early", "GET /last"]


async def test_answers_without_a_body_have_none() -> None:
    async with witnessed() as (_, _, dial):
        head = b" HTTP/1.1\r\nHost: here\r\n\r\n"
        sent = b"GET /204" + head + b"GET /304" + head + b"HEAD /stream" + head + b"HEAD /x" + head
        received = await everything(await dial(), sent + LAST.replace(b"GET", b"HEAD"))
        statuses = re.findall(rb"HTTP/1.1 ([0-9]{3}) ", received)
        assert statuses == [b"204", b"304", b"200", b"200", b"200"]
        assert received.count(b"\r\n\r\n") == 5
        assert received.endswith(b"\r\n\r\n")
        assert received.count(b"chunked") == 0


async def test_a_stream_to_http_1_0_has_no_chunks_and_ends_with_its_connection() -> None:
    async with witnessed() as (_, _, dial):
        received = await everything(await dial(), b"GET /stream HTTP/1.0\r\n\r\n")
        head, _, body = received.partition(b"\r\n\r\n")
        assert body == b"onetwo"
        assert b"transfer-encoding" not in head
        assert b"connection: close" in head
        ((status, _),) = answers(await everything(await dial(), b"GET /x HTTP/1.0\r\n\r\n"))
        assert status == 200


async def test_who_expects_100_gets_it_when_the_body_is_wanted() -> None:
    head = b"Host: here\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n"
    async with witnessed() as (_, _, dial):
        stream = await dial()
        stream[1].write(b"POST /x HTTP/1.1\r\n" + head)
        async with asyncio.timeout(ANSWER_SECONDS):
            assert await stream[0].readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        ((status, body), _) = answers(await everything(stream, b"ab" + LAST))
        assert (status, body["body"]) == (200, "ab")
        stream = await dial()
        stream[1].write(b"POST /early HTTP/1.1\r\n" + head)
        async with asyncio.timeout(ANSWER_SECONDS):
            assert b" 200 " in await stream[0].readline()


@pytest.mark.parametrize("value", [b"y\r\nSet-Cookie: z", b"y\nz", b"y\rz", b"y\0z"])
async def test_no_answer_goes_out_of_which_a_header_could_be_two(value: bytes) -> None:
    async def split(_scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"0"), (b"x-request-id", value)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    async with served(LIMITS, split) as (_, dial):
        received = await everything(await dial(), LAST)
        assert received.startswith(b"HTTP/1.1 500 ")
        assert b"x-request-id" not in received


async def test_a_head_does_not_wait_for_its_body() -> None:
    gate = asyncio.Event()

    async def slow(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await gate.wait()
        await send({"type": "http.response.body", "body": b"late", "more_body": False})

    async with served(LIMITS, slow) as (_, dial):
        reader, writer = await dial()
        writer.write(LAST)
        async with asyncio.timeout(ANSWER_SECONDS):
            assert b"200" in await reader.readuntil(b"\r\n\r\n")
            gate.set()
            assert await reader.read() == b"4\r\nlate\r\n0\r\n\r\n"


@pytest.mark.parametrize("body", [b"long", b"l"])
async def test_a_body_of_another_size_than_its_head_says_ends_the_connection(body: bytes) -> None:
    async def wrong(_scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async with served(LIMITS, wrong) as (_, dial):
        reader, writer = await dial()
        writer.write(LAST.replace(b"Connection: close\r\n", b""))
        async with asyncio.timeout(ANSWER_SECONDS):
            assert not (await reader.read()).partition(b"\r\n\r\n")[2]


async def test_http_1_0_is_not_told_to_continue() -> None:
    async with witnessed() as (_, _, dial):
        begun = b"POST /c HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab"
        ((status, body),) = answers(await everything(await dial(), begun))
        assert (status, body["body"]) == (200, "ab")

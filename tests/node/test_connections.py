"""HTTP connections have a bounded room, and nobody fills it by saying nothing."""

import asyncio
import resource
import socket
from contextlib import ExitStack
from ipaddress import ip_network
from pathlib import Path

import pytest

from node.descriptors import http_connections_max, raise_descriptor_limit
from node.http.connections import ConnectionLimits
from tests.node.served_echo import ANSWER_SECONDS, GET, NEVER_SECONDS, Stream, asked, served, until
from tests.processes import NodeFolder, start_node


async def test_one_address_has_a_quarter_and_a_place_that_is_left_is_free() -> None:
    async with served(ConnectionLimits(total=8)) as (room, dial):
        kept = [await dial(), await dial()]
        for stream in kept:
            assert b"200" in await asked(stream)
        reader, _ = await dial()
        assert b"503 Service Unavailable" in await reader.readline()
        assert b"try again" in await reader.read()
        assert (room.refused, room.count()) == (1, 2)
        assert b"200" in await asked(await dial("127.0.0.2"))

        kept[0][1].write(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        await kept[0][0].read()
        assert b"200" in await asked(await dial())
        assert b"200" in await asked(kept[1])


async def test_a_full_room_makes_place_where_most_say_nothing() -> None:
    async with served(ConnectionLimits(total=8)) as (room, dial):
        silent = [await dial("127.0.0.2") for _ in range(2)]
        others = [await dial(f"127.0.0.{3 + at // 2}") for at in range(6)]
        for stream in others:
            assert b"200" in await asked(stream)
        assert room.count() == 8
        newcomer = await dial("127.0.0.9")
        assert b"200" in await asked(newcomer)
        assert await _closed(silent[0])
        assert room.count() == 8


async def _closed(stream: Stream) -> bool:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await stream[0].read() == b""
    except ConnectionResetError:
        return True


async def test_whoever_waits_for_an_answer_is_not_closed_for_a_newcomer() -> None:
    upload = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 4\r\n\r\n"
    async with served(ConnectionLimits(total=4)) as (room, dial):
        busy = [await dial(f"127.0.0.{at}") for at in range(2, 6)]
        for _, writer in busy:
            writer.write(upload + b"ab")
        await until(lambda: not any(each.is_idle for each in room.connections()))
        late, _ = await dial("127.0.0.9")
        assert b"503" in await late.readline()
        for stream in busy:
            assert await asked(stream, b"cd") == b"HTTP/1.1 200 OK\r\n4"


async def test_a_trusted_proxy_may_have_the_whole_room() -> None:
    limits = ConnectionLimits(total=8, trusted=(ip_network("127.0.0.2"),))
    async with served(limits) as (room, dial):
        streams = [await dial("127.0.0.2") for _ in range(6)]
        for stream in streams:
            assert b"200" in await asked(stream)
        assert (room.count(), room.refused) == (6, 0)


@pytest.mark.parametrize(
    "begun",
    [b"", b"GET / HTTP/1.1\r\nHo", b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\nab"],
    ids=["nothing", "half a head", "half a body"],
)
async def test_whoever_falls_silent_in_a_request_is_closed(begun: bytes) -> None:
    limits = ConnectionLimits(total=8, head_s=0.05, body_pause_s=0.05)
    async with served(limits) as (room, dial):
        stream = await dial()
        stream[1].write(begun)
        assert await _closed(stream)
        assert room.count() == 0


async def test_between_requests_and_while_an_answer_is_made_nobody_is_hurried() -> None:
    limits = ConnectionLimits(total=8, head_s=NEVER_SECONDS, body_pause_s=NEVER_SECONDS)
    async with served(limits) as (room, dial):
        stream = await dial()
        assert b"200" in await asked(stream)
        (connection,) = room.connections()
        assert not connection.is_awaited
        stream[1].write(GET[:7])
        await until(lambda: connection.is_awaited)
        assert b"200" in await asked(stream, GET[7:])
        assert not connection.is_awaited


async def test_a_websocket_keeps_its_place_until_it_ends() -> None:
    upgrade = (
        b"GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    async with served(ConnectionLimits(total=4, head_s=0.05)) as (room, dial):
        reader, writer = await dial()
        writer.write(upgrade)
        async with asyncio.timeout(ANSWER_SECONDS):
            assert b"101" in await reader.readuntil(b"\r\n\r\n")
        assert b"503" in await asked(await dial())
        assert room.count() == 1
        writer.transport.abort()
        await until(lambda: not room.count())
        assert b"200" in await asked(await dial())


def test_http_leaves_half_of_the_descriptors_to_the_rest() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    descriptors = raise_descriptor_limit()
    assert descriptors >= min(before[0], 65_536)
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] == before[1]
    assert http_connections_max(2_048, 1_024) == 512
    assert http_connections_max(2_048, 65_536) == 2_048


def test_a_node_goes_on_while_a_stranger_opens_more_than_there_is_room_for(
    tmp_path: Path,
) -> None:
    folder = NodeFolder(
        tmp_path / "node", sections={"http": {"listen": ["127.0.0.1:0"], "connections_max": 64}}
    )
    with start_node(folder) as node, node.client() as client:
        assert client.get("/v1/health").status_code == 200
        port = int(node.url.rpartition(":")[2])
        with ExitStack() as opened:
            strangers = [
                opened.enter_context(socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS))
                for _ in range(100)
            ]
            # The client has one of the sixteen places.
            assert all(each.recv(12) == b"HTTP/1.1 503" for each in strangers[15:])
            health = client.get("/v1/health").json()
            assert health["status"] == "ok", health
            text = client.get("/metrics").text
            assert "aitbc_http_connections_max 64.0" in text
            assert "aitbc_http_connections 16.0" in text
            assert "aitbc_http_connections_refused 85.0" in text

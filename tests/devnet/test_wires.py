"""The wires of scenarios: what a cut one holds back, and what both ends learn of it."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator

import pytest

from devnet.torture.proxies import ProxyWires

NOTICE_S = 0.2
"""Long enough for bytes to arrive on this machine, if they do at all."""


class Echo:
    """A server that keeps what it is told, and says it back."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(OSError):
            while piece := await reader.read(65_536):
                self.heard += piece
                writer.write(piece)
                await writer.drain()
        writer.close()


@pytest.fixture
async def ground() -> AsyncIterator[tuple[ProxyWires, Echo]]:
    echo = Echo()
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with socket.create_server(("127.0.0.1", 0)) as unused:
        ports = {"a": unused.getsockname()[1], "b": port}
        async with ProxyWires(ports) as wires:
            yield wires, echo
    server.close()


Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def dial(wires: ProxyWires) -> Stream:
    host, _, port = wires.peer_address("a", "b").partition(":")
    return await asyncio.open_connection(host, int(port))


async def is_silent(reader: asyncio.StreamReader) -> bool:
    try:
        await asyncio.wait_for(reader.read(1), NOTICE_S)
    except TimeoutError:
        return True
    return False


async def test_a_whole_wire_carries_both_ways(ground: tuple[ProxyWires, Echo]) -> None:
    wires, _ = ground
    reader, writer = await dial(wires)
    sent = bytes(range(256)) * 4_096
    writer.write(sent)
    assert await reader.readexactly(len(sent)) == sent
    assert wires.way("a", "b").bytes_passed == wires.way("b", "a").bytes_passed == len(sent)
    writer.close()


async def test_a_cut_wire_holds_bytes_back_until_it_heals(ground: tuple[ProxyWires, Echo]) -> None:
    wires, echo = ground
    reader, writer = await dial(wires)
    writer.write(b"before")
    assert await reader.readexactly(6) == b"before"
    wires.part([["a"], ["b"]])
    writer.write(b"during")
    assert await is_silent(reader)
    assert echo.heard == b"before"
    wires.heal()
    assert await reader.readexactly(6) == b"during"
    writer.close()


async def test_one_way_can_be_cut_alone(ground: tuple[ProxyWires, Echo]) -> None:
    wires, echo = ground
    reader, writer = await dial(wires)
    writer.write(b"1")
    await reader.readexactly(1)
    wires.cut("b", "a")
    writer.write(b"2")
    assert await is_silent(reader)
    assert echo.heard == b"12"
    wires.heal()
    assert await reader.readexactly(1) == b"2"
    writer.close()


async def test_nobody_hears_of_a_connection_that_is_made_through_a_cut_wire(
    ground: tuple[ProxyWires, Echo],
) -> None:
    wires, echo = ground
    wires.cut("b", "a")
    reader, writer = await dial(wires)
    writer.write(b"hello")
    assert await is_silent(reader)
    assert echo.connections == 0
    wires.heal()
    assert await reader.readexactly(5) == b"hello"
    writer.close()


async def test_an_end_does_not_learn_through_a_cut_that_the_other_one_closed(
    ground: tuple[ProxyWires, Echo],
) -> None:
    wires, _ = ground
    reader, writer = await dial(wires)
    other_reader, other_writer = await dial(wires)
    for stream in (writer, other_writer):
        stream.write(b"x")
    await reader.readexactly(1)
    await other_reader.readexactly(1)
    wires.part([["a"], ["b"]])
    writer.transport.abort()
    other_writer.write(b"y")
    assert await is_silent(other_reader)
    wires.heal()
    assert await other_reader.readexactly(1) == b"y"
    other_writer.close()


async def test_a_torn_wire_closes_connections_and_takes_new_ones(
    ground: tuple[ProxyWires, Echo],
) -> None:
    wires, _ = ground
    reader, torn = await dial(wires)
    torn.write(b"x")
    await reader.readexactly(1)
    await wires.tear("b")
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read(1) == b""
    torn.close()
    again, writer = await dial(wires)
    writer.write(b"z")
    assert await again.readexactly(1) == b"z"
    writer.close()


async def test_a_slow_wire_delays_and_narrows(ground: tuple[ProxyWires, Echo]) -> None:
    wires, _ = ground
    wires.slow(["a"], 0.1, 1_000_000)
    reader, writer = await dial(wires)
    start = time.monotonic()
    writer.write(bytes(300_000))
    await reader.readexactly(300_000)
    # 0.1 s and 0.3 s there, 0.1 s back; what comes back is narrowed while it still comes.
    assert time.monotonic() - start >= 0.5
    writer.close()


async def test_who_is_in_no_group_is_alone() -> None:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(4)]
        ports = {name: each.getsockname()[1] for name, each in zip("abcd", sockets, strict=True)}
        async with ProxyWires(ports) as wires:
            wires.part([["a", "b"]])
            is_open = {
                source + target: wires.way(source, target).is_open.is_set()
                for source in "abcd"
                for target in "abcd"
                if source != target
            }
            assert {ends for ends, open_ in is_open.items() if open_} == {"ab", "ba"}

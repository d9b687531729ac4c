"""Wires between nodes as proxies that can be cut, slowed and torn, one way or both.

Each node dials each peer through a proxy of its own, so a wire is known by its two ends. A wire
that is cut loses nothing and says nothing, like one whose packets are dropped: what was sent
waits, a connection that is made hangs, and both ends have to find out by themselves. A torn wire
closes its connections as well. Wires work without privileges and on every system.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from devnet.torture.wires import Wires

CHUNK_BYTES = 65_536
"""What is read at once."""

CHUNKS_WAITING_MAX = 16
"""What a slow or cut way holds of one connection, besides the buffers of the sockets."""


@dataclass
class Way:
    """One direction between two nodes, for all their connections."""

    delay_s: float = 0.0
    """Time from one end to the other."""
    bytes_per_s: float = float("inf")
    """Bytes that fit through in a second."""
    is_open: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while bytes get through."""
    bytes_passed: int = 0
    """Bytes that got through so far."""

    def __post_init__(self) -> None:
        self.is_open.set()


class Wire:
    """A listening proxy from one node to another."""

    def __init__(self, forward: Way, backward: Way, target_port: int) -> None:
        """Connect to `target_port` for whoever connects here; the ways are shared with others."""
        self._ways = (forward, backward)
        self._target_port = target_port
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        """Where it listens."""

    async def start(self) -> None:
        """Listen at a port that the system chooses."""
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and end all connections."""
        assert self._server is not None, "start comes first"
        self._server.close()
        await self.tear()

    async def tear(self) -> None:
        """End all connections that go through now."""
        connections = tuple(self._connections)
        for each in connections:
            each.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.ensure_future(self._carry(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with contextlib.AsyncExitStack() as ends:
            ends.callback(writer.transport.abort)
            if not await self._is_still_wanted(reader):
                return
            try:
                far_reader, far_writer = await asyncio.open_connection(
                    "127.0.0.1", self._target_port
                )
            except OSError:
                return
            ends.callback(far_writer.transport.abort)
            forward, backward = self._ways
            pumps = [
                asyncio.ensure_future(_pump(reader, far_writer, forward)),
                asyncio.ensure_future(_pump(far_reader, writer, backward)),
            ]
            ends.push_async_callback(_cancel, pumps)
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            # That one end closed is news, which does not pass a cut either.
            await self._both_ways_open()

    async def _is_still_wanted(self, reader: asyncio.StreamReader) -> bool:
        """Return, once both ways are open, whether the caller has not given up meanwhile.

        The other end does not hear of an attempt whose packets are lost.
        """
        await self._both_ways_open()
        return not reader.at_eof() and reader.exception() is None

    async def _both_ways_open(self) -> None:
        while not all(way.is_open.is_set() for way in self._ways):
            for way in self._ways:
                await way.is_open.wait()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way) -> None:
    """Carry bytes one way until an end closes."""
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(CHUNKS_WAITING_MAX)
    receiving = asyncio.ensure_future(_receive(reader, way, under_way))
    try:
        while True:
            due_s, chunk = await under_way.get()
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            await way.is_open.wait()
            if not chunk:
                return
            writer.write(chunk)
            way.bytes_passed += len(chunk)
            await writer.drain()
    except OSError:
        return
    finally:
        await _cancel([receiving])


async def _receive(
    reader: asyncio.StreamReader, way: Way, under_way: "asyncio.Queue[tuple[float, bytes]]"
) -> None:
    """Queue what comes in with the moment at which it arrives; an empty chunk is the end."""
    free_at_s, chunk = 0.0, b"more"
    while chunk:
        try:
            chunk = await reader.read(CHUNK_BYTES)
        except OSError:
            chunk = b""
        # A narrow way takes the next bytes when it is through with these.
        free_at_s = max(free_at_s, time.monotonic()) + len(chunk) / way.bytes_per_s
        await under_way.put((free_at_s + way.delay_s, chunk))


async def _cancel(tasks: Sequence["asyncio.Future[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class ProxyWires(Wires):
    """All wires of a network, each a proxy; a context manager."""

    lacks = ()

    def __init__(self, p2p_ports: Mapping[str, int]) -> None:
        """Prepare a wire from each node to each other one.

        Args:
            p2p_ports: where each node listens for peers, by its name.
        """
        super().__init__(p2p_ports)
        self._ways = {ends: Way() for ends in self.ends}
        self._wires = {
            (source, target): Wire(way, self._ways[target, source], p2p_ports[target])
            for (source, target), way in self._ways.items()
        }

    async def __aenter__(self) -> Self:
        """Start all wires."""
        await asyncio.gather(*(wire.start() for wire in self._wires.values()))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop all wires."""
        await asyncio.gather(*(wire.stop() for wire in self._wires.values()))

    def peer_address(self, source: str, target: str) -> str:
        """Return where `source` reaches `target`."""
        return f"127.0.0.1:{self._wires[source, target].port}"

    def way(self, source: str, target: str) -> Way:
        """Return the direction from `source` to `target`."""
        return self._ways[source, target]

    def cut(self, source: str, target: str) -> None:
        """Let nothing through from `source` to `target`; the other direction stays."""
        self._ways[source, target].is_open.clear()

    async def tear(self, name: str) -> None:
        """Close all connections of a node, as a router does that was restarted."""
        touched = [wire for ends, wire in self._wires.items() if name in ends]
        await asyncio.gather(*(wire.tear() for wire in touched))

    def slow(self, names: Iterable[str], delay_s: float, bytes_per_s: float) -> None:
        """Slow all ways from and to some nodes."""
        chosen = set(names)
        for ends, way in self._ways.items():
            if chosen & set(ends):
                way.delay_s, way.bytes_per_s = delay_s, bytes_per_s

    def heal(self) -> None:
        """Open all ways at full speed; what waited goes on."""
        for way in self._ways.values():
            way.delay_s, way.bytes_per_s = 0.0, float("inf")
            way.is_open.set()

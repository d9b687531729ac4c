"""A cable between two nodes that a test can cut without either end being told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Cable:
    """Passes bytes on, until it is cut; then it takes them and passes nothing."""

    def __init__(self, target: str) -> None:
        host, port = target.rsplit(":", 1)
        self._target = host, int(port)
        self._is_cut = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self.address = ""
        """Where it is dialled."""

    def cut(self) -> None:
        """Swallow everything from now on, also of connections that are made now."""
        self._is_cut = True

    def mend(self) -> None:
        """Pass on what comes from now on; what was swallowed is lost."""
        self._is_cut = False
        for writer in self._writers:
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(*self._target)
        self._writers += [writer, there_writer]
        await asyncio.gather(
            self._pass_on(reader, there_writer), self._pass_on(there_reader, writer)
        )

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                if not self._is_cut:
                    writer.write(data)
                    await writer.drain()
        except OSError:
            pass
        if not self._is_cut:
            writer.close()


@asynccontextmanager
async def cable_to(target: str) -> AsyncIterator[Cable]:
    """Lay a cable to an address."""
    cable = Cable(target)
    server = await asyncio.start_server(cable._connect, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    cable.address = f"{host}:{port}"
    try:
        yield cable
    finally:
        server.close()
        for writer in cable._writers:
            writer.transport.abort()
            await asyncio.wait({asyncio.ensure_future(writer.wait_closed())})
        await server.wait_closed()

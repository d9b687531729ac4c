"""A node's process that the tests of one run share: each with a client and a miner of its own."""

import asyncio
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeAlias

import httpx
from litestar import Litestar

from coordinator.api import coordinator_handlers
from devnet.network.node import PLAIN_HTTP
from tests.api.contract import Contract
from tests.api.site import PLENTY, Served
from tests.coordinator.world import PATIENCE_S
from tests.processes import NodeFolder, NodeProcess, start_node

NEWEST = {"AITBC-Version": "2026-05-11"}

NodeDocument: TypeAlias = dict[str, Any]
"""An OpenAPI document, as a node's process serves it."""

ASK_EVERY_S = 0.01
"""Finality of an escrow and of a payment is told by nothing but asking."""


@dataclass
class NodeSite(Served):
    """A client and a miner of a test on the node that all share."""

    node: NodeProcess = field(kw_only=True)
    """What is asked."""

    @property
    def key_header(self) -> dict[str, str]:
        """The client's key, for connections besides `http`."""
        return {"X-Api-Key": self.http.headers["X-Api-Key"]}

    async def limit(self, **quotas: int) -> None:
        """Give the client's key limits of its own, as the node's operator does."""
        operator = (self.node.folder.root / "operator.key").read_text().strip()
        key_id = self.key_header["X-Api-Key"].split("_")[1]
        async with self.with_key(operator) as admin:
            given = await admin.put(f"/v1/admin/keys/{key_id}/limits", json=quotas)
        assert given.status_code == 200, given.text

    @contextmanager
    def without_artifacts(self) -> Iterator[None]:
        """Break the node's database while the context lasts: artifacts alone are read there."""
        file = self.node.folder.data / "coordinator.db"
        with closing(sqlite3.connect(file, PATIENCE_S, isolation_level=None)) as database:
            database.execute("ALTER TABLE artifacts RENAME TO artifacts_away")
            try:
                yield
            finally:
                database.execute("ALTER TABLE artifacts_away RENAME TO artifacts")

    async def escrowed(self, job_id: str) -> None:
        await self._until(job_id, "escrowed", "released", "refunded")

    async def paid(self, job_id: str) -> None:
        await self._until(job_id, "released")

    async def refunded(self, job_id: str) -> None:
        await self._until(job_id, "refunded")

    async def _until(self, job_id: str, *payment: str) -> None:
        """Ask until a job's payment is in one of some states."""
        async with asyncio.timeout(PATIENCE_S * 2):
            while True:
                answer = await self.http.get(f"/v1/jobs/{job_id}", headers=NEWEST)
                assert answer.status_code == 200, answer.text
                if answer.json()["payment_status"] in payment:
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


@contextmanager
def running_closed_node(root: Path) -> Iterator[NodeProcess]:
    """Run a node that is no devnet: nobody is anybody without a key, and nobody gives units."""
    sections = {
        "coordinator": {"key_file": "coordinator.key", "passphrase_file": "passphrase"},
        "http": {"listen": ["127.0.0.1:0"], "quotas": asdict(PLENTY)},
    }
    with start_node(NodeFolder(root, sections=sections)) as node:
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
    client = _client(node, contract, {"X-Api-Key": registered.json()["api_key"]})
    return NodeSite(node.url, client, node=node, miner=f"miner-{uuid.uuid4().hex[:20]}")


def keyless_site_on(node: NodeProcess, contract: Contract) -> NodeSite:
    """Return a site of whoever has no key, as the documents' programs: on a devnet all are one."""
    return NodeSite(node.url, _client(node, contract, {}), node=node)


def _client(node: NodeProcess, contract: Contract, headers: dict[str, str]) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=node.url,
        headers=headers,
        timeout=PATIENCE_S,
        event_hooks={"response": [contract.check]},
        verify=PLAIN_HTTP,
        limits=httpx.Limits(max_keepalive_connections=0),
    )

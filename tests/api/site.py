"""A devnet coordinator that is served over real HTTP, on the in-process chain."""

import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from litestar import Litestar, get
from litestar.types import ASGIApp

from coordinator.api import build_http_side
from coordinator.clients import Scope
from coordinator.clients.key_ring import KeyWish
from coordinator.config import Limits
from coordinator.http import HttpConfig, Quotas, edge
from coordinator.jobs import JobPhase
from devnet.network.node import PLAIN_HTTP
from node.config import ListenAddress
from node.http.listeners import bind_all, bound_addresses
from node.http.server import HttpServer
from tests.api.contract import Contract
from tests.coordinator.world import PATIENCE_S, World

PLENTY = Quotas(*[10**6] * 6)
"""No test but those of the limits shall meet one."""

MINER = "my-miner-001"

REGISTRATION = {
    "miner_id": MINER,
    "capabilities": ["llama3.2", "codellama"],
    "gpu_info": {"name": "NVIDIA RTX 4090", "memory": "24GB"},
}
"""The body that document 004 prints."""


@dataclass
class Served(ABC):
    """Something that serves the API, and how to call it; who makes one says how finality comes."""

    url: str
    """Base address, without a slash at the end."""
    http: httpx.AsyncClient
    """A client of the caller's own identity, for paths relative to `url`."""
    miner: str = field(default=MINER, kw_only=True)
    """Name of the miner that the caller registers."""

    def with_key(self, key: str, **headers: str) -> httpx.AsyncClient:
        """Return another client that sends a key; the caller closes it."""
        return httpx.AsyncClient(
            base_url=self.url,
            headers={"X-Api-Key": key, **headers},
            timeout=PATIENCE_S,
            event_hooks=self.http.event_hooks,
            verify=PLAIN_HTTP,
        )

    def without_key(self) -> httpx.AsyncClient:
        """Return another client, of nobody or of the demo identity; the caller closes it."""
        return httpx.AsyncClient(
            base_url=self.url,
            timeout=PATIENCE_S,
            event_hooks=self.http.event_hooks,
            verify=PLAIN_HTTP,
        )

    # ------------------------------------------------------------ a client's day

    async def submit(self, body: Mapping[str, object], **headers: str) -> dict[str, Any]:
        response = await self.http.post("/v1/jobs", json=body, headers=headers)
        assert response.status_code == 201, response.text
        created: dict[str, Any] = response.json()
        return created

    async def queued(self, body: Mapping[str, object]) -> str:
        """Submit a job and return its id once its escrow is final."""
        job_id = str((await self.submit(body))["job_id"])
        await self.escrowed(job_id)
        return job_id

    @abstractmethod
    async def escrowed(self, job_id: str) -> None:
        """Wait until a job's escrow is final, and the coordinator has read it."""

    @abstractmethod
    async def paid(self, job_id: str) -> None:
        """Wait until a completed job is settled, and its receipt is indexed."""

    @abstractmethod
    async def refunded(self, job_id: str) -> None:
        """Wait until a failed job's escrow is back."""

    # ------------------------------------------------------------ a miner's day, as 004 prints it

    async def register(self, **changes: object) -> httpx.Response:
        body = {**REGISTRATION, "miner_id": self.miner, **changes}
        return await self.http.post("/v1/miners/register", json=body)

    async def claim(self, job_id: str, miner: str | None = None) -> httpx.Response:
        body = {"miner_id": miner or self.miner}
        return await self.http.post(f"/v1/jobs/{job_id}/claim", json=body)

    async def complete(
        self, job_id: str, result: str = "The generated output...", miner: str | None = None
    ) -> httpx.Response:
        body = {
            "miner_id": miner or self.miner,
            "result": result,
            "completed_at": "2026-01-24T15:00:05Z",
        }
        return await self.http.post(f"/v1/jobs/{job_id}/complete", json=body)

    async def done(self, body: Mapping[str, object], result: str = "An answer.") -> str:
        """Run a job to its end and return its id once it is paid."""
        job_id = await self.queued(body)
        if (await self.http.get(f"/v1/miners/{self.miner}")).status_code == 404:
            assert (await self.register()).status_code == 201
        assert (await self.claim(job_id)).status_code == 200
        completed = await self.complete(job_id, result)
        assert completed.status_code == 200, completed.text
        await self.paid(job_id)
        return job_id

    async def failed(self, body: Mapping[str, object]) -> str:
        """Have a job fail for good, as its miner finds its input bad, and return its id."""
        job_id = await self.queued(body)
        assert (await self.claim(job_id)).status_code == 200
        give_up = {"miner_id": self.miner, "reason": "BAD_INPUT"}
        answered = await self.http.post(f"/v1/jobs/{job_id}/fail", json=give_up)
        assert answered.status_code == 200, answered.text
        await self.refunded(job_id)
        return job_id

    async def serve_next_job(self, result: str) -> str:
        """Wait for a job as a miner does, do it, and return its id."""
        polled = await self.http.post(
            "/v1/miners/poll", json={"miner_id": self.miner, "wait_s": 20}, timeout=30
        )
        job_id: str = polled.json()["job"]["job_id"]
        assert (await self.claim(job_id)).status_code == 200
        assert (await self.complete(job_id, result)).status_code == 200
        return job_id


@dataclass
class Site(Served):
    """A coordinator in the test's process: its chain and its clock are the test's."""

    world: World
    """What is behind it."""

    async def key(self, *scopes: Scope) -> str:
        """Register another client and return a key of it, with fewer scopes if any are named."""
        services = self.world.services.clients
        _, issued = await services.register("somebody")
        if not scopes:
            return issued.text
        principal = await services.authenticate(issued.text)
        return (await services.keys.issue(principal, KeyWish(scopes=frozenset(scopes)))).text

    async def escrowed(self, job_id: str) -> None:
        raw_id = bytes.fromhex(job_id.removeprefix("job_"))
        assert await self.world.chain.wait_final(raw_id, PATIENCE_S) is not None
        await self.world.services.core.follower.catch_up()

    async def paid(self, job_id: str) -> None:
        await self.world.settled(bytes.fromhex(job_id.removeprefix("job_")))
        self.world.chain.index()

    async def refunded(self, job_id: str) -> None:
        await self.world.until(bytes.fromhex(job_id.removeprefix("job_")), JobPhase.FAILED)


@asynccontextmanager
async def running_site(
    folder: Path,
    *,
    is_devnet: bool = True,
    quotas: Quotas = PLENTY,
    limits: Limits | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Site]:
    """Serve a coordinator while the context lasts; what must hold is checked at its end."""
    world = World(folder, limits=limits)
    if is_devnet:
        await world.start()
    else:
        world.config = replace(world.config, is_devnet=False)
        await world.restart()
    application = make_application(
        world, HttpConfig(is_devnet=is_devnet, quotas=quotas, clock=clock)
    )
    hooks = {"response": [Contract(application).check]}
    async with (
        served(edge(application)) as url,
        httpx.AsyncClient(
            base_url=url, timeout=PATIENCE_S, event_hooks=hooks, verify=PLAIN_HTTP
        ) as client,
    ):
        yield Site(url, client, world)
    await world.finish()


def make_application(world: World, config: HttpConfig) -> Litestar:
    """Return the application as the node wires it, with one route that fails."""
    side = build_http_side(world.services, world.chain.reader, config)

    @get("/faulty")
    async def faulty() -> None:
        raise RuntimeError("the password is hunter2")

    return Litestar(
        route_handlers=[*side.handlers, faulty],
        before_request=side.admission,
        exception_handlers=side.exception_handlers,
        cors_config=side.cors,
        openapi_config=None,
        logging_config=None,
    )


@asynccontextmanager
async def served(application: ASGIApp) -> AsyncIterator[str]:
    """Serve an application on a free port of loopback, in this event loop."""
    sockets = bind_all([ListenAddress("127.0.0.1", 0)])
    (address,) = bound_addresses(sockets)
    server = HttpServer(application, sockets)
    await server.start()
    try:
        yield f"http://{address}"
    finally:
        await server.stop()

"""The composition root: everything that a node is made of is made and connected here.

`build_node` opens and checks everything that can fail, in the order in which a refusal costs least;
`Node.start` sets it to work; `Node.stop` ends it in the reverse order, so that nothing that still
works lacks what it needs.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Final

import structlog
from litestar.types import ControllerRouterHandler

from coordinator.api import HttpSide, build_public_side
from coordinator.http import Proxies
from ledger.types import Epoch
from node.chain_part import ChainPart, build_chain
from node.config import ListenAddress, NodeConfig, listen_addresses, trusted_networks
from node.coordinator_part import CoordinatorPart, build_coordinator, http_settings
from node.coordinator_watch import CoordinatorWatch
from node.descriptors import http_connections_max, raise_descriptor_limit
from node.explorer_part import explorer_of
from node.failpoints import Failpoints
from node.http.application import build_application
from node.http.body_room import BodyRoom
from node.http.chain_api import ChainApi
from node.http.chain_event_routes import chain_event_handlers
from node.http.chain_events import ChainEvents
from node.http.chain_routes import chain_handlers
from node.http.connections import ConnectionLimits, Room
from node.http.governance_routes import governance_handlers
from node.http.listeners import bind_all, bound_addresses, close_all
from node.http.operations import Health, Operations, health_of_chain, operations_handlers
from node.http.proof_routes import proof_handlers
from node.http.server import HttpServer
from node.http.snapshot_routes import snapshot_handlers
from node.keyring import Keyring
from node.metrics import NodeMetrics
from node.ports import Clock
from node.together import until_one_ends

INDEX_LAG_MAX: Final = 1_000
"""Blocks that the index may lack before health says so."""

log = structlog.get_logger(__name__)


class Node:
    """A node that is put together; `build_node` makes it."""

    def __init__(
        self,
        chain_part: ChainPart,
        coordinator: CoordinatorPart | None,
        side: HttpSide,
        metrics: NodeMetrics,
        clock: Clock,
        *,
        addresses: Sequence[ListenAddress],
    ) -> None:
        self.addresses = tuple(addresses)
        """Where the API is served; ports are those that were really taken."""
        self.chain = chain_part.chain
        """Reads, submissions, finality."""
        self._parts = chain_part
        self._coordinator = coordinator
        self._side = side
        self.coordinator_watch: CoordinatorWatch | None = None
        """How the coordinator does; None on a node without one."""
        self._metrics = metrics
        self._clock = clock
        self._server: HttpServer | None = None
        self._chain_events: ChainEvents | None = None
        self._driving: asyncio.Task[None] | None = None
        self._networking: asyncio.Task[None] | None = None
        self._coordinating: asyncio.Task[None] | None = None
        self._probing: asyncio.Task[None] | None = None

    def serve_with(self, server: HttpServer, chain_events: ChainEvents) -> None:
        """Take over the server of the application, which is built on this node, and its streams."""
        self._server, self._chain_events = server, chain_events

    async def start(self) -> None:
        """Set everything to work; requests are answered when it returns."""
        assert self._server is not None, "build_node gives the node its server"
        await self._parts.verifier.start()
        await self._parts.index_process.start()
        self._driving = asyncio.create_task(self._parts.driver.run(), name="driver")
        if self._parts.network:
            self._networking = asyncio.create_task(self._parts.network.run(), name="network")
            await self._parts.network.start()
        self._probing = asyncio.create_task(
            until_one_ends(self._metrics.probe_loop(), self._parts.watch.run()), name="watch"
        )
        if self._coordinator:
            services = self._coordinator.services
            await services.start()
            self._coordinating = asyncio.create_task(services.until_failure(), name="coordinator")
        await self._server.start()
        log.info(
            "node_started",
            chain_id=self.chain.chain_id,
            height=self.chain.head().height,
            addresses=[str(address) for address in self.addresses],
        )

    async def run_until(self, stop: asyncio.Event) -> None:
        """Return when `stop` is set.

        Raises:
            NodeFatal, StoreFailed: an invariant broke before that, or the coordinator's database
                failed; `stop()` has to be called all the same.
        """
        assert self._driving is not None, "start comes first"
        stopping = asyncio.create_task(stop.wait())
        parts = (self._driving, self._networking, self._coordinating)
        working = [task for task in parts if task]
        await asyncio.wait({stopping, *working}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        for task in working:
            if task.done():
                task.result()

    async def stop(self) -> None:
        """End everything in order; what was reported final is durable already."""
        if self._coordinator:
            self._coordinator.services.release_waiting()
        if self._chain_events:
            self._chain_events.close()
        if self._server:
            await self._server.stop()
        if self._coordinating:
            self._coordinating.cancel()
            await asyncio.gather(self._coordinating, return_exceptions=True)
        await self._side.limiter.close()
        if self._coordinator:
            await self._coordinator.services.stop()
        if self._parts.network:
            await self._parts.network.stop()
        if self._networking:
            self._networking.cancel()
            await asyncio.gather(self._networking, return_exceptions=True)
        self._parts.driver.stop()
        if self._driving:
            await asyncio.gather(self._driving, return_exceptions=True)
        if self._probing:
            self._probing.cancel()
        await self._parts.snapshots.stop()
        await self._parts.index_process.stop()
        await self._parts.verifier.stop()
        self._parts.close_databases()
        log.info("node_stopped", height=self.chain.head().height)

    def health(self) -> Mapping[str, Health]:
        """Return how the parts are, by the names of the reference documents."""
        return {
            "database": self._database_health(),
            "blockchain": health_of_chain(
                is_running=self._driving is not None and not self._driving.done(),
                last_ms=self.chain.head().timestamp_ms,
                now_ms=self._clock.wall_ms(),
                heartbeat_ms=self.chain.parameters().heartbeat_ms,
            ),
            # A node without a coordinator has no marketplace to offer.
            "marketplace": (
                self.coordinator_watch.health if self.coordinator_watch else Health.UNHEALTHY
            ),
            **self._limits_health(),
        }

    def _limits_health(self) -> Mapping[str, Health]:
        """Return how the storage of shared limits is; nothing where limits are this node's own."""
        limiter = self._side.limiter
        if not limiter.is_shared:
            return {}
        return {"rate_limits": Health.DEGRADED if limiter.is_degraded else Health.HEALTHY}

    def heights(self) -> tuple[int, int]:
        """Return the final and the indexed height."""
        return self.chain.head().height, self._parts.index_process.height

    @property
    def peer_addresses(self) -> tuple[str, ...]:
        """Where peers reach this node; ports are those that were really taken."""
        return self._parts.network.peers.addresses if self._parts.network else ()

    @property
    def index_lag(self) -> int:
        """Final blocks that the index has not reached yet."""
        return self._parts.index_process.lag_blocks

    def _database_health(self) -> Health:
        is_behind = self.index_lag > INDEX_LAG_MAX
        return Health.DEGRADED if self._parts.index_process.fault or is_behind else Health.HEALTHY


def build_node(
    config: NodeConfig,
    keys: Keyring,
    failpoints: Failpoints,
    *,
    clock: Clock,
    never_voted_in_epoch: Epoch | None = None,
    more_routes: Sequence[ControllerRouterHandler] = (),
) -> Node:
    """Open and check everything that a node needs, and connect it; nothing runs yet.

    Args:
        config: what it is told.
        keys: unlocked keys.
        failpoints: where tests end the process.
        clock: the machine's clocks.
        never_voted_in_epoch: the operator's word after a lost journal (S10).
        more_routes: served beside the node's own; a benchmark compares these with them.

    Raises:
        ConfigInvalid, GenesisError, KeyFileError: what was given cannot be used.
        AddressUnavailable: an address cannot be listened on.
        JournalError, StoreError, StateRootMismatch: the data folder cannot be used.
    """
    metrics = NodeMetrics()
    with ExitStack() as opened:
        sockets = bind_all(listen_addresses(config))
        opened.callback(close_all, sockets)
        chain_part = build_chain(
            config,
            keys,
            failpoints,
            opened,
            metrics=metrics,
            clock=clock,
            never_voted_in_epoch=never_voted_in_epoch,
        )
        coordinator = build_coordinator(config, keys, chain_part.chain, chain_part.index)
        if coordinator and chain_part.kept_blocks:
            follower = coordinator.services.core.follower
            chain_part.kept_blocks.wait_for(lambda: follower.followed)
        side = coordinator.side if coordinator else build_public_side(http_settings(config))
        addresses = bound_addresses(sockets)
        node = Node(chain_part, coordinator, side, metrics, clock, addresses=addresses)
        _observe(node, chain_part, metrics, clock)
        if coordinator:
            node.coordinator_watch = _watch_coordinator(coordinator, chain_part, metrics, clock)
        api = _chain_api(node, chain_part, config)
        chain_events = ChainEvents(chain_part.chain, chain_part.store.header_at)
        operations = Operations(config.environment, clock, node.health, node.heights, metrics)
        explorer = explorer_of(chain_part, clock)
        application = build_application(
            [
                *chain_handlers(api),
                *chain_event_handlers(api, chain_events),
                *governance_handlers(chain_part.chain, chain_part.index, chain_part.index_process),
                *snapshot_handlers(chain_part.snapshots),
                *proof_handlers(chain_part.chain, chain_part.prover),
                *operations_handlers(operations),
                *explorer.handlers,
                *more_routes,
            ],
            side,
            metrics,
            Proxies(trusted_networks(config), config.http.public_url),
            explorer.error_page,
        )
        node.serve_with(HttpServer(application, sockets, _room(config, metrics)), chain_events)
        opened.pop_all()
    return node


def _room(config: NodeConfig, metrics: NodeMetrics) -> Room:
    """Raise the limit of descriptors; return the room for connections, and show how full it is."""
    total = http_connections_max(config.http.connections_max, raise_descriptor_limit())
    room = Room(ConnectionLimits(total, trusted=trusted_networks(config)))
    metrics.gauge("aitbc_http_connections", "Open HTTP connections.", room.count)
    metrics.gauge("aitbc_http_connections_max", "HTTP connections that may be open.", lambda: total)
    metrics.gauge(
        "aitbc_http_connections_refused",
        "HTTP connections that found no room since the start.",
        lambda: room.refused,
    )
    return room


def _watch_coordinator(
    coordinator: CoordinatorPart, parts: ChainPart, metrics: NodeMetrics, clock: Clock
) -> CoordinatorWatch:
    """Return what says how the coordinator does, and show it."""
    chain = parts.chain
    watch = CoordinatorWatch(coordinator.services.condition, lambda: chain.head().height, clock)
    chain.on_final(lambda _parent, view: watch.on_final(view.header.height))
    for name, text, read in (
        (
            "aitbc_coordinator_followed_height",
            "Newest block whose effects the coordinator's tables hold.",
            lambda: watch.followed_height,
        ),
        (
            "aitbc_coordinator_lag_seconds",
            "How long the oldest final block has waited that they lack.",
            lambda: watch.lag_ms / 1_000,
        ),
        (
            "aitbc_coordinator_failing_workers",
            "Background work of the coordinator that failed, and has done nothing since.",
            lambda: len(watch.failing),
        ),
    ):
        metrics.gauge(name, text, read)
    return watch


def _chain_api(node: Node, parts: ChainPart, config: NodeConfig) -> ChainApi:
    """Return what the routes of the chain answer from."""
    return ChainApi(
        chain=parts.chain,
        pool=parts.pool,
        store=parts.store,
        index=parts.index_process,
        request_bytes_max=config.http.request_bytes_max,
        room=BodyRoom(config.http.request_bytes_max),
        report=parts.watch.report,
        coordinator=node.coordinator_watch,
    )


def _observe(node: Node, parts: ChainPart, metrics: NodeMetrics, clock: Clock) -> None:
    """Let final blocks wake the index and be measured, and show what changes by itself."""
    chain, pool, index = parts.chain, parts.pool, parts.index_process
    parts.watch.show(metrics)
    chain.on_final(lambda parent, view: metrics.observe_final(parent, view, clock))
    chain.on_final(lambda _parent, view: index.on_final(view.header.height))
    chain.on_final(parts.snapshots.on_final)
    for name, text, read in (
        ("aitbc_final_height", "Newest durable final block.", lambda: node.heights()[0]),
        ("aitbc_height", "Newest executed block.", lambda: chain.tree.head_view.header.height),
        ("aitbc_indexed_height", "Newest indexed block.", lambda: node.heights()[1]),
        ("aitbc_index_lag_blocks", "Final blocks not indexed yet.", lambda: node.index_lag),
        (
            "aitbc_index_lag_seconds",
            "How long the oldest of them has waited.",
            lambda: index.lag_ms / 1_000,
        ),
        ("aitbc_index_faulty", "Whether the index stands still.", lambda: bool(index.fault)),
        ("aitbc_index_restarts", "New starts of its process.", lambda: index.restarts),
        (
            "aitbc_rate_limits_alone",
            "Whether limits that nodes share are counted by this node alone.",
            lambda: node.health().get("rate_limits") is Health.DEGRADED,
        ),
        ("aitbc_pool_transactions", "Transactions in the pool.", lambda: len(pool)),
        ("aitbc_pool_bytes", "Bytes in the pool.", lambda: pool.bytes_total),
    ):
        metrics.gauge(name, text, read)

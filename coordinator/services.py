"""All services of one coordinator, and how they are put together."""

from dataclasses import dataclass

from coordinator.artifacts.service import ArtifactService
from coordinator.clients.service import ClientService
from coordinator.config import CoordinatorConfig
from coordinator.jobs.service import JobService
from coordinator.leases.service import LeaseService
from coordinator.miners.service import MinerService
from coordinator.ports import Chain
from coordinator.receipts.service import ReceiptService
from coordinator.registry.service import ServiceRegistry
from coordinator.stats.service import StatsService


@dataclass(frozen=True)
class Services:
    """What routes and pages are given."""

    jobs: JobService
    leases: LeaseService
    miners: MinerService
    receipts: ReceiptService
    clients: ClientService
    artifacts: ArtifactService
    registry: ServiceRegistry
    stats: StatsService

    async def start(self) -> None:
        """Catch up with the chain, then run the background workers until `stop`."""
        raise NotImplementedError

    async def stop(self) -> None:
        """End the workers and close the database; what was begun is durable."""
        raise NotImplementedError


def build_services(config: CoordinatorConfig, chain: Chain, index: object) -> Services:
    """Open the database and build the services; `Services.start` sets them to work.

    Args:
        config: settings and keys.
        chain: the node.
        index: the index reader (`ledger.store.IndexReader`).
    """
    raise NotImplementedError

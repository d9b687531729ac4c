"""Numbers about the network."""

from coordinator.stats.model import NetworkStats


class StatsService:
    """Counts for `/v1/stats` and `/explorer/stats`."""

    async def network(self) -> NetworkStats:
        """Return the counts as of the newest block that the coordinator followed."""
        raise NotImplementedError

"""Numbers about the network."""

from coordinator.stats.model import NetworkStats
from coordinator.stats.service import StatsService

__all__ = ["NetworkStats", "StatsService"]

"""Numbers about the network, the marketplace and its miners.

The types of the slice. Its service stands on parts that need these types themselves, and is
exported by `coordinator.services`.
"""

from coordinator.stats.model import MarketStats, MinerStats, NetworkStats, ServiceRecord
from coordinator.stats.reputation import MICRO, Weights, day_of

__all__ = [
    "MICRO",
    "MarketStats",
    "MinerStats",
    "NetworkStats",
    "ServiceRecord",
    "Weights",
    "day_of",
]

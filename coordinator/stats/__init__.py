"""Numbers about the network, the marketplace and its miners.

The types of the slice. Its service stands on parts that need these types themselves, and is
exported by `coordinator.services`.
"""

from coordinator.stats.model import MarketStats, MinerStats, NetworkStats, ServiceRecord

__all__ = ["MarketStats", "MinerStats", "NetworkStats", "ServiceRecord"]

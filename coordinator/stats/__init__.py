"""Numbers about the network.

The types of the slice. Its service stands on parts that need these types themselves, and is
exported by `coordinator.services`.
"""

from coordinator.stats.model import NetworkStats

__all__ = ["NetworkStats"]

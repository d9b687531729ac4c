"""Miners: registration, capabilities, reading.

The types of the slice. Its service stands on parts that need these types themselves, and is
exported by `coordinator.services`.
"""

from coordinator.miners.model import Challenge, MinerRegistration, MinerView, OwnKey

__all__ = ["Challenge", "MinerRegistration", "MinerView", "OwnKey"]

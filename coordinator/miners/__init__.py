"""Miners: registration, capabilities, reading."""

from coordinator.miners.model import Challenge, MinerRegistration, MinerView, OwnKey
from coordinator.miners.service import MinerService

__all__ = ["Challenge", "MinerRegistration", "MinerService", "MinerView", "OwnKey"]

"""Services that jobs may ask for."""

from coordinator.registry.model import ServiceDefinition
from coordinator.registry.service import ServiceRegistry

__all__ = ["ServiceDefinition", "ServiceRegistry"]

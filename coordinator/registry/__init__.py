"""Services that jobs may ask for."""

from coordinator.registry.inputs import InputNote, Verdict, pointer_of
from coordinator.registry.model import HardwareRequirement, ServiceDefinition
from coordinator.registry.service import ServiceRegistry, service_id

__all__ = [
    "HardwareRequirement",
    "InputNote",
    "ServiceDefinition",
    "ServiceRegistry",
    "Verdict",
    "pointer_of",
    "service_id",
]

"""Services that jobs may ask for."""

from coordinator.registry.bounds import VALUES_MAX, has_too_many_values
from coordinator.registry.inputs import InputNote, Verdict, pointer_of
from coordinator.registry.model import HardwareRequirement, ServiceDefinition
from coordinator.registry.service import ServiceRegistry, service_id

__all__ = [
    "VALUES_MAX",
    "HardwareRequirement",
    "InputNote",
    "ServiceDefinition",
    "ServiceRegistry",
    "Verdict",
    "has_too_many_values",
    "pointer_of",
    "service_id",
]

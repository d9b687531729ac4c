"""The services that this coordinator knows."""

from collections.abc import Sequence

from coordinator.registry.model import ServiceDefinition


class ServiceRegistry:
    """Lookup of service definitions; immutable."""

    def get(self, service_id: str) -> ServiceDefinition:
        """Return a service by id.

        Raises:
            ServiceNotFound: no such service.
        """
        raise NotImplementedError

    def all(self) -> Sequence[ServiceDefinition]:
        """Return all services, by id."""
        raise NotImplementedError

"""The services that this coordinator knows."""

from collections.abc import Sequence

from coordinator.errors import ServiceNotFound
from coordinator.registry.definitions import DEFINITIONS
from coordinator.registry.model import ServiceDefinition


class ServiceRegistry:
    """Lookup of service definitions; immutable."""

    def __init__(self, definitions: Sequence[ServiceDefinition] = DEFINITIONS) -> None:
        """Know these services, which have distinct ids."""
        self._by_id = {definition.service_id: definition for definition in definitions}

    def get(self, service_id: str) -> ServiceDefinition:
        """Return a service by id.

        Raises:
            ServiceNotFound: no such service.
        """
        definition = self._by_id.get(service_id)
        if definition is None:
            raise ServiceNotFound
        return definition

    def knows(self, service_id: str) -> bool:
        """Return whether there is a service of this id."""
        return service_id in self._by_id

    def all(self) -> Sequence[ServiceDefinition]:
        """Return all services, by id."""
        return tuple(self._by_id[service_id] for service_id in sorted(self._by_id))

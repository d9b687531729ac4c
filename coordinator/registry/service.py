"""The services that this coordinator knows."""

from collections.abc import Sequence

from coordinator.errors import ServiceNotFound
from coordinator.registry.definitions import DEFINITIONS
from coordinator.registry.inputs import InputSchema, Verdict, load_schema
from coordinator.registry.model import ServiceDefinition
from coordinator.values import JsonValue

_ALIASES = {"ai_inference": "llm_inference"}
"""Other names of services (S1), with underscores."""


def service_id(name: str) -> str:
    """Return the registry's spelling of a service's name: hyphens count as underscores (S1)."""
    plain = name.replace("-", "_")
    return _ALIASES.get(plain, plain)


class ServiceRegistry:
    """Lookup of service definitions and of the schemas of their inputs; immutable."""

    def __init__(self, definitions: Sequence[ServiceDefinition] = DEFINITIONS) -> None:
        """Know these services, which have distinct ids and schemas in this package."""
        self._by_id = {definition.service_id: definition for definition in definitions}
        self._schemas = {
            definition.service_id: InputSchema(load_schema(definition))
            for definition in definitions
        }

    def get(self, service_id: str) -> ServiceDefinition:
        """Return a service by id.

        Raises:
            ServiceNotFound: no such service.
        """
        definition = self._by_id.get(service_id)
        if definition is None:
            raise ServiceNotFound
        return definition

    def named(self, name: str) -> ServiceDefinition:
        """Return a service by any spelling of its id (S1).

        Raises:
            ServiceNotFound: no such service.
        """
        return self.get(service_id(name))

    def knows(self, service_id: str) -> bool:
        """Return whether there is a service of this id."""
        return service_id in self._by_id

    def all(self) -> Sequence[ServiceDefinition]:
        """Return all services, by id."""
        return tuple(self._by_id[service_id] for service_id in sorted(self._by_id))

    def find(self, *, category: str | None = None, search: str = "") -> list[ServiceDefinition]:
        """Return the services of a category that have all words of a search, by id (S5)."""
        return [
            definition
            for definition in self.all()
            if category in (None, definition.category) and definition.has_words(search)
        ]

    def categories(self) -> Sequence[str]:
        """Return the categories that services are in, in alphabetical order."""
        return sorted({definition.category for definition in self._by_id.values()})

    def schema(self, service_id: str) -> dict[str, JsonValue]:
        """Return the JSON Schema of a service's input.

        Raises:
            ServiceNotFound: no such service.
        """
        return self._schemas[self.get(service_id).service_id].document

    def check_input(self, service_id: str, document: dict[str, JsonValue]) -> Verdict:
        """Hold an input against the service's schema.

        Args:
            service_id: the service.
            document: its input, parameters and model as one flat object.

        Raises:
            ServiceNotFound: no such service.
        """
        return self._schemas[self.get(service_id).service_id].check(document)

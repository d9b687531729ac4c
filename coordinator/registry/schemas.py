"""Types on the wire of the service registry, the same in every version (S5)."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from coordinator.http.money import format_text
from coordinator.registry.inputs import InputNote, Verdict
from coordinator.registry.model import ServiceDefinition
from coordinator.values import JsonValue
from coordinator.wire import AnyJson, Body, MoneyText, View


class Requirement(View, kw_only=True, frozen=True):
    """What a machine needs of one component."""

    component: str
    """Such as `gpu_memory`."""
    min: int
    """Least amount that the service runs with; 0 where it runs without."""
    recommended: int
    """Amount with which it runs as its users expect."""
    unit: str
    """What the amounts count."""


class ServicePricing(View, kw_only=True, frozen=True):
    """What a job costs where neither its client nor its miner says."""

    currency: str
    """Always AITBC."""
    price: MoneyText
    """AITBC a job, where the miner asks no other price."""
    max_price: MoneyText
    """AITBC that are locked for a job that names no ceiling; the rest comes back."""


class ServiceSummary(View, kw_only=True, frozen=True):
    """A service, without its input's schema."""

    id: str
    """Its id, as jobs name it; hyphens are taken for underscores."""
    name: str
    """Its name, for people."""
    category: str
    """Group that it is in."""
    description: str
    """What it does."""
    version: str
    """Version of its input's schema."""
    tags: list[str]
    """Words under which it is found."""
    requirements: list[Requirement]
    """What a miner's machine needs."""
    pricing: ServicePricing
    """What a job costs."""
    timeout_seconds: int
    """Longest attempt of a miner that sends no heartbeats."""


class ServiceView(ServiceSummary, kw_only=True, frozen=True):
    """A service."""

    input_schema: Mapping[str, AnyJson]
    """JSON Schema (2020-12) of its input, parameters and model, as one flat object."""


class ServiceList(View, kw_only=True, frozen=True):
    """Services, by id."""

    services: list[ServiceSummary]
    """The services."""
    total: int
    """How many there are."""


class ServiceRequirements(View, kw_only=True, frozen=True):
    """What a miner's machine needs to offer a service."""

    service_id: str
    """The service."""
    requirements: list[Requirement]
    """One for each component."""


class ValidationRequest(Body, kw_only=True, frozen=True):
    """An input to be held against a service's schema."""

    service_id: Annotated[str, Meta(max_length=64)]
    """The service."""
    request_data: dict[str, AnyJson]
    """The input, parameters and model, as one flat object."""


class ValidationNote(View, kw_only=True, frozen=True):
    """One thing about an input."""

    path: str
    """JSON pointer into `request_data`; empty for all of it."""
    code: str
    """Stable code."""
    message: str
    """What is wrong, and how to mend it."""


class ValidationAnswer(View, kw_only=True, frozen=True):
    """Whether an input is one that the service takes."""

    valid: bool
    """Whether there are no errors."""
    errors: list[ValidationNote]
    """What is wrong."""
    warnings: list[ValidationNote]
    """What the service does not define; it is passed on to the miner."""


def service_summary(service: ServiceDefinition) -> ServiceSummary:
    """Return a service without its schema."""
    return ServiceSummary(
        id=service.service_id,
        name=service.name,
        category=service.category,
        description=service.description,
        version=service.version,
        tags=list(service.tags),
        requirements=_requirements(service),
        pricing=ServicePricing(
            currency="AITBC",
            price=format_text(service.default_price),
            max_price=format_text(service.default_max_price),
        ),
        timeout_seconds=service.attempt_s,
    )


def service_view(service: ServiceDefinition, schema: dict[str, JsonValue]) -> ServiceView:
    """Return a service with its schema."""
    summary = msgspec.structs.asdict(service_summary(service))
    return ServiceView(**summary, input_schema=schema)


def requirements_view(service: ServiceDefinition) -> ServiceRequirements:
    """Return what a service needs."""
    return ServiceRequirements(service_id=service.service_id, requirements=_requirements(service))


def validation_answer(verdict: Verdict) -> ValidationAnswer:
    """Return what a schema says of an input."""
    return ValidationAnswer(
        valid=not verdict.faults,
        errors=[_note(note) for note in verdict.faults],
        warnings=[_note(note) for note in verdict.warnings],
    )


def _requirements(service: ServiceDefinition) -> list[Requirement]:
    return [
        Requirement(
            component=item.component,
            min=item.minimum,
            recommended=item.recommended,
            unit=item.unit,
        )
        for item in service.requirements
    ]


def _note(note: InputNote) -> ValidationNote:
    return ValidationNote(path=note.pointer, code=note.code, message=note.message)

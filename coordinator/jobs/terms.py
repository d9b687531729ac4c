"""From a specification to what the chain is asked to lock."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from coordinator.errors import FieldFault, InvalidJobType, InvalidRequest, TooLarge
from coordinator.jobs.documents import payload_bytes
from coordinator.jobs.model import TTL_S_MAX, JobSpec
from coordinator.registry import (
    VALUES_MAX,
    InputNote,
    ServiceDefinition,
    ServiceRegistry,
    has_too_many_values,
    pointer_of,
)
from coordinator.values import ApiVersion
from ledger.types import SUPPLY_MAX, Amount, DurationMs, TimestampMs

_MODEL: Final = re.compile(r"\A[A-Za-z0-9._:/+-]{0,64}\Z")

TEXT_LENGTH_MAX: Final = 64
"""Longest shown type, in characters."""

LABEL_LENGTH_MAX: Final = 200
"""Longest label, in characters."""


PYTHON: Final = "python"
"""The service of programs."""

_INPUT_PLACES: Final[Mapping[ApiVersion, tuple[str, str, str]]] = {
    "2024-01-01": ("/input", "/input/params", "/model"),
    "2026-01-24": ("", "/params", "/model"),
    "2026-05-11": ("/payload", "/payload/parameters", "/payload/model"),
}
"""Where input, parameters and model stand in each version's body."""

_PROGRAM_PLACES: Final[Mapping[str, str]] = {
    "name": "/name",
    "entrypoint": "/model/entrypoint",
    "requirements": "/model/requirements",
    "source": "/model/source",
    "artifact": "/model/artifact",
    "input": "/input",
    "output": "/output",
}
"""Where the members of a program's input stand in a body of version 2024-01-01 (S4)."""


def checked(registry: ServiceRegistry, spec: JobSpec) -> tuple[JobSpec, ServiceDefinition]:
    """Return a specification that holds to its service's schema, and the service.

    Raises:
        InvalidJobType: this coordinator has no such service (S1).
        InvalidRequest: a field is outside its limit, or the input is not the service's.
    """
    service = service_of(registry, spec)
    check_spec(spec)
    check_input(registry, spec)
    return _with_program(spec) if spec.service == PYTHON else spec, service


def check_input(registry: ServiceRegistry, spec: JobSpec) -> None:
    """Hold input, parameters and model against the service's JSON Schema.

    Raises:
        InvalidRequest: they are not what it describes; names each fault at its place in the body.
    """
    document = spec.params | spec.input | ({"model": spec.model} if spec.model else {})
    faults = tuple(
        FieldFault(_place_of(spec, note), note.code, note.message)
        for note in registry.check_input(spec.service, document).faults
    )
    if faults:
        raise InvalidRequest(f"{faults[0].pointer or 'the body'}: {faults[0].message}", faults)


def _place_of(spec: JobSpec, note: InputNote) -> str:
    """Return the pointer into the client's body of what the schema found in the flat input."""
    in_input, in_params, in_model = _INPUT_PLACES[spec.api_version]
    first, rest = note.path[:1], pointer_of(note.path[1:])
    if first == ("model",) and "model" not in spec.input:
        return in_model + rest
    if first and first[0] in spec.params and first[0] not in spec.input:
        return in_params + note.pointer
    if first and spec.service == PYTHON and spec.api_version == "2024-01-01":
        return _PROGRAM_PLACES.get(first[0], in_input + note.pointer) + rest
    return in_input + note.pointer


def _with_program(spec: JobSpec) -> JobSpec:
    """Return the specification with what a miner is chosen by: program and packages (S4)."""
    given = spec.input
    name, entrypoint = given.get("name", ""), given["entrypoint"]
    is_own = "source" in given or "artifact" in given
    asked = given.get("requirements", [])
    assert isinstance(asked, list), "the schema has it so"
    return replace(
        spec,
        program="" if is_own else f"{name}/{entrypoint}",
        requirements=tuple(str(requirement) for requirement in asked),
    )


def service_of(registry: ServiceRegistry, spec: JobSpec) -> ServiceDefinition:
    """Return the service that a job asks for.

    Raises:
        InvalidJobType: this coordinator has no such service (S1).
    """
    if not registry.knows(spec.service):
        known = ", ".join(service.service_id for service in registry.all())
        raise InvalidJobType.at(
            "/payload/service" if spec.api_version == "2026-05-11" else "/type",
            f"is no service; known are: {known}",
            "UNKNOWN_SERVICE",
        )
    return registry.get(spec.service)


def check_spec(spec: JobSpec) -> None:
    """Check the limits of a specification, whatever API version it came from.

    Raises:
        InvalidRequest: a field is outside its limit.
    """
    if not 1 <= spec.ttl_s <= TTL_S_MAX:
        raise InvalidRequest.at("/ttl_seconds", f"must be 1 … {TTL_S_MAX}", "OUT_OF_RANGE")
    if not _MODEL.match(spec.model):
        message = "must be at most 64 characters of A-Z a-z 0-9 . _ : / + -"
        pointer = "/payload/model" if spec.api_version == "2026-05-11" else "/model"
        raise InvalidRequest.at(pointer, message, "INVALID_MODEL_NAME")
    if len(spec.label) > LABEL_LENGTH_MAX:
        raise InvalidRequest.at("/name", f"at most {LABEL_LENGTH_MAX} characters", "TOO_LONG")
    if len(spec.shown_type) > TEXT_LENGTH_MAX:
        raise InvalidRequest.at("/type", f"at most {TEXT_LENGTH_MAX} characters", "TOO_LONG")
    if spec.max_price is not None and not 1 <= spec.max_price <= SUPPLY_MAX:
        message = "must be above 0 and below the supply"
        raise InvalidRequest.at("/payment_amount", message, "OUT_OF_RANGE")


def price_of(spec: JobSpec, service: ServiceDefinition) -> Amount:
    """Return the nait to lock: the client's ceiling, else the service's default (P1)."""
    return service.default_max_price if spec.max_price is None else spec.max_price


def bounded_payload(spec: JobSpec, bytes_max: int) -> bytes:
    """Return the payload.

    Raises:
        TooLarge: it is longer than `bytes_max`, or has more than `VALUES_MAX` values.
        InvalidRequest: it is not canonical JSON's to carry.
    """
    # Counted first: to write a megabyte of small values takes long, and others wait for it.
    if has_too_many_values([spec.input, spec.params]):
        raise TooLarge(
            f"The input has more than {VALUES_MAX} values: upload larger inputs as artifacts"
        )
    payload = payload_bytes(spec)
    if len(payload) > bytes_max:
        raise TooLarge(
            f"The input has {len(payload)} bytes, at most {bytes_max} are taken: "
            "upload larger inputs as artifacts"
        )
    return payload


def deadline_of(requested_ms: TimestampMs, spec: JobSpec) -> TimestampMs:
    """Return `expires_at`: the request's time + ttl, exactly (J5)."""
    return requested_ms + spec.ttl_s * 1_000


def window_of(spec: JobSpec, most_ms: DurationMs) -> DurationMs:
    """Return the dispute window that a job asks for (J4).

    Raises:
        InvalidRequest: it is longer than the chain allows.
    """
    window_ms = spec.dispute_window_s * 1_000
    if window_ms > most_ms:
        message = f"must be at most {most_ms // 1_000}, as the chain's parameters are"
        raise InvalidRequest.at("/dispute_window_seconds", message, "OUT_OF_RANGE")
    return window_ms

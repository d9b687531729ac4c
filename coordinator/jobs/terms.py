"""From a specification to what the chain is asked to lock."""

import re
from typing import Final

from coordinator.errors import InvalidJobType, InvalidRequest, TooLarge
from coordinator.jobs.documents import payload_bytes
from coordinator.jobs.model import TTL_S_MAX, JobSpec
from coordinator.registry import ServiceDefinition, ServiceRegistry
from ledger.types import SUPPLY_MAX, Amount, TimestampMs

_MODEL: Final = re.compile(r"\A[A-Za-z0-9._:/+-]{0,64}\Z")

TEXT_LENGTH_MAX: Final = 64
"""Longest shown type, in characters."""

LABEL_LENGTH_MAX: Final = 200
"""Longest label, in characters."""


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
        TooLarge: it is longer than `bytes_max`.
        InvalidRequest: it is not canonical JSON's to carry.
    """
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

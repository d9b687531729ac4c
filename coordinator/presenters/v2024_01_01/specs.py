"""From bodies of version 2024-01-01 to the one `JobSpec` (S1, S4 and S6)."""

from collections.abc import Mapping
from typing import Final

from coordinator.errors import FieldFault, InvalidJobType
from coordinator.http.bodies import plain_object, typed
from coordinator.http.faults import FieldInvalid
from coordinator.jobs import MODEL_DEFAULT, JobSpec
from coordinator.presenters.specs import (
    LLM,
    PYTHON,
    amount_at,
    gpus_at,
    llm_params,
    mib_at,
    millicores_at,
    offer_at,
)
from coordinator.presenters.v2024_01_01.types import JobRequest, Program, Resources
from coordinator.registry import service_id
from coordinator.values import ApiVersion, JsonValue

VERSION: Final[ApiVersion] = "2024-01-01"

_AI_INFERENCE: Final = "ai_inference"
"""The document's type of whatever has a model; the model tells the service (S1)."""


def spec_of(body: Mapping[str, object]) -> JobSpec:
    """Return the specification of a job of any service.

    Raises:
        FieldInvalid: the body is not this version's.
        InvalidJobType: it names no service.
    """
    request = typed(body, JobRequest)
    service = _service(request)
    params, warnings = _params(service, request)
    price, resources = request.pricing.max_cost, request.resources
    return JobSpec(
        service=service,
        api_version=VERSION,
        model=_model(service, request),
        input=_program(request) if service == PYTHON else _input(request),
        params=params,
        label=request.name,
        shown_type=request.type,
        max_price=None if price is None else amount_at(price, "/pricing/max_cost"),
        ttl_s=request.ttl_seconds,
        hold=request.hold,
        offer_id=offer_at(request.offer_id),
        dispute_window_s=request.dispute_window_seconds,
        gpu_count=0 if resources.gpu is None else gpus_at(resources.gpu, "/resources/gpu"),
        cpu_millicores=0
        if resources.cpu is None
        else millicores_at(resources.cpu, "/resources/cpu"),
        memory_mib=0 if resources.memory is None else mib_at(resources.memory, "/resources/memory"),
        warnings=(*warnings, *_unused(resources)),
    )


def _unused(resources: Resources) -> list[str]:
    """Return warnings of what a body asks of a machine and miners do not declare."""
    asked = {"cpu": resources.cpu, "memory": resources.memory}
    return [
        f"/resources/{name} chooses no miner: miners do not declare it"
        for name, value in asked.items()
        if value is not None
    ]


def _service(request: JobRequest) -> str:
    """Return the service that a type and a model name (S1)."""
    if request.type.replace("-", "_") != _AI_INFERENCE:
        return service_id(request.type)
    if isinstance(request.model, Program):
        if request.model.type != PYTHON:
            raise _no_service("/model/type", f"must be {PYTHON}, or `model` a model's name")
        return PYTHON
    if request.model is None and "prompt" not in request.input:
        raise _no_service("/model", f"name a model, or give a program, or a prompt for {LLM}")
    return LLM


def _no_service(pointer: str, message: str) -> InvalidJobType:
    return InvalidJobType(f"{pointer}: {message}", (FieldFault(pointer, "REQUIRED", message),))


def _model(service: str, request: JobRequest) -> str:
    """Return the model that is asked for; programs are no models."""
    model = request.model
    if service == PYTHON:
        if isinstance(model, str):
            raise FieldInvalid("/model", "is an object with `entrypoint` for a program")
        return ""
    if isinstance(model, Program):
        raise FieldInvalid("/model", f"is the name of a model for {service}")
    return model or (MODEL_DEFAULT if service == LLM else "")


def _params(service: str, request: JobRequest) -> tuple[dict[str, JsonValue], tuple[str, ...]]:
    given = typed(request.input.get("params", {}), dict[str, object], "/input/params")
    if service == LLM:
        typed(request.input.get("prompt", ""), str, "/input/prompt")
        return llm_params(given, "/input/params")
    return plain_object(given, "/input/params"), ()


def _input(request: JobRequest) -> dict[str, JsonValue]:
    given = {name: value for name, value in request.input.items() if name != "params"}
    return plain_object(given, "/input")


def _program(request: JobRequest) -> dict[str, JsonValue]:
    """Return what the Python runner is given: the program, and its own input."""
    program: dict[str, JsonValue] = {"name": request.name} if request.name else {}
    if isinstance(request.model, Program):
        model = request.model
        members = {"entrypoint": model.entrypoint, "source": model.source}
        members |= {"artifact": model.artifact}
        program |= {name: value for name, value in members.items() if value is not None}
        program["requirements"] = list(model.requirements)
    program["input"] = _input(request)
    if request.output.type is not None:
        program["output"] = {"type": request.output.type}
    return program

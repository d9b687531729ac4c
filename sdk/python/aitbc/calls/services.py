"""Services: the registry of them, and orders, each of which makes a job."""

from collections.abc import Mapping
from typing import Final

from aitbc.answers import NewJob, Service, Validation
from aitbc.calls.jobs_2024 import API_VERSION
from aitbc.calls.ordering import ordering
from aitbc.exchange import Flow, Request, Session, ask, segment
from aitbc.json_values import Answer, JsonValue, typed_list

_REGISTRY: Final = "/v1/registry/services"


def list_services(
    session: Session, *, category: str | None = None, search: str | None = None
) -> Flow[list[Service]]:
    """Return the services that jobs may ask for, by id.

    Args:
        session: the client's.
        category: only those of it: ``ai_ml``, ``media_processing`` or ``scientific_computing``.
        search: only those with all of these words in id, name, description or a tag.
    """
    params = {name: text for name, text in (("category", category), ("search", search)) if text}
    page = yield from ask(session, Request("GET", _REGISTRY, params=params), Answer)
    return typed_list(page["services"], Service)


def get_service(session: Session, service_id: str) -> Flow[Service]:
    """Return a service with the JSON Schema of its input."""
    return (yield from ask(session, Request("GET", f"{_REGISTRY}/{segment(service_id)}"), Service))


def get_schema(session: Session, service_id: str) -> Flow[Answer]:
    """Return the JSON Schema of a service's input."""
    request = Request("GET", f"{_REGISTRY}/{segment(service_id)}/schema")
    return (yield from ask(session, request, Answer))


def get_requirements(session: Session, service_id: str) -> Flow[Answer]:
    """Return what a miner's machine needs to offer a service."""
    request = Request("GET", f"{_REGISTRY}/{segment(service_id)}/requirements")
    return (yield from ask(session, request, Answer))


def validate(
    session: Session, service_id: str, request_data: Mapping[str, JsonValue]
) -> Flow[Validation]:
    """Return whether an input is one that a service takes; one that is not is no error here."""
    body: dict[str, JsonValue] = {"service_id": service_id, "request_data": request_data}
    request = Request("POST", f"{_REGISTRY}/validate", json=body, repeatable=True)
    return (yield from ask(session, request, Validation))


def whisper_transcribe(
    session: Session,
    request: Mapping[str, JsonValue],
    *,
    strict: bool = False,
    wait_s: int = 0,
    idempotency_key: str | None = None,
) -> Flow[NewJob]:
    """Order the transcription of audio: ``audio_url``, ``model``, ``language``, ``task``."""
    return (
        yield from _order(
            session, "whisper/transcribe", request, idempotency_key, strict=strict, wait_s=wait_s
        )
    )


def stable_diffusion_generate(
    session: Session,
    request: Mapping[str, JsonValue],
    *,
    strict: bool = False,
    wait_s: int = 0,
    idempotency_key: str | None = None,
) -> Flow[NewJob]:
    """Order images: ``prompt``, ``model``, ``size``, ``num_images``, ``steps``."""
    return (
        yield from _order(
            session,
            "stable-diffusion/generate",
            request,
            idempotency_key,
            strict=strict,
            wait_s=wait_s,
        )
    )


def llm_inference(
    session: Session,
    request: Mapping[str, JsonValue],
    *,
    strict: bool = False,
    wait_s: int = 0,
    idempotency_key: str | None = None,
) -> Flow[NewJob]:
    """Order text: ``model``, ``prompt``, ``max_tokens``, ``temperature``."""
    return (
        yield from _order(
            session, "llm/inference", request, idempotency_key, strict=strict, wait_s=wait_s
        )
    )


def ffmpeg_transcode(
    session: Session,
    request: Mapping[str, JsonValue],
    *,
    strict: bool = False,
    wait_s: int = 0,
    idempotency_key: str | None = None,
) -> Flow[NewJob]:
    """Order a video's conversion: ``input_url``, ``output_format``, ``codec``, ``resolution``."""
    return (
        yield from _order(
            session, "ffmpeg/transcode", request, idempotency_key, strict=strict, wait_s=wait_s
        )
    )


def blender_render(
    session: Session,
    request: Mapping[str, JsonValue],
    *,
    strict: bool = False,
    wait_s: int = 0,
    idempotency_key: str | None = None,
) -> Flow[NewJob]:
    """Order a rendering: ``blend_file_url``, ``engine``, ``resolution_x``, ``samples``."""
    return (
        yield from _order(
            session, "blender/render", request, idempotency_key, strict=strict, wait_s=wait_s
        )
    )


def _order(
    session: Session,
    path: str,
    body: Mapping[str, JsonValue],
    idempotency_key: str | None,
    *,
    strict: bool,
    wait_s: int,
) -> Flow[NewJob]:
    """Order a job of a service; see `aitbc.calls.ordering`."""
    request = ordering(
        session,
        f"/v1/services/{path}",
        body,
        idempotency_key=idempotency_key,
        strict=strict,
        wait_s=wait_s,
        headers={"AITBC-Version": API_VERSION},
    )
    return (yield from ask(session, request, NewJob))

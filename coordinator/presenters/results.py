"""Texts that several versions show: of results, of prompts, of signatures (J3)."""

import base64

import msgspec

from coordinator.jobs import ArtifactRef, JobSpec, ResultView
from coordinator.values import JsonValue

_ENCODER = msgspec.json.Encoder()


def compact_json(value: JsonValue) -> str:
    """Return JSON without spaces."""
    return _ENCODER.encode(value).decode()


def output_text(result: ResultView) -> str:
    """Return a result as one string: its text, else compact JSON of what it has (J3)."""
    if result.text is not None:
        return result.text
    if result.json is not None or not result.artifacts:
        return compact_json(result.json)
    return compact_json({"artifacts": artifact_list(result.artifacts)})


def result_metadata(result: ResultView) -> dict[str, JsonValue]:
    """Return a result's metadata, with its structured part and its artifacts (J3)."""
    metadata = dict(result.metadata)
    if result.json is not None:
        metadata["json"] = result.json
    if result.artifacts:
        metadata["artifacts"] = artifact_list(result.artifacts)
    return metadata


def artifact_list(artifacts: tuple[ArtifactRef, ...]) -> list[JsonValue]:
    """Return artifacts as JSON."""
    return [
        {
            "artifact": artifact.artifact,
            "size": artifact.size,
            "name": artifact.name,
            "media_type": artifact.media_type,
        }
        for artifact in artifacts
    ]


def prompt_text(spec: JobSpec) -> str | None:
    """Return a job's prompt, compact JSON of its input where there is none, None if deleted."""
    prompt = spec.input.get("prompt")
    if isinstance(prompt, str):
        return prompt
    return compact_json(dict(spec.input)) if spec.input else None


def base64_text(data: bytes) -> str:
    """Return base64 with its padding, as the oldest version shows bytes."""
    return base64.b64encode(data).decode()


def base64url(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

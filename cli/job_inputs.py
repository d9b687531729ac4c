"""What a job's input is, from the options of a command."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from aitbc import Client, JsonValue
from cli.exits import CommandFailed

LLM_SERVICE: Final = "llm_inference"


def payload_of(
    prompt: str | None, model: str | None, service: str, fields: Sequence[str]
) -> dict[str, JsonValue]:
    """Return the payload that a prompt and fields ``NAME=VALUE`` describe.

    Raises:
        CommandFailed: a language model has no prompt, or a field is no pair.
    """
    if service == LLM_SERVICE and prompt is None:
        raise CommandFailed('a language model needs a prompt: aitbc job submit "…"')
    payload: dict[str, JsonValue] = {"service": service}
    payload |= {name: value_of(text) for name, text in pairs_of("--field", fields)}
    if prompt is not None:
        payload["prompt"] = prompt
    if model is not None:
        payload["model"] = model
    return payload


def parameters_of(texts: Sequence[str]) -> dict[str, JsonValue]:
    """Return the member of a payload that parameters ``NAME=VALUE`` make; nothing without any.

    Raises:
        CommandFailed: one is no ``NAME=VALUE``.
    """
    found = {name: value_of(text) for name, text in pairs_of("--parameter", texts)}
    return {"parameters": found} if found else {}


def pairs_of(option: str, texts: Sequence[str]) -> list[tuple[str, str]]:
    """Return names and values of an option that is repeated.

    Raises:
        CommandFailed: one is no ``NAME=VALUE``.
    """
    pairs = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise CommandFailed(f"{option} {text}: must be NAME=VALUE")
        pairs.append((name, value))
    return pairs


def value_of(text: str) -> JsonValue:
    """Return the number, flag or null that a text is in JSON, else the text."""
    try:
        value: JsonValue = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, int | float | None) else text


def uploaded(client: Client, path: Path) -> str:
    """Upload a file and return its name.

    Raises:
        CommandFailed: it cannot be read.
    """
    try:
        return client.upload_artifact(path)
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read: {error.strerror}") from None


def named(path: Path) -> str:
    """Return the name that a file gets when it is uploaded; nothing is sent.

    Raises:
        CommandFailed: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read: {error.strerror}") from None

"""What document 000 (version 2024-01-01) prints, for the tests of it."""

from collections.abc import Mapping
from typing import Any

from tests.api.coverage import rows

VERSION = "2024-01-01"

EXPLICIT = {"AITBC-Version": VERSION}

TEXT: Mapping[str, Any] = {
    "name": "my-job",
    "type": "ai-inference",
    "model": "llama3.2",
    "input": {"prompt": "Explain quantum computing"},
}
"""A body that any miner of texts can serve."""


def printed_request(row: str) -> dict[str, Any]:
    """Return the body that the document prints for a row."""
    (found,) = (each for each in rows() if each["id"] == f"{VERSION}.000.{row}")
    body: dict[str, Any] = found["request"]["example"]
    return body


def printed_fields(row: str) -> set[str]:
    """Return the members of the answer that the document prints for a row."""
    (found,) = (each for each in rows() if each["id"] == f"{VERSION}.000.{row}")
    return {name for name in found["response_fields"] if "." not in name and "[" not in name}

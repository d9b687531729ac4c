"""Services: what may be asked for, with which input, and at what price.

Members that may be absent are declared with ``| None``.
"""

from typing import Any

from aitbc.json_values import Answer, Record


class Requirement(Record):
    """What a machine needs of one component."""

    component: str
    """Such as ``gpu_memory``."""
    min: int
    """Least amount that the service runs with."""
    recommended: int
    """Amount with which it runs as its users expect."""
    unit: str
    """What the amounts count."""


class Service(Answer):
    """A service; in lists without its schema."""

    id: str
    """Its id, as jobs name it."""
    name: str
    """Its name, for people."""
    category: str
    """ai_ml, media_processing or scientific_computing."""
    description: str
    """What it does."""
    version: str
    """Version of its input's schema."""
    tags: list[str]
    """Words under which it is found."""
    requirements: list[Requirement]
    """What a miner's machine needs."""
    pricing: dict[str, Any]
    """``currency``, ``price`` and ``max_price`` of a job."""
    timeout_seconds: int
    """Longest attempt of a miner that sends no heartbeats."""
    input_schema: dict[str, Any] | None
    """JSON Schema (2020-12) of its input."""


class Validation(Answer):
    """Whether an input is one that a service takes."""

    valid: bool
    """Whether there are no errors."""
    errors: list[dict[str, str]]
    """What is wrong, each with ``path``, ``code`` and ``message``."""
    warnings: list[dict[str, str]]
    """What the service does not define, likewise."""

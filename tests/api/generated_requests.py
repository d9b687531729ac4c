"""Requests that schemathesis generates from a version's OpenAPI document, made to hit something.

What a document allows is drawn by schemathesis; in place of half of the drawn ids stand those of
objects that exist, because no random text is the id of a job. Waits are cut short: how long
requests wait is tested elsewhere, and here thousands of them would.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import hypothesis
import schemathesis
from hypothesis import HealthCheck
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

ENDLESS: Final = "text/event-stream"
"""An answer of this type lasts until its job ends: it is asked for jobs that have ended."""

NOBODYS_MODEL: Final = "nobody-runs-this"
"""And of a model that makes no job."""

WITHOUT_END: Final = "/v1/chain/events"
"""Lasts until its reader goes, no answer of it is whole: tests/node/test_chain_events.py asks."""

WAITS: Final = ("wait", "wait_s")


@dataclass(frozen=True)
class Target:
    """A running node, and what is there to be asked for."""

    url: str
    """Base address."""
    ids: Mapping[str, tuple[str, ...]]
    """Ids of objects that exist, by the name of the parameter or member that takes them."""
    ended: tuple[str, ...]
    """Jobs that have ended."""
    bodies: Mapping[tuple[str, str], Mapping[str, Any]]
    """A body that is accepted, by version and operation: what is drawn rarely makes sense."""


def operations_of(document: dict[str, Any]) -> dict[str, Any]:
    """Return the operations of a document that end, by method and path."""
    config = SchemathesisConfig()
    config.projects.default.generation.update(with_security_parameters=False)
    schema = schemathesis.openapi.from_dict(document, config=config)
    schema.validate()
    found: dict[str, Any] = {}
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path != WITHOUT_END:
            found[operation.label] = operation
    return found


def _is_endless(operation: Mapping[str, Any]) -> bool:
    return any(ENDLESS in answer.get("content", {}) for answer in operation["responses"].values())


def check_operation(operation: Any, version: str, target: Target, examples: int) -> None:
    """Ask an operation for many things, right and wrong, and check every answer.

    Raises:
        AssertionError: an answer with 5xx, of an undeclared status or type, or of another shape.
    """
    is_endless = _is_endless(operation.definition.raw)
    ids = {**target.ids, "job_id": target.ended} if is_endless else target.ids
    strategies = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]

    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.given(case=st.one_of(strategies), chance=st.integers(0, 2**16))
    def ask(case: Any, chance: int) -> None:
        body = target.bodies.get((version, operation.label))
        if body is not None and isinstance(case.body, dict) and chance % 2:
            case.body = {**case.body, **body}
        for members in (case.path_parameters, case.query, case.body):
            if isinstance(members, dict):
                _aim(members, ids, chance)
                _shorten(members)
        if is_endless and isinstance(case.body, dict):
            case.body["model"] = NOBODYS_MODEL
        case.headers["AITBC-Version"] = version
        case.call_and_validate(base_url=target.url, checks=CHECKS, timeout=30)

    ask()


def _aim(members: dict[str, Any], ids: Mapping[str, tuple[str, ...]], chance: int) -> None:
    """Put ids of objects that exist where ids go, in three of four requests."""
    for name, known in ids.items():
        if name in members and chance % 4:
            members[name] = known[chance // 4 % len(known)]


def _shorten(members: dict[str, Any]) -> None:
    for name in WAITS:
        if isinstance(members.get(name), int):
            members[name] = min(members[name], 0)

"""Inputs of services, held against the JSON Schemas (2020-12) that stand beside this file.

The schemas are ours and the inputs are hostile. So a schema never refers to another document, its
patterns take time linear in the text, and both the work on an input (`bounds.py`) and what is said
about it are bounded: at most `FAULTS_MAX` faults, in words of ours that repeat nothing of the input
but its members' names.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from itertools import islice
from typing import Final, TypeAlias, cast

from jsonschema.exceptions import ValidationError
from referencing import Registry

from coordinator.registry.bounds import VALUES_MAX, BoundedValidator, has_too_many_values
from coordinator.registry.fitting import surely_fits
from coordinator.registry.model import ServiceDefinition
from coordinator.values import JsonValue

FAULTS_MAX: Final = 20
"""Faults, and warnings, that are told of one input."""

JsonObject: TypeAlias = Mapping[str, JsonValue]

_NAME_CHARACTERS_MAX: Final = 64
"""Of a member's name that is repeated to the caller."""


@dataclass(frozen=True, slots=True)
class InputNote:
    """One thing about an input: a fault, or a warning."""

    path: tuple[str, ...]
    """Members and places that lead to it, from the input's root."""
    code: str
    """Stable code, such as ``OUT_OF_RANGE``."""
    message: str
    """What is wrong and how to mend it."""

    @property
    def pointer(self) -> str:
        """JSON pointer (RFC 6901) to it."""
        return pointer_of(self.path)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a schema says of an input."""

    faults: tuple[InputNote, ...]
    """What is wrong; empty for a valid input."""
    warnings: tuple[InputNote, ...]
    """Members that the schema does not know. They are passed on to the miner."""


def pointer_of(path: Iterable[str]) -> str:
    """Return the JSON pointer of a path."""
    return "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in path)


def load_schema(definition: ServiceDefinition) -> dict[str, JsonValue]:
    """Return the schema of a service's input, from the file of its major version."""
    major = definition.version.partition(".")[0]
    name = f"{definition.service_id}.v{major}.json"
    schema: dict[str, JsonValue] = json.loads(files(__package__).joinpath(name).read_text("utf-8"))
    assert schema["$id"] == f"urn:aitbc:service:{definition.service_id}:{definition.version}"
    return schema


class InputSchema:
    """The schema of one service's input; safe to use from several threads."""

    def __init__(self, document: dict[str, JsonValue]) -> None:
        """Take a schema of draft 2020-12.

        That it is one, the tests show of each schema here: to judge them anew at each start takes
        longer than all else that a coordinator does before it answers.
        """
        self.document = document
        self._known = frozenset(cast("Mapping[str, JsonValue]", document["properties"]))
        # An empty registry retrieves nothing, whatever a schema refers to.
        self._validator = BoundedValidator(document, registry=Registry())
        self._surely_fits = surely_fits(document)

    def check(self, document: Mapping[str, JsonValue]) -> Verdict:
        """Return what the schema says of an input; of one with too many values, only that."""
        document = dict(document)
        if has_too_many_values(document):
            return _TOO_MANY_VALUES
        unknown = islice((name for name in document if name not in self._known), FAULTS_MAX)
        return Verdict(
            faults=() if self._surely_fits(document) else self._faults(document),
            warnings=tuple(
                InputNote(
                    (name[:_NAME_CHARACTERS_MAX],),
                    "UNKNOWN_MEMBER",
                    "is passed on; the service does not define it",
                )
                for name in unknown
            ),
        )

    def _faults(self, document: Mapping[str, JsonValue]) -> tuple[InputNote, ...]:
        errors = islice(self._validator.iter_errors(document), FAULTS_MAX)
        # One fault for each member that is missing, however often the schema says so.
        faults = dict.fromkeys(note for error in errors for note in _notes_of(error))
        return tuple(islice(faults, FAULTS_MAX))


_TOO_MANY_VALUES: Final = Verdict(
    faults=(
        InputNote(
            (),
            "TOO_MANY",
            f"may have at most {VALUES_MAX} values in all; upload more as an artifact",
        ),
    ),
    warnings=(),
)


def _notes_of(error: ValidationError) -> list[InputNote]:
    path = tuple(str(part)[:_NAME_CHARACTERS_MAX] for part in error.absolute_path)
    keyword = str(error.validator)
    if keyword == "required":
        names = cast("list[str]", error.validator_value)
        missing = [name for name in names if name not in cast("JsonObject", error.instance)]
        return [InputNote((*path, name), "REQUIRED", "is required") for name in missing]
    code, told = _FAULTS.get(keyword, ("INVALID", _in_general))
    return [InputNote(path, code, told(error.validator_value))]


def _in_general(_: object) -> str:
    return "is not what the service's schema allows; see its /schema"


def _type(names: object) -> str:
    return f"must be of type {names}" if isinstance(names, str) else _in_general(names)


def _choice(choices: object) -> str:
    return f"must be one of {', '.join(str(choice) for choice in cast('list[JsonValue]', choices))}"


def _alternatives(alternatives: object) -> str:
    """Tell of `anyOf`, which our schemas use for members of which one has to be there."""
    listed = cast("list[Mapping[str, list[str]]]", alternatives)
    names = " or ".join(name for item in listed for name in item.get("required", ()))
    return f"needs {names}"


_FAULTS: Final[Mapping[str, tuple[str, Callable[[object], str]]]] = {
    "anyOf": ("REQUIRED", _alternatives),
    "enum": ("NOT_ALLOWED", _choice),
    "maxItems": ("TOO_MANY", lambda most: f"may have at most {most} items"),
    "maxLength": ("TOO_LONG", lambda most: f"may have at most {most} characters"),
    "maxProperties": ("TOO_MANY", lambda most: f"may have at most {most} members"),
    "maximum": ("OUT_OF_RANGE", lambda most: f"must be at most {most}"),
    "minItems": ("TOO_FEW", lambda least: f"must have at least {least} items"),
    "minLength": ("TOO_SHORT", lambda least: f"must have at least {least} characters"),
    "minimum": ("OUT_OF_RANGE", lambda least: f"must be at least {least}"),
    "not": ("AMBIGUOUS", lambda _: "has members of which only one may be there"),
    "pattern": ("WRONG_FORMAT", lambda pattern: f"must match {pattern}"),
    "type": ("WRONG_TYPE", _type),
}
"""Code and words for each keyword that our schemas use."""

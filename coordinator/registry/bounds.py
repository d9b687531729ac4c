"""What a document costs to look at: counted before, and cut short while, it is held to a schema.

The standard lets a validator report each keyword for itself, and the usual one goes through all
items of a list of which it has said that it is too long. The one here does not: what is too long
is told, and not looked into.
"""

import sys
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias, cast

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator

from coordinator.values import JsonValue

VALUES_MAX: Final = 16_384
"""Values of one input, objects and lists included; larger data are artifacts."""

_Schema: TypeAlias = Mapping[str, JsonValue]


def has_too_many_values(document: JsonValue) -> bool:
    """Return whether a document has more than `VALUES_MAX` values; looks at no more than those."""
    seen, level = 1, [document]
    while level:
        deeper: list[JsonValue] = []
        for item in level:
            if isinstance(item, dict | list):
                seen += len(item)
                if seen > VALUES_MAX:
                    return True
                deeper.extend(item.values() if isinstance(item, dict) else item)
        level = deeper
    return False


def text_bytes(document: JsonValue) -> int:
    """Return the bytes of a document's texts and names: it is not written in fewer."""
    size, level = 0, [document]
    while level:
        deeper: list[JsonValue] = []
        for item in level:
            if isinstance(item, str):
                size += len(item.encode())
            elif isinstance(item, dict):
                deeper.extend(item)
                deeper.extend(item.values())
            elif isinstance(item, list):
                deeper.extend(item)
        level = deeper
    return size


def _unless(keyword: str, limit: str) -> object:
    """Return the check of a keyword for what keeps a limit, and none for what breaks it."""
    whole = Draft202012Validator.VALIDATORS[keyword]

    def check(
        validator: Validator, value: object, instance: object, schema: _Schema
    ) -> Iterator[ValidationError]:
        most = cast("int", schema.get(limit, sys.maxsize))
        if not isinstance(instance, str | list | dict) or len(instance) <= most:
            yield from whole(validator, value, instance, schema)

    return check


BoundedValidator: Final = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        "items": _unless("items", "maxItems"),
        "pattern": _unless("pattern", "maxLength"),
        "properties": _unless("properties", "maxProperties"),
    },
)
"""Draft 2020-12, with the same verdict on every document and fewer faults of what is too long."""

"""Whether an input surely keeps a schema: what most inputs do, found out in a few comparisons.

A schema becomes a function once. It says yes only of what every validator takes; of all else, such
as keywords that are not known here, it says no, and the validator judges and tells what is wrong.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

from coordinator.values import JsonValue

Fits = Callable[[JsonValue], bool]
"""Returns whether a value surely keeps a schema."""

_Schema = Mapping[str, JsonValue]

_SAYS_NOTHING: Final = frozenset({"$id", "$schema", "default", "description", "title"})
"""Keywords that no value can break."""


def surely_fits(schema: JsonValue) -> Fits:
    """Return the function of a schema; one that never says yes, where it uses other keywords."""
    if not isinstance(schema, dict) or schema.keys() - _CHECKS.keys() - _SAYS_NOTHING:
        return _never
    checks = [make(schema[keyword]) for keyword, make in _CHECKS.items() if keyword in schema]
    return checks[0] if len(checks) == 1 else _all_of(checks)


def _all_of(checks: Sequence[Fits]) -> Fits:
    def fits(value: JsonValue) -> bool:
        # A loop, here and below: each submission comes through, and a generator costs as much.
        for check in checks:  # noqa: SIM110
            if not check(value):
                return False
        return True

    return fits


def _never(_: JsonValue) -> bool:
    return False


def _type(name: JsonValue) -> Fits:
    # Neither True, nor 2.0, is taken for an integer here: the validator knows what each is.
    kinds = _TYPES.get(name, _NO_TYPES) if isinstance(name, str) else _NO_TYPES
    return lambda value: type(value) in kinds


_NO_TYPES: Final[frozenset[type]] = frozenset()

_TYPES: Final[Mapping[str, frozenset[type]]] = {
    "object": frozenset({dict}),
    "array": frozenset({list}),
    "string": frozenset({str}),
    "integer": frozenset({int}),
    "number": frozenset({int, float}),
    "boolean": frozenset({bool}),
}


def _enum(choices: JsonValue) -> Fits:
    texts = frozenset(each for each in cast("list[JsonValue]", choices) if isinstance(each, str))
    return lambda value: isinstance(value, str) and value in texts


def _minimum(least: JsonValue) -> Fits:
    lowest = cast("float", least)
    return lambda value: isinstance(value, int | float) and value >= lowest


def _maximum(most: JsonValue) -> Fits:
    highest = cast("float", most)
    return lambda value: isinstance(value, int | float) and value <= highest


def _at_least(kind: type[str | list[JsonValue] | dict[str, JsonValue]]) -> Callable[..., Fits]:
    """Return what makes the check of the least length of values of a type."""
    return lambda least: lambda value: isinstance(value, kind) and len(value) >= least


def _at_most(kind: type[str | list[JsonValue] | dict[str, JsonValue]]) -> Callable[..., Fits]:
    """Return what makes the check of the greatest length of values of a type."""
    return lambda most: lambda value: isinstance(value, kind) and len(value) <= most


def _pattern(pattern: JsonValue) -> Fits:
    search = re.compile(cast("str", pattern)).search
    return lambda value: isinstance(value, str) and search(value) is not None


def _required(names: JsonValue) -> Fits:
    wanted = frozenset(cast("list[str]", names))
    return lambda value: isinstance(value, dict) and wanted <= value.keys()


def _properties(schemas: JsonValue) -> Fits:
    known = {name: surely_fits(each) for name, each in cast("_Schema", schemas).items()}

    def fits(value: JsonValue) -> bool:
        if not isinstance(value, dict):
            return False
        for name, item in value.items():
            check = known.get(name)
            if check is not None and not check(item):
                return False
        return True

    return fits


def _items(schema: JsonValue) -> Fits:
    each = surely_fits(schema)
    return lambda value: isinstance(value, list) and all(each(item) for item in value)


def _any_of(schemas: JsonValue) -> Fits:
    alternatives = [surely_fits(each) for each in cast("Sequence[JsonValue]", schemas)]
    return lambda value: any(fits(value) for fits in alternatives)


def _not(schema: JsonValue) -> Fits:
    """Know one schema that a value surely breaks: that some members are there, all of them."""
    if not isinstance(schema, dict) or schema.keys() != {"required"}:
        return _never
    all_there = _required(schema["required"])
    return lambda value: isinstance(value, dict) and not all_there(value)


_CHECKS: Final[Mapping[str, Callable[[JsonValue], Fits]]] = {
    "type": _type,
    "maxLength": _at_most(str),
    "minLength": _at_least(str),
    "maxItems": _at_most(list),
    "minItems": _at_least(list),
    "maxProperties": _at_most(dict),
    "minProperties": _at_least(dict),
    "maximum": _maximum,
    "minimum": _minimum,
    "enum": _enum,
    "required": _required,
    "not": _not,
    "anyOf": _any_of,
    "pattern": _pattern,
    "properties": _properties,
    "items": _items,
}
"""What makes the check of a keyword, in the order in which they are asked: what is too long is not
looked into."""

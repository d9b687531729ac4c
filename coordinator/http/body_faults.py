"""What is said about a body that does not have the form it should have: where, and what would do.

msgspec names the place and what is wrong there. What would be right is looked up in the type: the
values of a choice, the members of an object, the form of a text.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import inspect

from coordinator.http.faults import FieldInvalid
from coordinator.wire import WITHOUT_NUL

_MISSING: Final = re.compile(r"Object missing required field `(?P<field>[^`]*)`")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(?P<field>.*)`", re.DOTALL)
_CHOICE: Final = re.compile(r"Invalid enum value (?P<value>.*)", re.DOTALL)
_PATTERN: Final = re.compile(r"Expected `str` matching regex .*", re.DOTALL)
_PLACE: Final = re.compile(r"(?P<detail>.*?)(?: - at `\$(?P<path>[^`]*)`)?", re.DOTALL)
_TYPE_NAMES: Final = {"decimal": "number", "float": "number", "int": "integer", "str": "string"}

_NAME_LENGTH_MAX: Final = 80
"""Most of a stranger's name or value that is said back to it."""


def field_fault(
    error: msgspec.ValidationError, expected: object, pointer: str = ""
) -> FieldInvalid:
    """Return what msgspec found wrong in a value, with a pointer and what would be right.

    Args:
        error: its sentence names the place as ``$.a[0].b``.
        expected: the type that the value was to be converted to.
        pointer: where the value stands in the body.
    """
    place = _PLACE.fullmatch(str(error))
    assert place is not None
    detail = place["detail"]
    path = [
        part for part in re.sub(r"\[([^\]]*)\]", r".\1", place["path"] or "").split(".") if part
    ]
    pointer += "".join(f"/{part}" for part in path if part != "...")
    if missing := _MISSING.fullmatch(detail):
        return FieldInvalid(f"{pointer}/{missing['field']}", "is required", "REQUIRED")
    kinds = _kinds_at(expected, path)
    if unknown := _UNKNOWN.fullmatch(detail):
        name = pointer_part(unknown["field"][:_NAME_LENGTH_MAX])
        told = f"is not a field of this body{_fields_of(kinds)}"
        return FieldInvalid(f"{pointer}/{name}", told, "UNKNOWN_MEMBER")
    if WITHOUT_NUL in detail or repr(WITHOUT_NUL)[1:-1] in detail:
        return FieldInvalid(pointer, "must not hold U+0000")
    if _CHOICE.fullmatch(detail) and (choices := _choices_of(kinds)):
        return FieldInvalid(pointer, f"must be one of {', '.join(choices)}", "NOT_ALLOWED")
    if _PATTERN.fullmatch(detail) and (pattern := _pattern_of(kinds)):
        return FieldInvalid(pointer, f"must match {pattern}", "WRONG_FORMAT")
    for name, plain in _TYPE_NAMES.items():
        detail = re.sub(rf"\b{name}\b", plain, detail)
    return FieldInvalid(pointer, detail[:1].lower() + detail[1:])


def pointer_part(name: str) -> str:
    """Return a member's name as a part of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def _kinds_at(expected: object, path: Sequence[str]) -> list[inspect.Type]:
    """Return what may stand at a place of a type."""
    kinds = _alternatives(inspect.type_info(expected))
    for part in path:
        kinds = [inner for kind in kinds for inner in _inside(kind, part)]
    return kinds


def _inside(kind: inspect.Type, part: str) -> list[inspect.Type]:
    if isinstance(kind, inspect.StructType):
        named = [field.type for field in kind.fields if field.encode_name == part]
        return [inner for each in named for inner in _alternatives(each)]
    if isinstance(kind, inspect.CollectionType) and (part.isdecimal() or part == "..."):
        return _alternatives(kind.item_type)
    if isinstance(kind, inspect.DictType) and part == "...":
        return _alternatives(kind.value_type)
    return []


def _alternatives(kind: inspect.Type) -> list[inspect.Type]:
    if isinstance(kind, inspect.Metadata):
        return _alternatives(kind.type)
    return list(kind.types) if isinstance(kind, inspect.UnionType) else [kind]


def _fields_of(kinds: Sequence[inspect.Type]) -> str:
    structs = [kind for kind in kinds if isinstance(kind, inspect.StructType)]
    names = [field.encode_name for struct in structs for field in struct.fields]
    return f"; its fields are {', '.join(names)}" if names else ""


def _choices_of(kinds: Sequence[inspect.Type]) -> list[str]:
    named = [
        value for kind in kinds if isinstance(kind, inspect.LiteralType) for value in kind.values
    ]
    enums = [kind.cls for kind in kinds if isinstance(kind, inspect.EnumType)]
    return [str(value) for value in (*named, *(item.value for enum in enums for item in enum))]


def _pattern_of(kinds: Sequence[inspect.Type]) -> str:
    """Return the form of a text, its ends as most people write them."""
    patterns = [kind.pattern for kind in kinds if isinstance(kind, inspect.StrType)]
    found = next((pattern for pattern in patterns if pattern), "")
    return found.replace(r"\A", "^").replace(r"\Z", "$")

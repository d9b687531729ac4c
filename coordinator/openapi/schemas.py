"""JSON Schemas of the types on the wire, with the descriptions that stand under their fields."""

import ast
import functools
import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator
from types import UnionType
from typing import cast, get_args

import msgspec

from coordinator.values import JsonValue

REFERENCE = "#/components/schemas/{name}"

Schema = dict[str, JsonValue]


def component_schemas(types: Iterable[object]) -> tuple[list[Schema], dict[str, Schema]]:
    """Return a schema for each type, and the components that these refer to.

    Args:
        types: structs, lists of them, or unions of structs.
    """
    # A union of structs has no tag that a decoder could tell them by; a document needs none.
    wanted = [get_args(item) if isinstance(item, UnionType) else (item,) for item in types]
    flat = [item for group in wanted for item in group]
    found, components = msgspec.json.schema_components(flat, ref_template=REFERENCE)
    schemas = iter(cast("tuple[Schema, ...]", found))
    described = {name: _plain(schema) for name, schema in components.items()}
    for struct in _structs(msgspec.inspect.multi_type_info(flat)):
        _describe(cast("Schema", described[struct.__name__]), struct)
    grouped = [[next(schemas) for _ in group] for group in wanted]
    return [_any_of(group) for group in grouped], cast("dict[str, Schema]", described)


def _any_of(schemas: list[Schema]) -> Schema:
    if len(schemas) == 1:
        return cast("Schema", _plain(schemas[0]))
    return {"anyOf": [_plain(schema) for schema in schemas]}


def _plain(value: object) -> JsonValue:
    """Return a schema as others read it: ECMAScript's anchors, and a type beside each choice."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return cast("JsonValue", value)
    schema = {
        name: re.sub(r"\\Z$", "$", re.sub(r"^\\A", "^", item))
        if name == "pattern" and isinstance(item, str)
        else _plain(item)
        for name, item in value.items()
    }
    choices = schema.get("enum")
    if isinstance(choices, list) and all(isinstance(choice, str) for choice in choices):
        schema.setdefault("type", "string")
    return schema


def _structs(types: Iterable[msgspec.inspect.Type]) -> Iterator[type[msgspec.Struct]]:
    """Yield the structs that types are made of, each once."""
    seen: set[type] = set()
    pending = list(types)
    while pending:
        item = pending.pop()
        match item:
            case msgspec.inspect.StructType():
                if item.cls in seen:
                    continue
                seen.add(item.cls)
                yield item.cls
                pending += [field.type for field in item.fields]
            case msgspec.inspect.UnionType():
                pending += item.types
            case msgspec.inspect.Metadata():
                pending.append(item.type)
            case msgspec.inspect.CollectionType():
                pending.append(item.item_type)
            case msgspec.inspect.DictType():
                pending.append(item.value_type)
            case _:
                pass


def _describe(schema: Schema, struct: type[msgspec.Struct]) -> None:
    properties = cast("dict[str, Schema]", schema["properties"])
    for base in reversed(struct.__mro__):
        if issubclass(base, msgspec.Struct) and base is not msgspec.Struct:
            for name, text in _field_texts(base).items():
                properties[name] = {**properties[name], "description": text}


@functools.cache
def _field_texts(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return the strings under the fields of a class, by field."""
    definition = ast.parse(textwrap.dedent(inspect.getsource(struct))).body[0]
    assert isinstance(definition, ast.ClassDef)
    texts = {}
    for field, text in zip(definition.body, definition.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
        ):
            texts[field.target.id] = inspect.cleandoc(str(text.value.value)).replace("\n", " ")
    return texts

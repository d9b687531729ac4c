"""Types of JSON values, and answers of a node read as such."""

import inspect
import json
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar, get_args

from aitbc.errors import ApiError

JsonValue: TypeAlias = (
    bool | int | float | str | Sequence["JsonValue"] | Mapping[str, "JsonValue"] | None
)
"""What JSON can say."""


class Record(dict[str, Any]):
    """A JSON object whose members are read as ``x["name"]`` or ``x.name``.

    The keys are those of the wire, never renamed. A member that is named like a method of `dict`
    (``keys``, ``items``) is read with brackets.
    """

    if not TYPE_CHECKING:
        # Hidden from type checkers, which know the members that subclasses declare and no others.
        def __getattr__(self, name):
            """Return a member."""
            try:
                return self[name]
            except KeyError:
                raise AttributeError(f"there is no member {name!r}") from None


class Answer(Record):
    """An object that a node answered with.

    Its members are a stranger's words: a member that is not there is the node's fault, not the
    caller's, and says so. Members that subclasses declare with ``| None`` may be absent: as an
    attribute they are None then.
    """

    _optional: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls) -> None:
        """Learn which declared members may be absent."""
        declared = inspect.get_annotations(cls)
        optional = {name for name, kind in declared.items() if NoneType in get_args(kind)}
        cls._optional = cls._optional | optional

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            """Return a member, None for one that may be absent and is."""
            if name in self:
                return self[name]
            if name in self._optional:
                return None
            raise AttributeError(f"the node's answer has no {name!r}")

    def __missing__(self, name: str) -> None:
        """Refuse a member that the node left out.

        Raises:
            ApiError: always, with `UNEXPECTED_ANSWER`.
        """
        raise unexpected(f"the node's answer has no {name!r}")


AnswerType = TypeVar("AnswerType", bound=Answer)


def unexpected(detail: str) -> ApiError:
    """Return the error for an answer of another form than the API's."""
    return ApiError(200, "UNEXPECTED_ANSWER", detail)


def read_object(body: bytes, kind: type[AnswerType]) -> AnswerType:
    """Return the JSON object in a node's body.

    Raises:
        ApiError: it holds something else; `UNEXPECTED_ANSWER`.
    """
    value = parse_json(body)
    if not isinstance(value, dict):
        raise unexpected("the node answered with something else than a JSON object")
    return kind(value)


def read_list(body: bytes, kind: type[AnswerType]) -> list[AnswerType]:
    """Return the JSON objects of the array in a node's body.

    Raises:
        ApiError: it holds something else; `UNEXPECTED_ANSWER`.
    """
    return typed_list(parse_json(body), kind)


def typed_list(value: JsonValue, kind: type[AnswerType]) -> list[AnswerType]:
    """Return a list of a node's objects, typed.

    Raises:
        ApiError: it is something else; `UNEXPECTED_ANSWER`.
    """
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise unexpected("the node answered with something else than a list of JSON objects")
    return [kind(item) for item in value]


def parse_json(body: bytes) -> JsonValue:
    """Return the JSON value in `body`, its objects as records; None if it holds none."""
    try:
        value: JsonValue = json.loads(body, object_hook=Record)
    except (ValueError, RecursionError):
        return None
    return value

"""Types of JSON values, and answers of a node read as such."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from aitbc.errors import ApiError

JsonValue: TypeAlias = (
    bool | int | float | str | Sequence["JsonValue"] | Mapping[str, "JsonValue"] | None
)
"""What JSON can say."""


class Answer(dict[str, Any]):
    """An object that a node answered with.

    Its members are a stranger's words: a member that is not there is the node's fault, not the
    caller's, and says so.
    """

    def __missing__(self, name: str) -> None:
        """Refuse a member that the node left out.

        Raises:
            ApiError: always, with `UNEXPECTED_ANSWER`.
        """
        raise unexpected(f"the node's answer has no {name!r}")


def unexpected(detail: str) -> ApiError:
    """Return the error for an answer of another form than the API's."""
    return ApiError(200, "UNEXPECTED_ANSWER", detail)


def read_answer(body: bytes) -> Answer:
    """Return the JSON object in a node's body.

    Raises:
        ApiError: it holds something else; `UNEXPECTED_ANSWER`.
    """
    value = parse_json(body)
    if not isinstance(value, dict):
        raise unexpected("the node answered with something else than a JSON object")
    return Answer(value)


def parse_json(body: bytes) -> JsonValue:
    """Return the JSON value in `body`, None if it holds none."""
    try:
        value: JsonValue = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value

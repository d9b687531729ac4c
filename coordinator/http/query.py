"""Parameters in the query: each at most once, in ASCII digits where they are numbers."""

import re
from typing import Final

from coordinator.http.exchange import HttpRequest
from coordinator.http.faults import FieldInvalid
from coordinator.http.negotiation import WAIT_S_MAX
from coordinator.http.operation import Parameter

_NUMBER = re.compile(r"[0-9]{1,12}", re.ASCII)

OFFSET_MAX: Final = 1_000_000_000
"""Nobody has more jobs; further pages are empty, and databases count in bounded integers."""


def text_parameter(request: HttpRequest, name: str, *, length_max: int = 128) -> str | None:
    """Return a parameter; None without it, or if it is empty.

    Raises:
        FieldInvalid: given twice, or too long.
    """
    values = request.query_params.getall(name, [])
    if len(values) > 1:
        raise FieldInvalid(name, "is given more than once")
    if not values or not values[0]:
        return None
    if len(values[0]) > length_max:
        raise FieldInvalid(name, f"must have at most {length_max} characters")
    value: str = values[0]
    return value


def number_parameter(
    request: HttpRequest, name: str, *, default: int, least: int, most: int | None
) -> int:
    """Return a whole number.

    Args:
        request: the request.
        name: of the parameter.
        default: value without it.
        least: smallest value.
        most: largest value; None for no limit but the one on digits.

    Raises:
        FieldInvalid: no number, or out of range.
    """
    text = text_parameter(request, name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text) or int(text) < least or (most is not None and int(text) > most):
        bound = f"{least} or more" if most is None else f"{least} to {most}"
        raise FieldInvalid(name, f"must be a whole number, {bound}")
    return int(text)


def wait_parameter(request: HttpRequest) -> int:
    """Return the seconds of `?wait=N`, 0 without it.

    Raises:
        FieldInvalid: no whole number up to 30.
    """
    return number_parameter(request, "wait", default=0, least=0, most=WAIT_S_MAX)


WAIT: Final = Parameter(
    "wait",
    "Seconds to wait for the job's end before answering.",
    {"type": "integer", "minimum": 0, "maximum": WAIT_S_MAX, "default": 0},
)


def limit_declaration(default: int, maximum: int | None = None) -> Parameter:
    """Return the declaration of a `limit`."""
    schema: dict[str, int | str] = {"type": "integer", "minimum": 1, "default": default}
    if maximum is not None:
        schema["maximum"] = maximum
    return Parameter("limit", "Most items of the answer.", {**schema})


OFFSET: Final = Parameter(
    "offset", "Items to skip.", {"type": "integer", "minimum": 0, "default": 0}
)

CURSOR: Final = Parameter(
    "cursor",
    "Position to go on from, as the `Link` header of the page before gives it.",
    {"type": "string"},
)

"""API versions by date (decision 11): each reference document is a version, and so is its shape.

A request's version is explicit or inferred, in the order of V1:

1. the `AITBC-Version` header,
2. the key's optional pin,
3. the shape of the body,
4. the version of the object in the path, if that version's document has the route,
5. the newest version whose document has the route,
6. for routes of no document, the newest.

Explicit versions are strict (V2). What was chosen, and by which rule, is in every answer (V3).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, cast, get_args

from coordinator.http.faults import AmbiguousBody, FieldInvalid, UnknownApiVersion
from coordinator.values import ApiVersion

VERSIONS: Final[tuple[ApiVersion, ...]] = get_args(ApiVersion)
"""A version is one of these literals; there is no "nearest date" (V2)."""

NEWEST: Final[ApiVersion] = max(VERSIONS)


class VersionSource(StrEnum):
    """Which rule of V1 chose a version."""

    HEADER = "header"
    KEY = "key"
    BODY = "body"
    OBJECT = "object"
    ROUTE = "route"
    DEFAULT = "default"


_EXPLICIT = frozenset({VersionSource.HEADER, VersionSource.KEY})

_DISCRIMINATORS: Mapping[str, ApiVersion] = {
    "payload": "2026-05-11",
    "prompt": "2026-01-24",
    "type": "2024-01-01",
    "name": "2024-01-01",
}
"""Members by which job bodies differ; `model` is in two of the documents and decides nothing."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The version that a request is served in."""

    version: ApiVersion
    """The version."""
    source: VersionSource
    """The rule that chose it."""

    @property
    def is_explicit(self) -> bool:
        """Whether the caller asked for it, so that other shapes are refused (V2)."""
        return self.source in _EXPLICIT


# Choices never change, and each request asks for three of them.
_BY_HEADER: Final = {version: Choice(version, VersionSource.HEADER) for version in VERSIONS}
_BY_ROUTE: Final = {version: Choice(version, VersionSource.ROUTE) for version in VERSIONS}
_BY_DEFAULT: Final = Choice(NEWEST, VersionSource.DEFAULT)


def header_choice(values: Sequence[str]) -> Choice | None:
    """Return the version that the header names; None without the header (V1, 1).

    Args:
        values: all values of the `AITBC-Version` header.

    Raises:
        UnknownApiVersion: no version's literal, or the header is repeated (V2).
    """
    if not values:
        return None
    if len(values) > 1:
        raise UnknownApiVersion("the AITBC-Version header is repeated")
    named = cast("ApiVersion", values[0])
    if named not in _BY_HEADER:
        raise UnknownApiVersion(f"{named[:40]!r} is not a version of this API")
    return _BY_HEADER[named]


def key_choice(pin: ApiVersion | None) -> Choice | None:
    """Return the version that the caller's key is pinned to (V1, 2)."""
    return None if pin is None else Choice(pin, VersionSource.KEY)


def route_choice(documents: Collection[ApiVersion]) -> Choice:
    """Return the newest version whose document has the route, else the newest (V1, 5 and 6)."""
    return _BY_ROUTE[max(documents)] if documents else _BY_DEFAULT


def body_version(body: Mapping[str, object]) -> ApiVersion | None:
    """Return the version whose job body this is by shape; None when no member tells (V1, 3).

    Raises:
        AmbiguousBody: members of more than one version's body.
    """
    found = {name: version for name, version in _DISCRIMINATORS.items() if name in body}
    if len(set(found.values())) > 1:
        raise AmbiguousBody(sorted(found))
    return next(iter(found.values()), None)


def body_choice(explicit: Choice | None, body: Mapping[str, object]) -> Choice:
    """Return the version of a job body; an explicit version accepts only its own shape (V2).

    Raises:
        AmbiguousBody: members of more than one version's body.
        FieldInvalid: a body of another version than the explicit one, or of none.
    """
    shape = body_version(body)
    if explicit is None:
        if shape is None:
            raise FieldInvalid(
                "",
                "a job has `prompt` (2026-01-24), `payload` (2026-05-11), "
                "or `name` and `type` (2024-01-01)",
            )
        return Choice(shape, VersionSource.BODY)
    if shape is not None and shape != explicit.version:
        member = next(name for name in _DISCRIMINATORS if name in body)
        raise FieldInvalid(
            f"/{member}",
            f"this body is of version {shape}, and the request asks for {explicit.version}; "
            "leave the version out, or send that version's body",
            "OTHER_VERSION",
        )
    return explicit


def object_choice(
    explicit: Choice | None, created_in: ApiVersion, documents: Collection[ApiVersion]
) -> Choice:
    """Return the version in which a route answers about an object (V1, 4 to 6).

    Args:
        explicit: what the caller asked for, if anything.
        created_in: version in which the object was made.
        documents: versions whose documents have the route.
    """
    if explicit is not None:
        return explicit
    if created_in in documents:
        return Choice(created_in, VersionSource.OBJECT)
    return route_choice(documents)

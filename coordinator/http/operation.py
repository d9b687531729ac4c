"""What a route declares about itself, by one mechanism: `opt=declared(Operation(...))`.

Admission reads who may call and which limit counts, version inference reads whose document has
the route (V1), and the OpenAPI document is made from all of it. A route without a declaration is
a page of this site, not part of the API.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol, Self

from coordinator.clients import Scope
from coordinator.errors import CoordinatorError
from coordinator.values import ApiVersion, JsonValue

if TYPE_CHECKING:
    from coordinator.presenters.presenter import Wire

JSON: Final = "application/json"

OPERATION_KEY: Final = "operation"
"""Where a route handler's `opt` holds its declaration."""


class Policy(StrEnum):
    """Which limit a request counts against (L1)."""

    SUBMIT = "submit"
    """Submissions of jobs."""
    STATUS = "status"
    """Questions about the state of jobs."""
    RESULT = "result"
    """Results and receipts of jobs."""
    MINER = "miner"
    """What miners call; counted for each miner, by the routes."""
    MINERS = "miners"
    """The same, counted for each key: names of miners are the caller's to invent."""
    OTHER = "other"
    """Everything else."""


PUBLIC: Final[frozenset[Scope]] = frozenset()
"""Anybody may call, with or without a key (A4)."""

CLIENT: Final = frozenset({Scope.CLIENT})
MINER: Final = frozenset({Scope.MINER})
READER: Final = frozenset({Scope.CLIENT, Scope.READ})
"""Whoever may read the key's jobs."""
ANY_KEY: Final = frozenset({Scope.CLIENT, Scope.MINER, Scope.READ, Scope.WALLET})


class WireType(Protocol):
    """Chooses a type on the wire from those of the version that is described."""

    def __call__(self, wire: "Wire", /) -> object:
        """Return the type, or a union of types."""


def same(wire_type: object) -> WireType:
    """Return the `WireType` that is the same in every version."""
    return lambda _: wire_type


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter in the query or in a header."""

    name: str
    """Its name."""
    description: str
    """What it does."""
    schema: Mapping[str, JsonValue]
    """JSON Schema of its values."""
    is_required: bool = False
    """Whether the request fails without it."""
    place: str = "query"
    """`query` or `header`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One successful answer."""

    description: str
    """When it is given."""
    body: WireType | None = None
    """Type of its JSON body; None where it is no JSON."""
    media_type: str = JSON
    """Media type of the body."""
    is_nullable: bool = False
    """Whether the body may be `null`."""
    alternatives: tuple[str, ...] = ()
    """Other media types that the body may have instead, if the request asks for them."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    summary: str
    """One line."""
    tag: str
    """Group in the documents."""
    access: frozenset[Scope]
    """Scopes of which the key needs one; `PUBLIC` for none."""
    answers: Mapping[int, Answer]
    """Successful answers by status."""
    documents: frozenset[ApiVersion] = frozenset()
    """Versions whose reference documents have the route (V1)."""
    policy: Policy = Policy.OTHER
    """Limit that it counts against."""
    parameters: tuple[Parameter, ...] = ()
    """Parameters besides those in the path."""
    parameters_of: Mapping[ApiVersion, tuple[Parameter, ...]] = field(default_factory=dict)
    """Parameters that differ from version to version, by version."""
    body: WireType | None = None
    """Type of the JSON body; None if there is none."""
    body_media_type: str = JSON
    """Media type of the body, where there is one."""
    takes_key: bool = True
    """Whether a POST honours an `Idempotency-Key`; not where it changes nothing, or where doing it
    twice is the same as doing it once."""
    from_browsers: bool = False
    """Whether `version` and `ticket` may be in the query: a browser's WebSocket and EventSource
    send no headers (V4)."""
    is_openai: bool = False
    """Whether errors have OpenAI's shape (E1)."""
    errors: tuple[type[CoordinatorError], ...] = ()
    """What else it may raise; every route may raise what its admission and its body may."""
    description: str = ""
    """More than the summary says."""
    media_types: frozenset[str] = field(init=False, repr=False, compare=False)
    """What bodies of its answers may be, other than errors."""

    def __post_init__(self) -> None:
        """Collect the media types: each request that says what it accepts asks for them."""
        found = {
            kind for each in self.answers.values() for kind in (each.media_type, *each.alternatives)
        }
        object.__setattr__(self, "media_types", frozenset(found))

    def __deepcopy__(self, memo: object) -> Self:
        """Return itself: it never changes, and each start would copy it for hundreds of routes."""
        return self


def declared(operation: Operation) -> dict[str, Operation]:
    """Return the `opt` of a route handler with this declaration."""
    return {OPERATION_KEY: operation}

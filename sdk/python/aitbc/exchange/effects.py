"""What a call does, said without doing it.

A call is a generator (a `Flow`): it yields what is to be done and is sent what came of it. It
performs no input or output and reads no clock, so the blocking and the asynchronous client run the
same calls, each with its own few lines that perform these effects.
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeAlias, TypeVar

from aitbc.json_values import JsonValue

_Item_co = TypeVar("_Item_co", covariant=True)
_Result = TypeVar("_Result")

REPEATABLE_METHODS: Final = frozenset({"GET", "HEAD", "DELETE"})
"""Methods that may be sent again without being told that it is safe."""

Pieces: TypeAlias = Callable[[], Iterator[bytes]]
"""Begins a body anew each time that it is called."""


@dataclass(frozen=True)
class Request:
    """What is sent."""

    method: str
    """HTTP method."""
    path: str
    """Path below the base URL, beginning with a slash, its segments quoted."""
    json: JsonValue = None
    """Body as JSON."""
    content: Pieces | None = None
    """Body in pieces."""
    headers: Mapping[str, str] | None = None
    """Additional headers."""
    params: Mapping[str, str | int] | None = None
    """Query."""
    timeout_s: float | None = None
    """Limit of connecting, of each write and of each read, and of the answer's body as a whole;
    None takes the client's own."""
    repeatable: bool | None = None
    """Whether sending it twice is safe by itself. None: reading methods are, and a POST is made so
    by an idempotency key."""


@dataclass(frozen=True)
class Open:
    """Send a request and wait for the head of its answer. A stream that is open is closed."""

    request: Request
    """What is sent, complete."""
    timeout_s: float
    """Limit of connecting, of each write and of each read."""


@dataclass(frozen=True)
class Head:
    """Outcome of `Open`: the answer has begun."""

    status: int
    """HTTP status."""
    reason: str
    """Words for it."""
    headers: Mapping[str, str]
    """Headers, their names in lower case."""


@dataclass(frozen=True)
class Read:
    """Read the next piece of the open answer; the outcome is its bytes, None at its end."""


@dataclass(frozen=True)
class Listen:
    """Open a WebSocket. What is open is closed.

    The outcome is a `Head`: of status 101, and messages are heard; or of another one, and the body
    of the refusal is read.
    """

    request: Request
    """Names it."""
    timeout_s: float
    """Limit of connecting, and of the answer."""


@dataclass(frozen=True)
class Hear:
    """Wait for the next message of the open WebSocket; the outcome is its text, or a `Closed`."""

    timeout_s: float
    """Longest wait; then the outcome is a `Broken`."""


@dataclass(frozen=True)
class Closed:
    """Outcome of `Hear`: the other side ended it, or the network did."""

    code: int
    """Code of RFC 6455; 1006 if the other side said none."""
    reason: str
    """Its words, often none."""


@dataclass(frozen=True)
class Pause:
    """Wait."""

    seconds: float
    """How long."""


@dataclass(frozen=True)
class Work:
    """Run something that may block, such as reading a file; the outcome is what it returns."""

    call: Callable[[], object]
    """What is run."""


@dataclass(frozen=True)
class Emit(Generic[_Item_co]):
    """Hand an item to the caller, who may take its time."""

    value: _Item_co
    """The item."""


class Broken(Exception):
    """The network failed; thrown into a flow where it asked for something.

    Attributes:
        was_sent: whether the node may have seen the request.
    """

    def __init__(self, reason: str, *, was_sent: bool) -> None:
        """Carry the reason, for a person."""
        super().__init__(reason)
        self.was_sent = was_sent


Effect: TypeAlias = Open | Read | Listen | Hear | Pause | Work

Flow: TypeAlias = Generator[Effect, object, _Result]
"""A call that returns a result."""

Stream: TypeAlias = Generator[Effect | Emit[_Result], object, None]
"""A call that emits items."""


class Steps(Generic[_Result]):
    """A flow on its way: `advance` it with what came of its last effect until there is none."""

    def __init__(self, flow: "Flow[_Result] | Stream[_Result]") -> None:
        """Begin before the first step."""
        self._flow = flow
        self._returned: list[_Result | None] = []

    def advance(self, outcome: object = None) -> "Effect | Emit[_Result] | None":
        """Return what is to be done next, None at the end.

        Args:
            outcome: what came of the last effect; a `Broken` is thrown into the flow.
        """
        try:
            if isinstance(outcome, Broken):
                return self._flow.throw(outcome)
            return self._flow.send(outcome)
        except StopIteration as end:
            self._returned.append(end.value)
            return None

    def result(self) -> _Result:
        """Return what the flow returned, once it is at its end."""
        (value,) = self._returned
        return value  # type: ignore[return-value]  # a Flow returns one

    def close(self) -> None:
        """Let the flow clean up, wherever it is."""
        self._flow.close()


def begin(request: Request, timeout_s: float) -> Flow[Head]:
    """Send a request and return the head of its answer."""
    head = yield Open(request, timeout_s)
    assert isinstance(head, Head)
    return head


def read_piece() -> Flow[bytes | None]:
    """Return the next piece of the answer, None at its end."""
    piece = yield Read()
    assert piece is None or isinstance(piece, bytes)
    return piece


def work(call: Callable[[], _Result]) -> Flow[_Result]:
    """Return what a call that may block returns."""
    outcome = yield Work(call)
    return outcome  # type: ignore[return-value]  # what `call` returned

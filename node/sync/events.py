"""What happens to the planner, and what it wants done. Peers are opaque keys; ranges are numbers.

Every event carries the time: the planner has no clock. `now_ms` is monotonic.
"""

from dataclasses import dataclass

from ledger.types import Height, PublicKey


@dataclass(frozen=True, slots=True)
class Announced:
    """A peer says how far its final chain reaches."""

    now_ms: int
    """Monotonic time."""
    peer: PublicKey
    """Who says it."""
    height: Height
    """Height of its newest final block, as it claims."""
    is_trusted: bool
    """Whether it is a validator of the set, or a peer that this node dials."""


@dataclass(frozen=True, slots=True)
class Left:
    """A peer is gone."""

    now_ms: int
    """Monotonic time."""
    peer: PublicKey
    """Who."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A range came whose headers are sound, and final if the shell knows its epoch's committee."""

    now_ms: int
    """Monotonic time."""
    number: int
    """Number of the question; the shell keeps the blocks under it until `Import` or `Drop`."""
    last: Height
    """Height of its last block; the first is the one that was asked for."""


@dataclass(frozen=True, slots=True)
class Empty:
    """A peer has no blocks from the height that it was asked for."""

    now_ms: int
    """Monotonic time."""
    number: int
    """Number of the question."""


@dataclass(frozen=True, slots=True)
class Paged:
    """A peer gave something on the way to the blocks that it was asked for: ask again."""

    now_ms: int
    """Monotonic time."""
    number: int
    """Number of the question."""
    is_useful: bool
    """Whether this node is closer now; if not, it is not soon either."""


@dataclass(frozen=True, slots=True)
class Spoilt:
    """A peer answered with what no honest peer sends; the shell has reported it."""

    now_ms: int
    """Monotonic time."""
    number: int
    """Number of the question."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A range was executed, and every block of it is final here; `Moved` comes before."""

    now_ms: int
    """Monotonic time."""
    number: int
    """Number of its question."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A range that waited, or was imported, turned out to be none; the shell has forgotten it."""

    now_ms: int
    """Monotonic time."""
    number: int
    """Number of its question."""
    code: str
    """Stable code of its sender's fault."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The own final chain reaches this height, by a range or by consensus."""

    now_ms: int
    """Monotonic time."""
    height: Height
    """Height of the newest final block here."""


@dataclass(frozen=True, slots=True)
class Tick:
    """The time of the last `WakeAt` has come."""

    now_ms: int
    """Monotonic time."""


Event = Announced | Left | Answered | Empty | Paged | Spoilt | Imported | Refused | Moved | Tick
"""Anything that `Planner.handle` takes."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask a peer for final blocks."""

    peer: PublicKey
    """Whom."""
    number: int
    """Number of the question; never used before."""
    first: Height
    """Height of the first block."""
    blocks_max: int
    """Most blocks wanted."""
    halvings: int
    """How many times an answer of the usual size is to be halved: the peer was too late."""


@dataclass(frozen=True, slots=True)
class Import:
    """Execute and commit a range that came; one at a time.

    Answered by `Imported` or `Refused`.
    """

    number: int
    """Number of its question."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Forget a range that came: it is not needed any more."""

    number: int
    """Number of its question."""


@dataclass(frozen=True, slots=True)
class Blame:
    """Report a peer: what it sent proves that it is at fault."""

    peer: PublicKey
    """Whom."""
    code: str
    """Stable code of the fault."""


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Send a `Tick` at this time; replaces the earlier request."""

    at_ms: int | None
    """Monotonic time; None cancels."""


Effect = Ask | Import | Drop | Blame | WakeAt
"""Anything that `Planner.handle` returns."""

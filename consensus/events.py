"""What happens to the core. Every event carries the time: the core has no clock.

`now_ms` is milliseconds of a clock that never goes back (monotonic, not the wall clock); it only
drives timeouts, and nothing that consensus decides for ever depends on it.
"""

from dataclasses import dataclass
from enum import Enum

from consensus.messages import Certificate, Vote
from consensus.records import Record
from ledger.types import Hash, View


@dataclass(frozen=True, slots=True)
class BlockRef:
    """A block and the view that it belongs to."""

    view: View
    """View in which it was proposed; 0 for the epoch's boundary block."""
    block_id: Hash
    """Its id."""


class Verdict(Enum):
    """What the application says of a block."""

    VALID = "valid"
    """Executed on its parent; every commitment of the header holds."""
    INVALID = "invalid"
    """Wrong for ever, whatever else becomes known."""
    UNKNOWN = "unknown"
    """Cannot be said now: the block or an ancestor is missing, or its time lies ahead (S5)."""


@dataclass(frozen=True, slots=True)
class Started:
    """The first event: what the store and the journal remember.

    The application has executed again every block that the journal kept, so that blocks with a
    verdict in `records` are known to it.
    """

    now_ms: int
    """Monotonic time."""
    final: BlockRef
    """Newest durable final block of this epoch, or the boundary block at view 0."""
    certificate: Certificate | None
    """Finalization of it or of a later view, if one is at hand."""
    records: tuple[Record, ...]
    """The journal's records, oldest first."""
    ends_epoch: frozenset[Hash] = frozenset()
    """Which of the journal's blocks are the last of the epoch."""


@dataclass(frozen=True, slots=True)
class Tick:
    """The time that the last `SetTimer` asked for has come."""

    now_ms: int
    """Monotonic time."""


@dataclass(frozen=True, slots=True)
class VoteReceived:
    """A vote of another member.

    The leader's notarize is the proposal: the block's bytes travel beside it, and were given to
    the application before this event.
    """

    now_ms: int
    """Monotonic time."""
    vote: Vote
    """Decoded, not yet checked."""
    sender: int | None
    """Member that sent it, None if the sender is no member."""


@dataclass(frozen=True, slots=True)
class CertificateReceived:
    """A certificate, sent unasked or as an answer."""

    now_ms: int
    """Monotonic time."""
    certificate: Certificate
    """Decoded, not yet checked."""
    sender: int | None
    """Member that sent it, None if the sender is no member."""


@dataclass(frozen=True, slots=True)
class CertificatesRequested:
    """A member asks for what is known about some views."""

    now_ms: int
    """Monotonic time."""
    views: tuple[View, ...]
    """At most `FETCH_VIEWS_MAX`."""
    sender: int
    """Member that asks."""


@dataclass(frozen=True, slots=True)
class WorkPending:
    """There is something for a block on the parent that `AwaitWork` named.

    Only items that are valid here and were forwarded to the leader count (E12).
    """

    now_ms: int
    """Monotonic time."""
    view: View
    """View that `AwaitWork` named; another one is ignored."""


@dataclass(frozen=True, slots=True)
class BlockBuilt:
    """The answer to `Propose`: a block that was built and executed."""

    now_ms: int
    """Monotonic time."""
    view: View
    """View that it is for."""
    block_id: Hash
    """Its id."""
    ends_epoch: bool = False
    """Whether it is the last of the epoch (E3)."""


@dataclass(frozen=True, slots=True)
class BlockDeclined:
    """The answer to `Propose` of an application that cannot build now."""

    now_ms: int
    """Monotonic time."""
    view: View
    """View that nothing is built for."""


@dataclass(frozen=True, slots=True)
class BlockArrived:
    """Block bytes were handed to the application; questions answered UNKNOWN are asked again."""

    now_ms: int
    """Monotonic time."""
    block_id: Hash
    """Its id."""


@dataclass(frozen=True, slots=True)
class Verified:
    """The answer to `Verify`."""

    now_ms: int
    """Monotonic time."""
    view: View
    """View of the proposal."""
    block_id: Hash
    """Block of the proposal."""
    verdict: Verdict
    """VALID means executed; UNKNOWN is asked again."""
    ends_epoch: bool = False
    """Whether it is the last of the epoch (E3)."""


@dataclass(frozen=True, slots=True)
class Certified:
    """The answer to `Certify`."""

    now_ms: int
    """Monotonic time."""
    view: View
    """View of the notarization."""
    block_id: Hash
    """Notarized block."""
    verdict: Verdict
    """VALID means executed, with its ancestors; UNKNOWN is asked again."""
    ends_epoch: bool = False
    """Whether it is the last of the epoch (E3)."""


Event = (
    Started
    | Tick
    | VoteReceived
    | CertificateReceived
    | CertificatesRequested
    | WorkPending
    | BlockBuilt
    | BlockDeclined
    | BlockArrived
    | Verified
    | Certified
)
"""Anything that `Core.handle` takes."""

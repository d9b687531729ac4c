"""What the core wants done, in this order.

`Persist` comes first and covers all the others: nothing else of a batch may leave the process
before its records are durable. Answers come back as events; the shell decides nothing.
"""

from dataclasses import dataclass
from typing import Final

from consensus.events import BlockRef
from consensus.messages import Certificate, Evidence, Notarize, Vote
from consensus.records import Record
from ledger.types import View

FETCH_VIEWS_MAX: Final = 64
"""Views in one request for certificates; bounds the answer to three times as many."""


@dataclass(frozen=True, slots=True)
class Persist:
    """Append to the journal in one write, sync once, before any other effect of this batch."""

    blocks: tuple[BlockRef, ...]
    """Blocks whose bytes must be durable with these records; written before them."""
    records: tuple[Record, ...]
    """In order."""


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Send a vote or a certificate to all members and followers."""

    message: Vote | Certificate
    """What is sent."""


@dataclass(frozen=True, slots=True)
class BroadcastProposal:
    """Send the leader's notarize vote with the block's bytes beside it."""

    vote: Vote
    """A vote for a Notarize; its block is known to the application."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send a certificate to one member."""

    member: int
    """Index of the member."""
    message: Certificate
    """What is sent."""


@dataclass(frozen=True, slots=True)
class FetchCertificates:
    """Ask for any certificate of these views; answers arrive as `CertificateReceived`."""

    views: tuple[View, ...]
    """Ascending, at most `FETCH_VIEWS_MAX`."""
    ask: int | None
    """Member to ask, None for anyone."""


@dataclass(frozen=True, slots=True)
class AwaitWork:
    """Report `WorkPending` as soon as there is something for a block on this parent.

    Replaces the earlier request.
    """

    view: View
    """View to report."""
    parent: BlockRef
    """Block that the view's proposal would extend."""
    leading: bool
    """Whether this node leads: an item is work for others only after the clock drift (S3)."""


@dataclass(frozen=True, slots=True)
class Propose:
    """Build and execute a block; answered by `BlockBuilt` or `BlockDeclined`."""

    view: View
    """View that it is for."""
    parent: BlockRef
    """Block to build on, certified or final here."""
    empty: bool
    """Whether the body must be empty: too much is unfinalized (E1). Automatic work stays."""


@dataclass(frozen=True, slots=True)
class Verify:
    """Check and execute a proposal; answered by `Verified`.

    The header must commit to exactly this context: epoch, view, leader, parent view, parent id.
    """

    proposal: Notarize
    """What the leader proposes."""
    parent: BlockRef
    """Its parent, certified or final here."""


@dataclass(frozen=True, slots=True)
class Certify:
    """Execute a notarized block, fetching it and its ancestors if need be; answered by `Certified`.

    The header must commit to the notarized context; the last block of an epoch may have been
    proposed first in an earlier view (E7). Clocks do not matter here (S5).
    """

    notarized: Notarize
    """What the quorum notarized."""


@dataclass(frozen=True, slots=True)
class Commit:
    """The block and its ancestors are final (rule 7). Repeating it must do no harm."""

    certificate: Certificate
    """The finalization."""


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Send a `Tick` at this time; replaces the earlier request."""

    at_ms: int | None
    """Monotonic time; None cancels."""


@dataclass(frozen=True, slots=True)
class ReportEvidence:
    """A member contradicted itself (rule 9)."""

    evidence: Evidence
    """Both votes, checked."""


@dataclass(frozen=True, slots=True)
class ReportFault:
    """A member sent what no honest member sends."""

    sender: int | None
    """Who sent it."""
    code: str
    """Stable code of the rule that it breaks."""


@dataclass(frozen=True, slots=True)
class StopSigning:
    """This node must not sign in this epoch any more; it keeps following (E10)."""

    reason: str
    """Why, for the operator."""


Effect = (
    Persist
    | Broadcast
    | BroadcastProposal
    | Send
    | FetchCertificates
    | AwaitWork
    | Propose
    | Verify
    | Certify
    | Commit
    | SetTimer
    | ReportEvidence
    | ReportFault
    | StopSigning
)
"""Anything that `Core.handle` returns."""

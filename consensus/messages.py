"""What validators sign and send: statements, votes, certificates and evidence.

All are canonical MessagePack arrays (`ledger.codec`). A vote's signature is over
``tag(purpose) ‖ statement bytes`` (T5); the tag holds the genesis digest, so a vote means nothing
on another chain (T4), and each kind of statement has its own purpose.

Certificates are not canonical: two nodes may hold different signer sets for one statement.
Never hash one into a block, a state or a choice of leader.
"""

from enum import IntEnum
from typing import Annotated, ClassVar, Final

import msgspec
from msgspec import Meta

from ledger.codec import Codec, encode
from ledger.hashing import Purpose, Tags
from ledger.params import VALIDATORS_MAX
from ledger.types import COUNT_MAX, Epoch, Hash, Signature, View

VOTE_BYTES_MAX: Final = 192
"""A vote takes about 130 bytes."""

CERTIFICATE_BYTES_MAX: Final = 128 + VALIDATORS_MAX * 72
"""A statement and, for each member, an index and a signature."""

EVIDENCE_BYTES_MAX: Final = 2 * VOTE_BYTES_MAX + 8
"""Two votes."""

VotedView = Annotated[int, Meta(ge=1, le=COUNT_MAX)]
"""A view that can be voted in; view 0 is the epoch's boundary block, final without votes."""

MemberIndex = Annotated[int, Meta(ge=0, lt=VALIDATORS_MAX)]
"""Position of a validator in its epoch's set."""


class VoteKind(IntEnum):
    """The three things that a validator can say about a view."""

    NOTARIZE = 1
    NULLIFY = 2
    FINALIZE = 3


class _Wire(msgspec.Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True):
    """Base of all messages: an array of fields in order."""


class Notarize(_Wire, frozen=True, tag=int(VoteKind.NOTARIZE)):
    """States that a block is a valid proposal of this view; the leader's own is the proposal."""

    kind: ClassVar[VoteKind] = VoteKind.NOTARIZE
    purpose: ClassVar[Purpose] = Purpose.NOTARIZE

    epoch: Epoch
    """Epoch of the committee."""
    view: VotedView
    """View voted in."""
    parent_view: View
    """View of the block's parent, 0 for the boundary block."""
    block_id: Hash
    """Id of the proposed block; opaque to consensus."""


class Nullify(_Wire, frozen=True, tag=int(VoteKind.NULLIFY)):
    """States that the signer leaves this view without a block and will not finalize in it."""

    kind: ClassVar[VoteKind] = VoteKind.NULLIFY
    purpose: ClassVar[Purpose] = Purpose.NULLIFY

    epoch: Epoch
    """Epoch of the committee."""
    view: VotedView
    """View voted in."""


class Finalize(_Wire, frozen=True, tag=int(VoteKind.FINALIZE)):
    """States that the signer certified the notarized block, and did not and will not nullify."""

    kind: ClassVar[VoteKind] = VoteKind.FINALIZE
    purpose: ClassVar[Purpose] = Purpose.FINALIZE

    epoch: Epoch
    """Epoch of the committee."""
    view: VotedView
    """View voted in."""
    parent_view: View
    """View of the block's parent, 0 for the boundary block."""
    block_id: Hash
    """Id of the block."""


Statement = Notarize | Nullify | Finalize
"""What a vote says."""

BlockStatement = Notarize | Finalize
"""A statement about a block."""


class Vote(_Wire, frozen=True):
    """A statement signed by one member."""

    statement: Statement
    """What is said."""
    signer: MemberIndex
    """Who says it, as an index into the epoch's set."""
    signature: Signature
    """Ed25519 over tag(purpose of the kind) ‖ statement bytes."""


class CertificateEntry(_Wire, frozen=True):
    """One member's part of a certificate."""

    signer: MemberIndex
    """Index into the epoch's set."""
    signature: Signature
    """As in the member's vote."""


class Certificate(_Wire, frozen=True):
    """A quorum's votes for one statement: notarization, nullification or finalization."""

    statement: Statement
    """What the quorum says."""
    entries: Annotated[tuple[CertificateEntry, ...], Meta(max_length=VALIDATORS_MAX)]
    """At least q members, strictly ascending by index."""

    @property
    def kind(self) -> VoteKind:
        """Kind of all its votes."""
        return self.statement.kind

    @property
    def view(self) -> int:
        """View that it decides."""
        return self.statement.view


class Evidence(_Wire, frozen=True):
    """Two votes of one member that contradict each other (rule 9)."""

    first: Vote
    """The vote that was seen first."""
    second: Vote
    """The vote that contradicts it."""


VOTE_CODEC: Final = Codec(Vote, VOTE_BYTES_MAX, "vote")
CERTIFICATE_CODEC: Final = Codec(Certificate, CERTIFICATE_BYTES_MAX, "certificate")
EVIDENCE_CODEC: Final = Codec(Evidence, EVIDENCE_BYTES_MAX, "evidence")


def signed_bytes(tags: Tags, statement: Statement) -> bytes:
    """Return the bytes that a vote's signature is over (T5)."""
    return tags[statement.purpose] + encode(statement)


def finalize_of(statement: Notarize) -> Finalize:
    """Return the finalize statement about the block that a notarize statement proposes."""
    return Finalize(statement.epoch, statement.view, statement.parent_view, statement.block_id)


def contradiction(first: Statement, second: Statement) -> str | None:
    """Return why one member may not say both, or None if it may (rule 9).

    Notarize and nullify of one view are legal together, and never evidence (rule 8).
    """
    if first.epoch != second.epoch or first.view != second.view or first == second:
        return None
    kinds = {first.kind, second.kind}
    if kinds == {VoteKind.NOTARIZE}:
        return "two notarizes of one view"
    if kinds == {VoteKind.FINALIZE}:
        return "two finalizes of one view"
    if kinds == {VoteKind.NULLIFY, VoteKind.FINALIZE}:
        return "nullify and finalize of one view"
    return None

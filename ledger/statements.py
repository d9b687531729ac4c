"""What a validator can say about a view, and which two things it may not both say.

These are the statements that votes of consensus sign. They are formats of the ledger, because it
judges evidence of contradictions (E5) and may not import consensus. A signature is over
``tag(purpose) ‖ statement bytes`` (T5); the tag holds the genesis digest, so a statement means
nothing on another chain (T4), and each kind has its own purpose.
"""

from enum import IntEnum
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from ledger.codec import encode
from ledger.hashing import Purpose, Tags
from ledger.types import COUNT_MAX, Epoch, Hash, Signature, View

VotedView = Annotated[int, Meta(ge=1, le=COUNT_MAX)]
"""A view that can be voted in; view 0 is the epoch's boundary block, final without votes."""


class VoteKind(IntEnum):
    """The three things that a validator can say about a view."""

    NOTARIZE = 1
    NULLIFY = 2
    FINALIZE = 3


class _Wire(msgspec.Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True):
    """Base of all statements: an array of fields in order."""


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


class SignedStatement(_Wire, frozen=True):
    """A statement with its signature, without the signer, whom the context names."""

    statement: Statement
    """What is said."""
    signature: Signature
    """Ed25519 over tag(purpose of the kind) ‖ statement bytes."""


def signed_bytes(tags: Tags, statement: Statement) -> bytes:
    """Return the bytes that a vote's signature is over (T5)."""
    return tags[statement.purpose] + encode(statement)


def contradiction(first: Statement, second: Statement) -> str | None:
    """Return why one validator may not say both, or None if it may (consensus rule 9).

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

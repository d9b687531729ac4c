"""Errors of consensus messages: one class per rule, a stable code each.

::

    MessageInvalid           a signed message that no honest node sends; its sender is at fault
    ├── EpochWrong           of another epoch than this committee's
    ├── SignerUnknown        no member has that index
    ├── ParentViewInvalid    a proposal whose parent is not an earlier view (rule 3)
    ├── VoteForged           the signature is not the member's over the statement
    ├── QuorumMissing        a certificate with fewer than q votes
    ├── SignersNotDistinct   a certificate whose members are not strictly ascending
    └── EvidenceInvalid      two votes that do not contradict each other (rule 9)
"""

from typing import ClassVar


class MessageInvalid(Exception):
    """Base: the message is wrong for ever, whatever else becomes known."""

    code: ClassVar[str] = "MESSAGE_INVALID"


class EpochWrong(MessageInvalid):
    """A vote or certificate of another epoch."""

    code = "EPOCH_WRONG"

    def __init__(self, epoch: int, expected: int) -> None:
        """State the message's epoch and the committee's."""
        super().__init__(f"message is of epoch {epoch}; this committee votes in epoch {expected}")


class SignerUnknown(MessageInvalid):
    """A member index outside the committee."""

    code = "SIGNER_UNKNOWN"

    def __init__(self, signer: int, size: int) -> None:
        """State the index and the committee's size."""
        super().__init__(f"no member {signer} in a committee of {size}")


class ParentViewInvalid(MessageInvalid):
    """A block is proposed on a view that is not earlier than its own."""

    code = "PARENT_VIEW_INVALID"

    def __init__(self, view: int, parent_view: int) -> None:
        """State both views."""
        super().__init__(f"proposal of view {view} names parent view {parent_view}")


class VoteForged(MessageInvalid):
    """A signature that does not verify."""

    code = "VOTE_FORGED"

    def __init__(self, signer: int) -> None:
        """State whose signature it claims to be."""
        super().__init__(f"signature is not member {signer}'s over this statement and chain")


class QuorumMissing(MessageInvalid):
    """Too few votes in a certificate."""

    code = "QUORUM_MISSING"

    def __init__(self, count: int, quorum: int) -> None:
        """State how many there are and how many are needed."""
        super().__init__(f"certificate has {count} votes; {quorum} are needed")


class SignersNotDistinct(MessageInvalid):
    """A member appears twice, or out of order, in a certificate."""

    code = "SIGNERS_NOT_DISTINCT"

    def __init__(self) -> None:
        super().__init__("certificate must name each member once, in ascending order")


class EvidenceInvalid(MessageInvalid):
    """Two votes that an honest member may both have sent."""

    code = "EVIDENCE_INVALID"

    def __init__(self, reason: str) -> None:
        """State why the pair proves nothing."""
        super().__init__(f"evidence proves nothing: {reason}")

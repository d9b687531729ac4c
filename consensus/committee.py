"""The validators of one epoch: quorum, leaders, and the check of what they sign."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Protocol

from consensus.errors import (
    EpochWrong,
    EvidenceInvalid,
    ParentViewInvalid,
    QuorumMissing,
    SignersNotDistinct,
    SignerUnknown,
    VoteForged,
)
from consensus.messages import (
    Certificate,
    Evidence,
    Nullify,
    Statement,
    Vote,
    contradiction,
    signed_bytes,
    votes_of,
)
from ledger import keys
from ledger.hashing import Tags
from ledger.params import VALIDATORS_MAX
from ledger.types import Hash, PublicKey, Signature

SignatureCheck = Callable[[PublicKey, bytes, Signature], bool]
"""Returns whether a signature is the key's over the message, as `ledger.keys.verify` does."""

WasChecked = Callable[[Vote], bool]
"""Returns whether exactly this vote, signature included, was found valid before."""


class Signer(Protocol):
    """Holds a validator's key; `ledger.keys.KeyPair` is one."""

    @property
    def public_key(self) -> PublicKey:
        """The member's public key."""

    def sign(self, message: bytes) -> Signature:
        """Return the signature over a message that consensus built itself (T6)."""


def faulty_max(size: int) -> int:
    """Return f, how many of `size` members may be Byzantine: floor((n - 1) / 3)."""
    return (size - 1) // 3


def quorum_of(size: int) -> int:
    """Return q = n - f. Two quorums share an honest member for every n; 2f + 1 would not do."""
    return size - faulty_max(size)


def leader_shift(boundary_id: Hash, size: int) -> int:
    """Return the rotation of an epoch's leaders: first 8 bytes of its boundary block's id mod n.

    Epoch 0 has no predecessor to grind it and starts at 0; the caller passes 0 there.
    """
    return int.from_bytes(boundary_id[:8], "big") % size


class Committee:
    """The validator set of one epoch, in the order that leader rotation uses."""

    __slots__ = ("_check", "_shift", "epoch", "faulty", "members", "quorum", "size", "tags")

    def __init__(
        self,
        tags: Tags,
        epoch: int,
        members: Sequence[PublicKey],
        *,
        shift: int = 0,
        check: SignatureCheck = keys.verify,
    ) -> None:
        """Describe an epoch's set.

        Args:
            tags: tags of the chain.
            epoch: the epoch that these members vote in.
            members: 1 to 100 distinct keys, as the state's validator set orders them.
            shift: see `leader_shift`; 0 in epoch 0.
            check: how signatures are verified; simulations pass a cheaper one.
        """
        assert 1 <= len(members) <= VALIDATORS_MAX
        assert len(set(members)) == len(members)
        self.tags = tags
        self.epoch = epoch
        self.members = tuple(members)
        self.size = len(members)
        self.faulty = faulty_max(self.size)
        self.quorum = quorum_of(self.size)
        self._shift = shift
        self._check = check

    def leader(self, view: int) -> int:
        """Return the index of the member that proposes in a view: round robin."""
        return (view - 1 + self._shift) % self.size

    def leader_key(self, view: int) -> PublicKey:
        """Return the public key of the member that proposes in a view."""
        return self.members[self.leader(view)]

    def index_of(self, public_key: PublicKey) -> int | None:
        """Return a member's index, None if the key is not a member's."""
        return self.members.index(public_key) if public_key in self.members else None

    def check_statement(self, statement: Statement) -> None:
        """Check what needs no signature.

        Raises:
            EpochWrong: of another epoch.
            ParentViewInvalid: the parent's view is not earlier (rule 3).
        """
        if statement.epoch != self.epoch:
            raise EpochWrong(statement.epoch, self.epoch)
        if not isinstance(statement, Nullify) and statement.parent_view >= statement.view:
            raise ParentViewInvalid(statement.view, statement.parent_view)

    def check_vote(self, vote: Vote) -> None:
        """Check a vote completely.

        Raises:
            MessageInvalid: a subclass per rule: epoch, parent view, signer, signature.
        """
        self.check_statement(vote.statement)
        self._check_signature(vote.signer, signed_bytes(self.tags, vote.statement), vote.signature)

    def check_certificate(
        self, certificate: Certificate, was_checked: WasChecked | None = None
    ) -> None:
        """Check a certificate: q distinct members of this epoch's set signed its statement.

        All that is wrong with its form is found before the first signature is verified.

        Args:
            certificate: hostile.
            was_checked: spares the signatures of votes that the caller has verified; none by
                default.

        Raises:
            MessageInvalid: a subclass per rule: epoch, parent view, order, quorum, signer,
                signature.
        """
        self.check_statement(certificate.statement)
        signers = [entry.signer for entry in certificate.entries]
        if any(later <= earlier for earlier, later in pairwise(signers)):
            raise SignersNotDistinct
        if len(signers) < self.quorum:
            raise QuorumMissing(len(signers), self.quorum)
        if signers[-1] >= self.size:
            raise SignerUnknown(signers[-1], self.size)
        message = signed_bytes(self.tags, certificate.statement)
        for vote in votes_of(certificate):
            if was_checked is None or not was_checked(vote):
                self._check_signature(vote.signer, message, vote.signature)

    def check_evidence(self, evidence: Evidence) -> str:
        """Check two votes that contradict each other, with nothing but the set (rule 9).

        Returns:
            What the member did.

        Raises:
            EvidenceInvalid: different signers, or votes that are legal together.
            MessageInvalid: one of the votes is itself invalid.
        """
        if evidence.first.signer != evidence.second.signer:
            raise EvidenceInvalid("the votes are of different members")
        reason = contradiction(evidence.first.statement, evidence.second.statement)
        if reason is None:
            raise EvidenceInvalid("an honest member may have sent both votes")
        self.check_vote(evidence.first)
        self.check_vote(evidence.second)
        return reason

    def _check_signature(self, signer: int, message: bytes, signature: Signature) -> None:
        if signer >= self.size:
            raise SignerUnknown(signer, self.size)
        if not self._check(self.members[signer], message, signature):
            raise VoteForged(signer)

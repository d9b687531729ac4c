"""What is known of one view."""

from consensus.events import BlockRef
from consensus.messages import (
    Certificate,
    Evidence,
    Notarize,
    Nullify,
    Vote,
    VoteKind,
    contradiction,
)
from consensus.votes import Tally
from ledger.types import Hash


class Question:
    """A question to the application that it may answer "unknown", to be asked again."""

    __slots__ = ("again_ms", "is_asked")

    def __init__(self) -> None:
        self.is_asked = False
        """Whether an answer is awaited, or was given for good."""
        self.again_ms: int | None = None
        """When to ask again after "unknown"; None if no such answer stands."""

    def ask(self) -> None:
        """Note that the question goes out."""
        self.is_asked = True
        self.again_ms = None

    def postpone(self, until_ms: int) -> None:
        """Note that the answer was "unknown"."""
        self.is_asked = False
        self.again_ms = until_ms

    def is_ready(self, now_ms: int) -> bool:
        """Return whether the question should go out now."""
        return not self.is_asked and (self.again_ms is None or self.again_ms <= now_ms)


class ViewState:
    """Votes, certificates and the proposal of one view above the floor."""

    __slots__ = (
        "certificates",
        "certification",
        "certified",
        "equivocated",
        "executed",
        "kept",
        "own",
        "proposal",
        "proposing_ms",
        "proposing_on",
        "refused",
        "reported",
        "tallies",
        "verification",
        "view",
    )

    def __init__(self, view: int) -> None:
        self.view = view
        self.tallies = {kind: Tally() for kind in VoteKind}
        """All members' first votes, own included."""
        self.certificates: dict[VoteKind, Certificate] = {}
        """At most one of each kind."""
        self.own: dict[VoteKind, Vote] = {}
        """What this node said; never changes once set."""
        self.proposal: Notarize | None = None
        """The leader's first notarize."""
        self.equivocated = False
        """Whether the leader signed two proposals; nothing is notarized then (rule 4)."""
        self.refused = False
        """Whether the proposal is invalid for ever, or the application declined to make one."""
        self.proposing_ms: int | None = None
        """When this node, leading, asked the application for a block."""
        self.proposing_on: BlockRef | None = None
        """The parent that it asked for."""
        self.verification = Question()
        """Is the proposal valid?"""
        self.certification = Question()
        """Is the notarized block executed?"""
        self.executed: Hash | None = None
        """Block of this view that this node executed as built, verified or certified."""
        self.kept: Hash | None = None
        """Block of this view whose bytes went to the journal."""
        self.certified: bool | None = None
        """The application's verdict on the notarized block; None while it is open."""
        self.reported: set[int] = set()
        """Members whose contradiction was reported."""

    @property
    def notarized(self) -> Notarize | None:
        """The block that a quorum notarized."""
        certificate = self.certificates.get(VoteKind.NOTARIZE)
        if certificate is None:
            return None
        assert isinstance(certificate.statement, Notarize)
        return certificate.statement

    @property
    def is_nullified(self) -> bool:
        """Whether a nullification is held."""
        return VoteKind.NULLIFY in self.certificates

    def is_active(self, faulty: int) -> bool:
        """Return whether others act in this view, so that its time runs here, too.

        More voters than can be faulty include an honest one, that saw a proposal or work.
        """
        if self.proposal or self.notarized:
            return True
        notarize, nullify = self.tallies[VoteKind.NOTARIZE], self.tallies[VoteKind.NULLIFY]
        return len(notarize.voters() | nullify.voters()) > faulty

    def evidence_in(self, vote: Vote) -> Evidence | None:
        """Return proof that a checked vote contradicts an earlier one of its signer (rule 9)."""
        for tally in self.tallies.values():
            earlier = tally.vote_of(vote.signer)
            if earlier and contradiction(earlier.statement, vote.statement):
                return Evidence(earlier, vote)
        return None

    def note_contradiction(self, evidence: Evidence, leader: int) -> None:
        """Note that the signer of two checked votes contradicted itself."""
        self.reported.add(evidence.first.signer)
        kinds = {evidence.first.statement.kind, evidence.second.statement.kind}
        if evidence.first.signer == leader and kinds == {VoteKind.NOTARIZE}:
            self.equivocated = True

    def contradicts(self, certificate: Certificate) -> bool:
        """Return whether a certificate and one that is held cannot both exist.

        Two quorums share an honest member, so this needs more than f faulty ones. Honest members
        finalize exactly what was notarized, its parent's view included.
        """
        held = self.certificates.get(certificate.kind)
        if held and held.statement != certificate.statement:
            return True
        kinds = {VoteKind.NULLIFY, VoteKind.FINALIZE}
        if certificate.kind in kinds and kinds - {certificate.kind} <= self.certificates.keys():
            return True
        blocks = {
            (known.statement.parent_view, known.statement.block_id)
            for known in (*self.certificates.values(), certificate)
            if not isinstance(known.statement, Nullify)
        }
        return len(blocks) > 1

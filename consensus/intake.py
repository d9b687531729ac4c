"""Which of the votes and certificates that arrive are new, valid and to be counted."""

from consensus.effects import ReportEvidence, ReportFault
from consensus.errors import MessageInvalid
from consensus.messages import Certificate, Vote, VoteKind
from consensus.records import VoteSeen
from consensus.state import CoreState

KEY_IN_USE_ELSEWHERE = (
    "a vote signed with this validator's key exists that this node does not remember: another "
    "process uses the key, or this node's journal was lost"
)
QUORUMS_CONTRADICT = (
    "two certificates exclude each other: more than f validators are faulty, so no order of "
    "blocks can be trusted"
)


class Intake:
    """Checks messages before the rules see them; cheap refusals before signatures."""

    def __init__(self, state: CoreState) -> None:
        self._state = state

    def accept_vote(self, vote: Vote, sender: int | None) -> bool:
        """Check a vote above the floor and add it to its tally; return whether it counts."""
        state = self._state
        view, kind = vote.statement.view, vote.statement.kind
        if vote.signer == state.me:
            self._check_own_vote(vote)
            return False
        if view > state.view + 1:  # E8
            return False
        known = state.log.find(view)
        earlier = known.tallies[kind].vote_of(vote.signer) if known else None
        if known and earlier:
            is_copy = earlier.statement == vote.statement
            if is_copy or vote.signer in known.reported:
                return False
        try:
            state.committee.check_vote(vote)
        except MessageInvalid as fault:
            state.outbox.emit(ReportFault(sender, fault.code))
            return False
        state.heard[vote.signer] = max(view, state.heard.get(vote.signer, 0))
        self._weigh(vote)
        return state.log.at(view).tallies[kind].add(vote)

    def accept_certificate(self, certificate: Certificate, sender: int | None) -> bool:
        """Check a certificate above the floor; return whether it is valid and new."""
        state = self._state
        known = state.log.find(certificate.view)
        held = known.certificates.get(certificate.kind) if known else None
        if held and held.statement == certificate.statement:
            return False
        try:
            state.committee.check_certificate(certificate)
        except MessageInvalid as fault:
            state.outbox.emit(ReportFault(sender, fault.code))
            return False
        self._check_own_part(certificate)
        return True

    def _weigh(self, vote: Vote) -> None:
        """Record a checked vote, and report it if it contradicts an earlier one (rule 9)."""
        state = self._state
        at = state.log.at(vote.statement.view)
        state.outbox.record(VoteSeen(vote))
        evidence = at.evidence_in(vote)
        if evidence and vote.signer not in at.reported:
            at.note_contradiction(vote, state.committee.leader(at.view))
            state.outbox.emit(ReportEvidence(evidence))

    def _check_own_vote(self, vote: Vote) -> None:
        """Stop signing on a valid vote of the own key that this node did not cast (E10)."""
        if self._remembers(vote.statement.view, vote.statement.kind, vote):
            return
        try:
            self._state.committee.check_vote(vote)
        except MessageInvalid:
            return  # Anybody can write our index on a forged vote.
        self._state.stop_signing(KEY_IN_USE_ELSEWHERE)

    def _check_own_part(self, certificate: Certificate) -> None:
        """The same for the own vote inside a checked certificate (E10)."""
        for entry in certificate.entries:
            if entry.signer == self._state.me:
                vote = Vote(certificate.statement, entry.signer, entry.signature)
                if not self._remembers(certificate.view, certificate.kind, vote):
                    self._state.stop_signing(KEY_IN_USE_ELSEWHERE)

    def _remembers(self, view: int, kind: VoteKind, vote: Vote) -> bool:
        known = self._state.log.find(view)
        own = known.own.get(kind) if known else None
        return own is not None and own.statement == vote.statement

"""Which of the votes and certificates that arrive are new, valid and to be counted.

What costs nothing is refused first; a signature is verified once. A certificate is its votes: they
join the tallies, so that a member's vote that comes after it is a known copy, and one that
contradicts it is evidence.
"""

from typing import Final

from consensus.effects import ReportEvidence, ReportFault
from consensus.errors import MessageInvalid
from consensus.messages import Certificate, Nullify, Statement, Vote, VoteKind, votes_of
from consensus.records import VoteSeen
from consensus.state import CoreState
from consensus.view_state import ViewState

VOTED_VIEWS_MAX: Final = 1_024
"""Newest views whose votes are taken. A newer finalization covers older ones, and votes for every
view since a floor that is far behind would fill the memory."""

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
            self._check_own_vote(vote, sender)
            return False
        if not state.view - VOTED_VIEWS_MAX < view <= state.view + 1:  # E8
            return False
        known = state.log.find(view)
        earlier = known.tallies[kind].vote_of(vote.signer) if known else None
        if known and earlier and not self._may_teach(known, earlier, vote):
            return False
        try:
            state.committee.check_vote(vote)
        except MessageInvalid as fault:
            state.outbox.emit(ReportFault(sender, fault.code))
            return False
        state.outbox.record(VoteSeen(vote))
        return self._weigh(vote)

    def accept_certificate(self, certificate: Certificate, sender: int | None) -> bool:
        """Check a certificate above the floor; return whether it is valid and new."""
        state = self._state
        known = state.log.find(certificate.view)
        held = known.certificates.get(certificate.kind) if known else None
        if held and held.statement == certificate.statement:
            return False
        try:
            state.committee.check_certificate(certificate, self._was_checked)
        except MessageInvalid as fault:
            state.outbox.emit(ReportFault(sender, fault.code))
            return False
        for vote in votes_of(certificate):
            if vote.signer != state.me:
                self._weigh(vote)
            elif not self._remembers(vote.statement):
                state.stop_signing(KEY_IN_USE_ELSEWHERE)
        return True

    def check_against_floor(self, certificate: Certificate, sender: int | None) -> None:
        """Stop signing if a certificate excludes the newest finalization, whose view it has."""
        state = self._state
        floor, statement = state.log.floor, certificate.statement
        is_same_block = not isinstance(statement, Nullify) and statement.block_id == floor.block_id
        if not floor.view or statement.view != floor.view or is_same_block:
            return
        try:
            state.committee.check_certificate(certificate, self._was_checked)
        except MessageInvalid as fault:
            state.outbox.emit(ReportFault(sender, fault.code))
        else:
            state.stop_signing(QUORUMS_CONTRADICT)

    def _may_teach(self, at: ViewState, earlier: Vote, vote: Vote) -> bool:
        """Return whether a second vote of one kind is worth a signature.

        It is if it contradicts the first and the member is not known yet to contradict itself, or
        if it shows that the leader proposed twice (rule 4).
        """
        if earlier.statement == vote.statement:
            return False
        is_proposal = vote.statement.kind is VoteKind.NOTARIZE and self._is_leaders(vote)
        return vote.signer not in at.reported or (is_proposal and not at.equivocated)

    def _weigh(self, vote: Vote) -> bool:
        """Take in a checked vote; report it if it contradicts an earlier one (rule 9).

        Returns:
            Whether it counts: the member's first of its kind in this view.
        """
        state = self._state
        state.hear(vote)
        at = state.log.at(vote.statement.view)
        evidence = at.evidence_in(vote)
        if evidence:
            is_news = vote.signer not in at.reported
            at.note_contradiction(evidence, state.committee.leader(at.view))
            if is_news:
                state.outbox.emit(ReportEvidence(evidence))
        return at.tallies[vote.statement.kind].add(vote)

    def _check_own_vote(self, vote: Vote, sender: int | None) -> None:
        """Stop signing on a valid vote of the own key that this node did not cast (E10)."""
        if self._remembers(vote.statement):
            return
        try:
            self._state.committee.check_vote(vote)
        except MessageInvalid as fault:  # Anybody can write our index on a vote.
            self._state.outbox.emit(ReportFault(sender, fault.code))
            return
        self._state.stop_signing(KEY_IN_USE_ELSEWHERE)

    def _remembers(self, statement: Statement) -> bool:
        known = self._state.log.find(statement.view)
        own = known.own.get(statement.kind) if known else None
        return own is not None and own.statement == statement

    def _was_checked(self, vote: Vote) -> bool:
        known = self._state.log.find(vote.statement.view)
        return known is not None and known.tallies[vote.statement.kind].vote_of(vote.signer) == vote

    def _is_leaders(self, vote: Vote) -> bool:
        return vote.signer == self._state.committee.leader(vote.statement.view)

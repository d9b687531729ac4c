"""Continuing after a restart: from the journal's records to what the core knew."""

from consensus.effects import ReportEvidence
from consensus.events import BlockRef, Started
from consensus.messages import Certificate, Finalize, Notarize, Vote, VoteKind, votes_of
from consensus.records import CertificateSeen, VerdictGiven, VoteSeen
from consensus.state import CoreState
from consensus.view_log import ViewLog


def replay(state: CoreState, started: Started) -> None:
    """Set views, floor, tip and current view from durable records.

    The only effect is that contradictions are reported again: the crash may have come before
    anybody took note of them.

    Records were checked before they were written, and the journal checks its own integrity, so
    signatures are not verified again.
    """
    state.log = ViewLog(started.final, started.certificate)
    state.closers.update(started.ends_epoch)
    for record in started.records:
        if record.view <= state.log.floor.view:
            continue
        match record:
            case VoteSeen(vote=vote):
                _replay_vote(state, vote)
            case CertificateSeen(certificate=certificate):
                _replay_certificate(state, certificate)
            case VerdictGiven(view=view, block_id=block_id, valid=valid):
                at = state.log.at(view)
                assert at.notarized is not None
                assert at.notarized.block_id == block_id, "a verdict on another block"
                at.certified = valid
                if valid:
                    at.executed = at.kept = block_id
                    state.log.certify(at)
    _find_current_view(state)


def _replay_vote(state: CoreState, vote: Vote) -> None:
    if not _replay_tally(state, vote):
        return
    at = state.log.at(vote.statement.view)
    is_leader = vote.signer == state.committee.leader(at.view)
    if isinstance(vote.statement, Notarize) and is_leader:
        at.proposal = vote.statement
    if vote.signer == state.me:
        at.own[vote.statement.kind] = vote
        if isinstance(vote.statement, Notarize):
            at.executed = at.kept = vote.statement.block_id


def _replay_tally(state: CoreState, vote: Vote) -> bool:
    at = state.log.at(vote.statement.view)
    evidence = at.evidence_in(vote)
    if evidence:
        if vote.signer not in at.reported:
            state.outbox.emit(ReportEvidence(evidence))
        at.note_contradiction(evidence, state.committee.leader(at.view))
    if vote.signer != state.me:
        state.heard[vote.signer] = max(at.view, state.heard.get(vote.signer, 0))
    return at.tallies[vote.statement.kind].add(vote)


def _replay_certificate(state: CoreState, certificate: Certificate) -> None:
    state.log.at(certificate.view).certificates[certificate.kind] = certificate
    for vote in votes_of(certificate):
        if vote.signer != state.me:
            _replay_tally(state, vote)
    statement = certificate.statement
    if isinstance(statement, Finalize):
        state.log.raise_floor(BlockRef(statement.view, statement.block_id), certificate)


def _find_current_view(state: CoreState) -> None:
    """Enter the view after the highest that a certificate allows to leave (rule 1)."""
    state.view = state.log.floor.view + 1
    state.entry = state.log.floor_certificate
    for at in state.log.above_floor():
        if at.view < state.view:
            continue
        if at.certified:
            state.view, state.entry = at.view + 1, at.certificates[VoteKind.NOTARIZE]
        if at.is_nullified:
            state.view, state.entry = at.view + 1, at.certificates[VoteKind.NULLIFY]
    voted = max((at.view for at in state.log.above_floor() if at.own), default=0)
    assert voted <= state.view, "an own vote is for a view that nothing in the journal enters"

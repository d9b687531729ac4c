"""How certificates come about and where they lead: rules 1, 5, 7, and the casting of own votes.

These belong together because one leads to the other: an own vote may complete a certificate, which
certifies a block, which casts the next vote. With one member a block is proposed, notarized,
certified and final in one pass.
"""

from consensus.effects import Broadcast, BroadcastProposal, Certify, Commit, Send
from consensus.events import BlockRef, Certified, Verdict
from consensus.intake import QUORUMS_CONTRADICT
from consensus.messages import (
    Certificate,
    Finalize,
    Notarize,
    Nullify,
    Statement,
    Vote,
    VoteKind,
    finalize_of,
    signed_bytes,
)
from consensus.records import CertificateSeen, VerdictGiven, VoteSeen
from consensus.repeater import Repeater
from consensus.state import CoreState
from consensus.view_state import ViewState
from ledger.types import View


class Progress:
    """Votes to certificates, certificates to views and finality."""

    def __init__(self, state: CoreState, repeater: Repeater) -> None:
        self._state = state
        self._repeater = repeater

    def cast(self, statement: Statement) -> None:
        """Sign, record, send and count an own vote; the last line of defence of rules 4, 6, 8."""
        state = self._state
        if not state.may_sign:
            return
        assert state.signer is not None
        assert state.me is not None
        at = state.log.at(statement.view)
        assert statement.kind not in at.own, "an own vote is cast once a view and kind"
        assert VoteKind.NULLIFY not in at.own, "nothing is voted after nullify (rules 4, 8)"
        if isinstance(statement, Finalize):
            assert at.certified, "finalize only what was certified (rule 5)"
        else:
            assert statement.view == state.view, "vote in the current view only (rules 4, 6)"
            assert VoteKind.FINALIZE not in at.own, "no nullify after finalize (rule 8)"
        signature = state.signer.sign(signed_bytes(state.committee.tags, statement))
        vote = Vote(statement, state.me, signature)
        at.own[statement.kind] = vote
        at.tallies[statement.kind].add(vote)
        state.outbox.record(VoteSeen(vote))
        if isinstance(statement, Notarize) and state.is_leading:
            self._send_support(statement)
            state.outbox.emit(BroadcastProposal(vote))
        else:
            state.outbox.emit(Broadcast(vote))
        self.count(statement.view, statement.kind)

    def _send_support(self, proposal: Notarize) -> None:
        """Have everybody enter the view that this node leads, and find its parent (rule 5)."""
        entry = self._state.entry
        if entry:
            self._state.outbox.emit(Broadcast(entry))
        parent = self._state.log.find(proposal.parent_view)
        if parent and parent.view == proposal.view - 1:
            notarization = parent.certificates[VoteKind.NOTARIZE]
            if notarization is not entry:
                self._state.outbox.emit(Broadcast(notarization))

    def _pass_on(self, certificate: Certificate, sender: int | None) -> None:
        """Give a certificate that opens a view to that view's leader, unless it has it (rule 5)."""
        state = self._state
        if certificate.kind is VoteKind.FINALIZE or certificate.view < state.view - 1:
            return  # Asked for by those who lack it.
        leader = state.committee.leader(certificate.view + 1)
        is_needless = leader == sender or state.has_entered(leader, certificate.view + 1)
        if state.me is not None and leader != state.me and not is_needless:
            state.outbox.emit(Send(leader, certificate))

    def count(self, view: View, kind: VoteKind) -> None:
        """Adopt a certificate as soon as a quorum says the same; also for views left (rule 7)."""
        at = self._state.log.find(view)
        if at is None or kind in at.certificates:
            return
        certificate = at.tallies[kind].certificate(self._state.committee.quorum)
        if certificate:
            self.adopt(certificate)

    def adopt(self, certificate: Certificate, sender: int | None = None) -> None:
        """Act on a certificate that is checked, above the floor, and new."""
        state = self._state
        at = state.log.at(certificate.view)
        if at.contradicts(certificate):
            state.stop_signing(QUORUMS_CONTRADICT)
            return
        at.certificates[certificate.kind] = certificate
        state.outbox.record(CertificateSeen(certificate))
        self._pass_on(certificate, sender)
        match certificate.statement:
            case Notarize():
                self.note_activity(at)
                self.certify(at)  # rule 5
            case Nullify(view=view):
                if view >= state.view:
                    self._enter(view + 1, certificate)  # rule 1
            case Finalize() as final:
                self._make_final(final, certificate)

    def _make_final(self, final: Finalize, certificate: Certificate) -> None:
        """Rule 7: the block and its ancestors are final."""
        state = self._state
        state.log.raise_floor(BlockRef(final.view, final.block_id), certificate)
        state.outbox.emit(Commit(certificate))
        state.final_ms = state.now_ms
        state.pacemaker.block_seen(state.now_ms)
        parent_waits = state.log.tip != state.log.floor
        state.pacemaker.finalized(parent_waits=parent_waits, is_deep=state.is_deep)
        self._repeater.on_finality()
        if final.view >= state.view:
            self._enter(final.view + 1, certificate)  # rule 1
        elif final.view == state.view - 1:
            state.entry = certificate  # Says more than the notarization that was the first.

    def certify(self, at: ViewState) -> None:
        """Rule 5: have a notarized block executed, unless it was or the question is out."""
        assert at.notarized is not None
        if at.executed == at.notarized.block_id:
            self._conclude(at, valid=True)
        elif at.certification.is_ready(self._state.now_ms):
            at.certification.ask()
            self._state.outbox.emit(Certify(at.notarized))

    def on_certified(self, event: Certified) -> None:
        """Take the application's verdict on a notarized block."""
        if event.ends_epoch:
            self._state.closers.add(event.block_id)
        at = self._state.log.find(event.view)
        if at is None or at.notarized is None or at.certified is not None:
            return  # A finalization came first, or the answer was given before.
        assert event.block_id == at.notarized.block_id
        if event.verdict is Verdict.UNKNOWN:
            at.certification.postpone(self._state.now_ms + self._state.pacemaker.retry_ms)
        else:
            self._conclude(at, valid=event.verdict is Verdict.VALID)

    def _conclude(self, at: ViewState, *, valid: bool) -> None:
        """Record the verdict; finalize and move on, or leave the view to rule 6."""
        state = self._state
        notarized = at.notarized
        assert notarized is not None
        if valid:
            self.keep(at, notarized.block_id)
        state.outbox.record(VerdictGiven(at.view, notarized.block_id, valid))
        if not valid:
            at.certified = False
            return
        state.log.certify(at)
        state.pacemaker.block_seen(state.now_ms)
        self.finalize_if_allowed(at)
        if at.view >= state.view:
            self._enter(at.view + 1, at.certificates[VoteKind.NOTARIZE])  # rule 1

    def finalize_if_allowed(self, at: ViewState) -> None:
        """Rules 5 and 8: after certification, unless this node nullified the view."""
        said = at.own.keys()
        if VoteKind.NULLIFY not in said and VoteKind.FINALIZE not in said:
            assert at.notarized is not None
            self.cast(finalize_of(at.notarized))

    def keep(self, at: ViewState, block_id: bytes) -> None:
        """Have an executed block's bytes durable before anything that vouches for it is sent."""
        at.executed = block_id
        if at.kept != block_id:
            at.kept = block_id
            self._state.outbox.keep_block(BlockRef(at.view, block_id))

    def _enter(self, view: View, certificate: Certificate) -> None:
        """Rule 1."""
        assert view > self._state.view, "views only rise"
        self._state.view = view
        self._state.entry = certificate
        self.on_entered()

    def on_entered(self) -> None:
        """Start the current view's time."""
        state = self._state
        parent_waits = state.log.tip != state.log.floor
        state.pacemaker.enter(state.now_ms, parent_waits=parent_waits, is_deep=state.is_deep)
        self.note_activity(state.log.at(state.view))
        self._repeater.on_entry()

    def note_activity(self, at: ViewState) -> None:
        """Have the time of the current view run, if others act in it."""
        state = self._state
        if at.view == state.view and at.is_active(state.committee.faulty):
            state.pacemaker.activity_seen(state.now_ms)

"""Simplex consensus for one epoch: `Core.handle(event)` returns what is to be done.

This docstring is the specification; "rule 4" in a comment is rule 4 here. n members, of which
f = floor((n - 1) / 3) may be Byzantine; a quorum is q = n - f, so two quorums share an honest
member. Views count from 1; view 0 is the epoch's boundary block, final without votes. A
certificate is q votes of distinct members for one statement: notarization, nullification or
finalization. The floor is the newest finalization's view.

1.  **Enter v + 1** on finalization(v), on nullification(v), or on notarization(v) whose block was
    certified here. A certificate of a higher view lets a node jump.
2.  **The leader of v** builds on the highest certified or final block, of view p, for which it
    holds a nullification of every view between p and v; it fetches a missing one first. If the
    application declines, it nullifies.
3.  **On the proposal of v** with parent view p: p below the floor is invalid. While p is not
    certified here, or a nullification between is missing, the node asks the leader of v and waits.
    Then the application verifies: valid, notarize; invalid, nullify; unknown, ask again later.
4.  **notarize(v)** at most once, only in v, never after own nullify(v), never after seeing the
    leader of v equivocate.
5.  **Notarization(v)**: pass it on and certify the block. Then finalize(v) unless nullify(v) was
    sent, and enter v + 1. A nullification does not cancel certification; a finalization ≥ v does.
6.  **nullify(v)** only in v and never after finalize(v). Causes: no proposal by t_l; not certified
    by t_a; proposal refused; certification failed; the leader nullified; the leader was silent for
    long while a quorum was active (t_l is 0 then). Repeated every t_r, for members not yet heard
    in v together with the certificate that let this node enter v, and counted again here.
7.  **Finalization(v)**: the block and its ancestors are final. Finalize votes count after the
    network has left v. Who lacks it 2Δ after entering a view asks for it.
8.  Never nullify and finalize in one view. notarize and then nullify is legal.
9.  **Evidence**: two notarizes, two finalizes, or nullify and finalize of one view by one member.
10. Everything above the floor is sent again every t_s until it is final.
11. Timeouts grow with views that this node gave up, and shrink with finalizations (pacemaker).

Before anything is sent: own votes, certificates, certification verdicts and the first vote of
each (member, view, kind) are durable, and so are the bytes of every block that this node notarizes
or certifies. Votes are accepted for views in (floor, current + 1] only (E8), and of those for the
newest `VOTED_VIEWS_MAX`. A valid own vote that this node does not remember means that another
process signs with its key: it stops signing (E10).

Certificates: votes go to everybody, so nearly all nodes make nearly all certificates themselves,
and the published rule, by which each node broadcasts each certificate, costs n² messages of q
signatures for what others have. Here a notarization or nullification of v goes to the leader of
v + 1, and that leader sends with its proposal what let it enter v + 1, and its parent's
notarization. Why no bound of the proof changes: docs/consensus-certificates.md.

Quiet chains: see `consensus.pacemaker`. An unfinal parent counts as work only after 2Δ, because
finality always comes one message delay after certification; without that pause a quiet chain
would never be quiet. Where bodies must be empty (E1) nothing else counts as work.

Deviations from the published protocol: a block that this node built or verified was executed then,
so its notarization is certified at once, in the same batch; the fast way out of rule 6 for a silent
leader; f + 1 voters of a view start its clock, since one honest member saw a proposal or work; who
gets certificates (above). Two certificates that exclude each other prove more than f faulty
members: the node keeps the first, reports who signed both, and stops signing.

Epochs: one `Core` serves one. On an epoch's last block nothing is built: the leader proposes that
same block again, with the view that notarized it as parent, until it is final itself. Then the
core is closed, and the shell starts the next epoch's from that block.
"""

from collections.abc import Iterable
from itertools import islice

from consensus.committee import Committee, Signer
from consensus.effects import (
    FETCH_VIEWS_MAX,
    AwaitWork,
    Commit,
    Effect,
    Propose,
    SetTimer,
    Verify,
)
from consensus.events import (
    BlockArrived,
    BlockBuilt,
    BlockDeclined,
    BlockRef,
    CertificateReceived,
    CertificatesRequested,
    Certified,
    Event,
    Started,
    Tick,
    Verdict,
    Verified,
    VoteReceived,
    WorkPending,
)
from consensus.intake import Intake
from consensus.messages import Certificate, Notarize, Nullify, Statement, Vote, VoteKind
from consensus.pacemaker import NEVER, Timing
from consensus.progress import Progress
from consensus.repeater import Repeater
from consensus.replay import replay
from consensus.state import CoreState
from consensus.view_state import ViewState
from consensus.waiting import Waiting, waiting_for
from ledger.types import Hash, View


class Core:
    """One validator's, or follower's, consensus in one epoch."""

    def __init__(self, committee: Committee, signer: Signer | None, timing: Timing) -> None:
        """Prepare; the first event must be `Started`.

        Args:
            committee: the epoch's validators.
            signer: this node's key; None, or a key outside the committee, for a follower.
            timing: the chain's parameters.
        """
        self._state = CoreState(committee, signer, timing)
        self._intake = Intake(self._state)
        self._repeater = Repeater(self._state)
        self._progress = Progress(self._state, self._repeater)
        self._is_started = False
        self._alarm_ms = NEVER
        self._awaiting: AwaitWork | None = None

    @property
    def is_started(self) -> bool:
        """Whether it took `Started`, and so continues from what was durable."""
        return self._is_started

    @property
    def view(self) -> View:
        """The current view."""
        return self._state.view

    @property
    def floor(self) -> BlockRef:
        """The newest final block."""
        return self._state.log.floor

    @property
    def may_sign(self) -> bool:
        """Whether this node votes: it is a member and was not stopped (E10)."""
        return self._state.may_sign

    @property
    def heard(self) -> dict[int, View]:
        """Highest view that each other member was heard to vote in, for the operator."""
        return dict(self._state.heard)

    def vote_of(self, member: int) -> Vote | None:
        """Return the newest checked vote of a member that is held, alone or in a certificate.

        Votes below the floor are forgotten.
        """
        return self._state.log.vote_of(member)

    def waiting(self) -> Waiting:
        """Return what has to happen before something more is final, for the operator."""
        return waiting_for(self._state, self._blocking())

    def certificates(self, views: Iterable[View]) -> tuple[Certificate, ...]:
        """Return what is held of some views, for a shell that answers who is no member.

        The newest finalization stands for all views up to its own.
        """
        return self._repeater.held(views)

    def handle(self, event: Event) -> tuple[Effect, ...]:
        """Take one event and return what is to be done, `Persist` first."""
        assert self._is_started != isinstance(event, Started), "Started comes first, and once"
        self._state.now_ms = max(self._state.now_ms, event.now_ms)
        self._take(event)
        self._act()
        self._await_work()
        self._set_timer()
        return self._state.outbox.flush()

    def _take(self, event: Event) -> None:
        match event:
            case Started():
                self._start(event)
            case VoteReceived(vote=vote, sender=sender):
                self._on_vote(vote, sender)
            case CertificateReceived(certificate=certificate, sender=sender):
                self._on_certificate(certificate, sender)
            case CertificatesRequested(views=views, sender=sender):
                self._repeater.answer(views, sender)
            case BlockBuilt():
                self._on_block_built(event)
            case Verified():
                self._on_verified(event)
            case Certified():
                self._progress.on_certified(event)
            case BlockArrived():
                self._ask_again()
            case WorkPending(view=view) if view == self.view:
                self._state.pacemaker.work_seen(self._state.now_ms)
            case BlockDeclined(view=view) if view == self.view:
                self._current().refused = True
            case Tick() | WorkPending() | BlockDeclined():
                pass

    def _start(self, event: Started) -> None:
        """Continue from what was durable; everything above the floor is sent again."""
        self._is_started = True
        state = self._state
        replay(state, event)
        state.final_ms = state.now_ms
        state.pacemaker.block_seen(state.now_ms)
        if state.log.floor.view > event.final.view:
            assert state.log.floor_certificate is not None
            state.outbox.emit(Commit(state.log.floor_certificate))
        self._progress.on_entered()
        for at in state.log.above_floor():
            if at.certified:
                self._progress.finalize_if_allowed(at)
            for kind in VoteKind:
                self._progress.count(at.view, kind)
        if VoteKind.NULLIFY in self._current().own:
            self._repeater.on_nullify()
        self._repeater.resend()

    # ------------------------------------------------------------------ what others say

    def _on_vote(self, vote: Vote, sender: int | None) -> None:
        state = self._state
        statement = vote.statement
        if statement.view <= state.log.floor.view:
            self._on_stale(statement, sender, is_late=statement.kind is VoteKind.FINALIZE)
            return
        if not self._intake.accept_vote(vote, sender):
            return
        at = state.log.at(statement.view)
        is_leaders = vote.signer == state.committee.leader(at.view)
        if isinstance(statement, Notarize) and is_leaders:
            at.proposal = statement
        self._progress.note_activity(at)
        self._progress.count(statement.view, statement.kind)

    def _on_certificate(self, certificate: Certificate, sender: int | None) -> None:
        if certificate.view <= self._state.log.floor.view:
            self._intake.check_against_floor(certificate, sender)
            is_late = certificate.kind is not VoteKind.NULLIFY
            self._on_stale(certificate.statement, sender, is_late=is_late)
        elif self._intake.accept_certificate(certificate, sender):
            self._progress.adopt(certificate, sender)

    def _on_stale(self, statement: Statement, sender: int | None, *, is_late: bool) -> None:
        """Help a member that is behind; who knows the floor's block is late by a message only."""
        if statement.view < self._state.log.floor.view or not is_late:
            self._repeater.answer_stale(sender)

    # ------------------------------------------------------------------ what the rules now allow

    def _act(self) -> None:
        """Do what the rules ask for in the current view, and in each one that it leads to."""
        state = self._state
        acted_in: View | None = None
        while acted_in != state.view:
            acted_in = state.view
            for at in state.log.above_floor():
                if at.notarized and at.certified is None:
                    self._progress.certify(at)
            if state.may_sign and not state.is_closed:
                self._propose_if_due()
                self._verify_if_ready()
                self._nullify_if_due()
        if self._repeater.repeated_nullify():
            self._progress.count(state.view, VoteKind.NULLIFY)
        self._repeater.resend_at_standstill()
        self._repeater.fetch(self._blocking(), state.committee.leader(state.view))

    def _current(self) -> ViewState:
        return self._state.log.at(self._state.view)

    def _propose_if_due(self) -> None:
        """Rule 2, with the pause of a quiet chain."""
        state, at = self._state, self._current()
        is_open = not at.own and not at.refused and at.proposing_on is None
        if not (state.is_leading and is_open and state.now_ms >= state.pacemaker.owed_ms):
            return
        tip = state.log.tip
        if next(state.log.without_nullification(tip.view, state.view), None) is not None:
            return
        at.proposing_on, at.proposing_ms = tip, state.now_ms
        if tip.block_id in state.closers:
            self._propose(at, tip, tip.block_id)
        else:
            state.outbox.emit(Propose(state.view, tip, empty=state.is_deep))

    def _on_block_built(self, event: BlockBuilt) -> None:
        state = self._state
        if event.ends_epoch:
            state.closers.add(event.block_id)
        if event.view != state.view or not state.may_sign:
            return  # Too late: the view is over, and the block is dropped.
        at = self._current()
        if not at.own and at.proposing_on is not None:  # Not given up meanwhile.
            self._propose(at, at.proposing_on, event.block_id)

    def _propose(self, at: ViewState, parent: BlockRef, block_id: Hash) -> None:
        at.proposal = Notarize(self._state.committee.epoch, at.view, parent.view, block_id)
        self._progress.keep(at, block_id)
        self._progress.cast(at.proposal)

    def _verify_if_ready(self) -> None:
        """Rule 3."""
        state, at = self._state, self._current()
        proposal = at.proposal
        if proposal is None or at.own or at.equivocated or at.refused:
            return
        if proposal.parent_view < state.log.floor.view:
            at.refused = True
            return
        parent = state.log.base(proposal.parent_view)
        if parent is None or self._blocking() or not at.verification.is_ready(state.now_ms):
            return
        at.verification.ask()
        if parent.block_id not in state.closers:
            state.outbox.emit(Verify(proposal, parent))
            return
        is_same = proposal.block_id == parent.block_id
        verdict = Verdict.VALID if is_same else Verdict.INVALID
        self._on_verified(Verified(state.now_ms, at.view, proposal.block_id, verdict))

    def _on_verified(self, event: Verified) -> None:
        state = self._state
        if event.ends_epoch:
            state.closers.add(event.block_id)
        at = state.log.find(event.view)
        if at is None or at.proposal is None or at.proposal.block_id != event.block_id:
            return
        if event.verdict is Verdict.UNKNOWN:
            at.verification.postpone(state.now_ms + state.pacemaker.retry_ms)
        elif event.verdict is Verdict.INVALID:
            at.refused = True
        else:
            at.executed = event.block_id
            is_open = event.view == state.view and not at.own and not at.equivocated
            if is_open and state.may_sign:  # rule 4
                self._progress.keep(at, event.block_id)
                self._progress.cast(at.proposal)

    def _nullify_if_due(self) -> None:
        """Rule 6.

        Casting an earlier vote of the same turn may have ended signing: without an own nullify
        there is nothing to repeat.
        """
        state, at = self._state, self._current()
        if not state.may_sign or not at.own.keys().isdisjoint(
            {VoteKind.NULLIFY, VoteKind.FINALIZE}
        ):
            return
        leader = state.committee.leader(state.view)
        leader_gave_up = at.tallies[VoteKind.NULLIFY].vote_of(leader) is not None
        is_lost = at.refused or at.certified is False or leader_gave_up
        if not is_lost and state.now_ms < state.deadline_ms(at):
            return
        if not is_lost:
            state.pacemaker.gave_up()
        self._repeater.on_nullify()
        self._progress.cast(Nullify(state.committee.epoch, state.view))

    def _blocking(self) -> tuple[View, ...]:
        """Return the views whose certificates the current proposal, or the own turn, lacks."""
        state, at = self._state, self._current()
        parent_view = at.proposal.parent_view if at.proposal else state.log.tip.view
        if parent_view < state.log.floor.view:
            return ()
        gaps = state.log.without_nullification(parent_view, state.view)
        missing = tuple(islice(gaps, FETCH_VIEWS_MAX))
        return missing if state.log.base(parent_view) else (parent_view, *missing)

    # ------------------------------------------------------------------ what to be woken by

    def _ask_again(self) -> None:
        """A block arrived: ask now what would be asked again later."""
        for at in self._state.log.above_floor():
            for question in (at.verification, at.certification):
                if question.again_ms is not None:
                    question.again_ms = self._state.now_ms

    def _await_work(self) -> None:
        """Have the application report work for a block on the tip, whenever view or tip changed."""
        state = self._state
        wanted = AwaitWork(state.view, state.log.tip, state.is_leading)
        if state.may_sign and not state.is_closed and wanted != self._awaiting:
            self._awaiting = wanted
            state.outbox.emit(wanted)

    def _set_timer(self) -> None:
        alarm_ms = min(self._repeater.next_ms(), self._state.next_alarm_ms())
        if alarm_ms != self._alarm_ms:
            self._alarm_ms = alarm_ms
            self._state.outbox.emit(SetTimer(alarm_ms if alarm_ms < NEVER else None))

"""What one validator knows in one epoch; the parts of the core share it."""

from consensus.committee import Committee, Signer
from consensus.effects import StopSigning
from consensus.events import BlockRef
from consensus.messages import Certificate, Vote, VoteKind
from consensus.outbox import Outbox
from consensus.pacemaker import NEVER, Pacemaker, Timing
from consensus.view_log import ViewLog
from consensus.view_state import ViewState
from ledger.types import Hash, View

SILENT_VIEWS = 8
"""Views without a vote after which a leader counts as silent (rule 6)."""

UNFINAL_DEPTH_SOFT = 16
"""Unfinal blocks beyond which bodies are proposed empty (E1)."""


class CoreState:
    """Mutable state of a `Core`; only the core and its parts touch it."""

    def __init__(self, committee: Committee, signer: Signer | None, timing: Timing) -> None:
        self.committee = committee
        self.signer = signer
        self.me = committee.index_of(signer.public_key) if signer else None
        """Own index; None for a follower, which never votes."""
        self.log = ViewLog(BlockRef(0, b""), None)
        self.view: View = 1
        """Current view."""
        self.entry: Certificate | None = None
        """The certificate of the view before that let this node enter, or its finalization."""
        self.now_ms = 0
        self.pacemaker = Pacemaker(timing)
        self.outbox = Outbox()
        self.stopped = ""
        """Why this node no longer signs; empty while it may (E10)."""
        self.closers: set[Hash] = set()
        """Executed blocks that are the last of the epoch."""
        self.heard: dict[int, View] = {}
        """Highest view that each other member voted in."""
        self.heard_ms: dict[int, int] = {}
        """When a vote of each other member was last heard, since this process started."""
        self.final_ms = 0
        """When something last became final here, or when this process started."""

    @property
    def may_sign(self) -> bool:
        """Whether this node votes."""
        return self.me is not None and not self.stopped

    @property
    def is_deep(self) -> bool:
        """Whether so much is not final that a block's body must be empty (E1)."""
        return self.log.depth() > UNFINAL_DEPTH_SOFT

    @property
    def is_closed(self) -> bool:
        """Whether the epoch is over: its last block is final, and nothing is built beyond it."""
        return self.log.floor.block_id in self.closers

    @property
    def is_leading(self) -> bool:
        """Whether this node proposes in the current view."""
        return self.committee.leader(self.view) == self.me

    @property
    def leader_is_silent(self) -> bool:
        """Whether the leader has not voted for long while a quorum has (rule 6)."""
        leader = self.committee.leader(self.view)
        if leader == self.me or self.view <= SILENT_VIEWS:
            return False
        horizon = self.view - SILENT_VIEWS
        active = sum(view >= horizon for view in self.heard.values()) + (self.me is not None)
        return self.heard.get(leader, 0) < horizon and active >= self.committee.quorum

    def hear(self, vote: Vote) -> None:
        """Note a checked vote of another member."""
        self.heard[vote.signer] = max(vote.statement.view, self.heard.get(vote.signer, 0))
        self.heard_ms[vote.signer] = self.now_ms

    def has_entered(self, member: int, view: View) -> bool:
        """Return whether a member is known to be in a view or beyond: it voted there."""
        return self.heard.get(member, 0) >= view

    def deadline_ms(self, at: ViewState) -> int:
        """Return when the current view is given up: t_l while nothing is proposed, then t_a."""
        pacemaker = self.pacemaker
        if at.proposal or at.notarized:
            return pacemaker.certify_deadline_ms
        deadline_ms = pacemaker.leader_deadline_ms(leader_is_silent=self.leader_is_silent)
        if at.proposing_ms is None:
            return deadline_ms
        # The own application's time counts from the question.
        return max(deadline_ms, at.proposing_ms + 2 * pacemaker.delta_ms)

    def next_alarm_ms(self) -> int:
        """Return the next time at which a rule may ask for something, as far as views go."""
        times = [
            question.again_ms
            for at in self.log.above_floor()
            for question in (at.verification, at.certification)
            if question.again_ms is not None
        ]
        times.append(self.pacemaker.finality_ms)
        at = self.log.at(self.view)
        if self.may_sign and not self.is_closed and VoteKind.NULLIFY not in at.own:
            times.append(self.deadline_ms(at))
            if self.is_leading:
                times.append(self.pacemaker.owed_ms)
        return min((time for time in times if time > self.now_ms), default=NEVER)

    def stop_signing(self, reason: str) -> None:
        """Never sign again in this epoch, but keep following."""
        if not self.stopped:
            self.stopped = reason
            self.outbox.emit(StopSigning(reason))

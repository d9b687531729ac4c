"""Members whose votes contradict each other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from consensus import Finalize, Notarize, Nullify, Vote
from devnet.simulator.byzantine.base import Byzantine, Liar
from devnet.simulator.wire import PROPOSING, vote_in
from ledger.block import CODEC
from node.p2p import Message, ProposalMessage, VoteMessage

if TYPE_CHECKING:
    from devnet.simulator.process import Process
    from devnet.simulator.sim_peers import SimPeer


class Equivocator(Liar):
    """Proposes two valid blocks in its views, each to some of the others, and votes for all."""

    def on_turn(self, view: int) -> None:
        """Split the others between two blocks, on parents that may be overtaken."""
        parents = self.parents(view)
        if not parents:
            return
        for shift_ms in (0, 1 + self.chance.randrange(5)):
            at, parent = parents[0] if self.chance.random() < 0.8 else self.chance.choice(parents)
            data = self.build(view, parent, shift_ms)
            if data is None:
                continue
            statement = Notarize(self.epoch, view, at, self.id_of(CODEC.decode(data)))
            self.say(ProposalMessage(self.vote(statement), data), 0.6)
            self.support(statement, 0.3)

    def on_proposal(self, vote: Vote) -> None:
        """Support whatever is proposed."""
        if isinstance(vote.statement, Notarize) and vote.statement.epoch == self.epoch:
            self.support(vote.statement, 0.8)


class ConflictingVoter(Liar):
    """Says of every block and every view all that can be said, to different others."""

    def on_proposal(self, vote: Vote) -> None:
        """Notarize, finalize and nullify, each to some."""
        statement = vote.statement
        if not isinstance(statement, Notarize) or statement.epoch != self.epoch:
            return
        final = Finalize(statement.epoch, statement.view, statement.parent_view, statement.block_id)
        for said in (statement, final, Nullify(statement.epoch, statement.view)):
            if self.chance.random() < 0.8:
                self.later(self.chance.randrange(60), VoteMessage(self.vote(said)), 0.6)

    def on_view(self, view: int) -> None:
        """Deny a view that has only begun."""
        if self.chance.random() < 0.3:
            self.deny(view, 0.6)

    on_turn = on_view


class NullifyAndFinalizer(Byzantine):
    """Keeps the rules, but tells some the opposite of its nullify and finalize votes."""

    def attach(self, process: Process) -> None:
        """Remember proposals."""
        super().attach(process)
        self._proposed: dict[tuple[int, int], Notarize] = {}

    def incoming(self, _peer: SimPeer, message: Message) -> bool:
        """Note what is proposed in which view."""
        vote = vote_in(message)
        if isinstance(message, PROPOSING) and vote and isinstance(vote.statement, Notarize):
            self._proposed[(vote.statement.epoch, vote.statement.view)] = vote.statement
        return True

    def outgoing(self, _peer: SimPeer, message: Message) -> Iterable[Message]:
        """Send the opposite to some, and both to some."""
        opposite = self._opposite(message)
        if opposite is None:
            return (message,)
        return self.chance.choice(((message,), (opposite,), (message, opposite)))

    def _opposite(self, message: Message) -> Message | None:
        if not isinstance(message, VoteMessage):
            return None
        statement = message.vote.statement
        if isinstance(statement, Finalize):
            return VoteMessage(self.vote(Nullify(statement.epoch, statement.view)))
        proposed = self._proposed.get((statement.epoch, statement.view))
        if isinstance(statement, Nullify) and proposed is not None:
            final = Finalize(proposed.epoch, proposed.view, proposed.parent_view, proposed.block_id)
            return VoteMessage(self.vote(final))
        return None


class Ghost(Liar):
    """Keeps the rules while it is in the set; afterwards it votes as if it were still there."""

    signs_honestly = True

    def on_proposal(self, vote: Vote) -> None:
        """Support and finalize everything, in its old place and in the others'."""
        statement = vote.statement
        if self.me is not None or not isinstance(statement, Notarize):
            return
        final = Finalize(statement.epoch, statement.view, statement.parent_view, statement.block_id)
        for said in (statement, final):
            for claimed in range(self.process.driver.committee.size + 1):
                self.say(VoteMessage(self.vote(said, claimed)))

"""What Byzantine members share: a key, a voice, and an ear for the view that the others are in."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import TYPE_CHECKING

from consensus import (
    Certificate,
    Notarize,
    Nullify,
    Signer,
    Statement,
    Vote,
    signed_bytes,
)
from devnet.simulator.conduct import Conduct
from devnet.simulator.schedule import MS
from devnet.simulator.wire import PROPOSING, vote_in
from ledger.block import Block, block_id
from ledger.codec import encode
from ledger.steps import at_once
from ledger.types import Hash
from node.p2p import CertificateMessage, Message, VoteMessage

if TYPE_CHECKING:
    from devnet.simulator.process import Process
    from devnet.simulator.sim_peers import SimPeer


class Byzantine(Conduct):
    """A member that does not keep the rules; on its own it still keeps them."""

    chance: random.Random
    """Its choices."""
    signer: Signer
    """Its key."""

    def attach(self, process: Process) -> None:
        """Take the key of the process's machine."""
        super().attach(process)
        machine = process.machine
        self.chance = machine.chance
        self.signer = machine.world.signing.signer(machine.member)

    # ------------------------------------------------------------ who and where

    @property
    def me(self) -> int | None:
        """Own index in the committee; None in an epoch without it."""
        return self.process.driver.committee.index_of(self.signer.public_key)

    @property
    def epoch(self) -> int:
        """Epoch that the node works in."""
        return self.process.driver.committee.epoch

    def peers(self, part: float = 1.0) -> Iterator[SimPeer]:
        """Yield the peers, or a random part of them."""
        for peer in self.process.peers.peers():
            if part >= 1.0 or self.chance.random() < part:
                yield peer

    # ------------------------------------------------------------ saying things

    def vote(self, statement: Statement, signer: int | None = None) -> Vote:
        """Sign whatever it is; `signer` is the index that is claimed, the own one by default."""
        tags = self.process.machine.store.tags
        claimed = (self.me or 0) if signer is None else signer
        return Vote(statement, claimed, self.signer.sign(signed_bytes(tags, statement)))

    def say(self, message: Message, part: float = 1.0) -> None:
        """Send a message to all, or to a random part of them."""
        for peer in self.peers(part):
            self.process.peers.inject(peer, message)

    def later(self, delay_ms: int, message: Message, part: float = 1.0) -> None:
        """Send a message after a while, if the process still runs then."""
        schedule, machine = self.process.machine.world.schedule, self.process.machine
        schedule.after(delay_ms * MS, machine.call, self.process, self.say, message, part)

    def id_of(self, block: Block) -> Hash:
        """Return the id of a block."""
        return block_id(self.process.machine.store.tags, block.header)


class Liar(Byzantine):
    """Its node only follows; every vote of its key is made here."""

    signs_honestly = False

    def attach(self, process: Process) -> None:
        """Know nothing yet."""
        super().attach(process)
        self._parents: list[tuple[int, int, Hash]] = []
        self._spoken: set[tuple[int, int]] = set()

    def incoming(self, _peer: SimPeer, message: Message) -> bool:
        """Note what others do, and act when it is the own turn."""
        vote = vote_in(message)
        if isinstance(message, CertificateMessage):
            self._on_certificate(message.certificate)
        elif vote is not None and isinstance(message, PROPOSING):
            self.on_proposal(vote)
        elif vote is not None:
            self._act_in(vote.statement.epoch, vote.statement.view)
        return True

    def _on_certificate(self, certificate: Certificate) -> None:
        statement = certificate.statement
        if isinstance(statement, Notarize):
            self._parents.append((statement.epoch, statement.view, statement.block_id))
        # The node must execute the block first: it gets the certificate after this.
        self._act_in(statement.epoch, certificate.view + 1, delay_ms=1)

    def _act_in(self, epoch: int, view: int, delay_ms: int = 0) -> None:
        place = (epoch, view)
        if epoch != self.epoch or place in self._spoken or self.me is None:
            return
        self._spoken.add(place)
        machine = self.process.machine
        action = self.on_turn if self.process.driver.committee.leader(view) == self.me else None
        machine.world.schedule.after(
            delay_ms * MS, machine.call, self.process, action or self.on_view, view
        )

    def on_turn(self, view: int) -> None:
        """It is the leader of a view."""

    def on_view(self, view: int) -> None:
        """Another one leads a view."""

    def on_proposal(self, vote: Vote) -> None:
        """Somebody proposes a block."""

    # ------------------------------------------------------------ making blocks

    def parents(self, view: int) -> list[tuple[int, Hash]]:
        """Return (view, id) of blocks here that a block of a view could extend, newest first."""
        tree = self.process.tree
        final = tree.final_view
        known = [
            (at, block)
            for epoch, at, block in self._parents[-12:]
            if epoch == self.epoch and at < view and tree.view_of(block) is not None
        ]
        if final.next_epoch == self.epoch:
            known.append((final.next_parent_view, final.block_id))
        return sorted(set(known), reverse=True)

    def build(self, view: int, parent: Hash, shift_ms: int) -> bytes | None:
        """Return a valid block of a view on a parent, or None if there can be none."""
        tree, clock = self.process.tree, self.process.machine.clock
        parent_view = tree.view_of(parent)
        if parent_view is None or parent_view.next_epoch != self.epoch or parent_view.ends_epoch:
            return None
        candidates = self.process.pool.candidates(10, tree.pending_ids(parent))
        now_ms = clock.wall_ms() + shift_ms
        block, _ = at_once(tree.build(parent, view, self.signer.public_key, now_ms, candidates))
        return encode(block.block)

    def support(self, statement: Notarize, part: float) -> None:
        """Vote for a proposal, to a part of the others."""
        self.say(VoteMessage(self.vote(statement)), part)

    def deny(self, view: int, part: float) -> None:
        """Vote against a view, to a part of the others."""
        self.say(VoteMessage(self.vote(Nullify(self.epoch, view))), part)

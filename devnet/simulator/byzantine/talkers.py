"""Members that say too little, too late, or what was never so."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from consensus import Certificate, CertificateEntry, Finalize, Notarize, Nullify, Vote
from devnet.simulator.byzantine.base import Byzantine
from devnet.simulator.schedule import MS
from devnet.simulator.wire import vote_in
from node.p2p import (
    BlockAnswer,
    CertificateMessage,
    FinalBlock,
    Message,
    RangeAnswer,
    StatusMessage,
    VoteMessage,
    WordAnswer,
)

if TYPE_CHECKING:
    from devnet.simulator.process import Process
    from devnet.simulator.sim_peers import SimPeer

REMEMBERED = 200
"""Messages that a replayer keeps."""

FORGED = bytes(64)
"""A signature that is nobody's."""


class Mute(Byzantine):
    """Hears everything and says nothing, to all or to some."""

    def attach(self, process: Process) -> None:
        """Choose whom it ignores."""
        super().attach(process)
        everybody = {machine.public_key for machine in process.peers.network.machines}
        self._ignored = {key for key in sorted(everybody) if self.chance.random() < 0.7}

    def outgoing(self, peer: SimPeer, message: Message) -> Iterable[Message]:
        """Swallow it."""
        return () if peer.key in self._ignored else (message,)


class Laggard(Byzantine):
    """Keeps the rules, but everything it sends comes late, each peer's at its own pace."""

    def outgoing(self, peer: SimPeer, message: Message) -> Iterable[Message]:
        """Send it later."""
        machine = self.process.machine
        delay_us = self.chance.randrange(700 * MS)
        machine.world.schedule.after(
            delay_us, machine.call, self.process, self.process.peers.inject, peer, message
        )
        return ()


class StaleReplayer(Byzantine):
    """Keeps the rules, and repeats old messages of everybody, of earlier epochs, too."""

    def attach(self, process: Process) -> None:
        """Remember nothing yet."""
        super().attach(process)
        self._heard: deque[Message] = deque(maxlen=REMEMBERED)

    def incoming(self, _peer: SimPeer, message: Message) -> bool:
        """Remember it, and say something old."""
        if self.chance.random() < 0.5:
            self._heard.append(message)
        if self.chance.random() < 0.2 and self._heard:
            self.later(self.chance.randrange(500), self.chance.choice(self._heard), 0.4)
        return True


class WrongEpochVoter(Byzantine):
    """Keeps the rules, and adds votes of other epochs, of far views and of other members."""

    def outgoing(self, _peer: SimPeer, message: Message) -> Iterable[Message]:
        """Add to a vote one that cannot count."""
        vote = vote_in(message)
        if vote is None:
            return (message,)
        statement = vote.statement
        wrong = self.chance.choice(
            (
                replace(statement, epoch=statement.epoch + 1),
                replace(statement, epoch=max(0, statement.epoch - 1)),
                Nullify(statement.epoch, statement.view + 1_000),
                Nullify(statement.epoch, 2**40),
            )
        )
        size = self.process.driver.committee.size
        signer = self.chance.choice((None, self.chance.randrange(size), 99))
        return (message, VoteMessage(self.vote(wrong, signer)))


class Forger(Byzantine):
    """Keeps the rules, and adds certificates that no quorum signed."""

    def outgoing(self, _peer: SimPeer, message: Message) -> Iterable[Message]:
        """Add a certificate about whatever was said."""
        vote = vote_in(message)
        if vote is None or self.chance.random() < 0.5:
            return (message,)
        statement = vote.statement
        if isinstance(statement, Notarize):
            statement = Finalize(
                statement.epoch, statement.view, statement.parent_view, statement.block_id
            )
        mine = self.vote(statement)
        size = self.process.driver.committee.size
        entries = self.chance.choice(
            (
                [(n, mine.signature if n == mine.signer else FORGED) for n in range(size)],
                [(mine.signer, mine.signature)] * size,
                [(mine.signer, mine.signature)],
                [(n, mine.signature) for n in range(size)],
            )
        )
        certificate = Certificate(statement, tuple(CertificateEntry(*entry) for entry in entries))
        return (message, CertificateMessage(certificate))


class LyingServer(Byzantine):
    """Keeps the rules in consensus, and lies about blocks: heights, ranges, blocks by id."""

    def outgoing(self, _peer: SimPeer, message: Message) -> Iterable[Message]:
        """Put something else in the place of an answer."""
        match message:
            case StatusMessage():
                return (replace(message, final_height=message.final_height + 1_000),)
            case BlockAnswer(block=block):
                return self.chance.choice(((), (BlockAnswer(block[:-3]),), (message,)))
            case RangeAnswer(number=number, blocks=blocks, headers=headers):
                return (RangeAnswer(number, self._spoilt(blocks), headers),)
            case _:
                return (message,)

    def _spoilt(self, blocks: tuple[FinalBlock, ...]) -> tuple[FinalBlock, ...]:
        if len(blocks) < 2:
            return ()
        return self.chance.choice(
            (
                blocks[::-1],
                blocks[1:],
                blocks[:-1],
                (*blocks[:-1], FinalBlock(blocks[-1].block, blocks[-1].certificate[:-9])),
                (FinalBlock(blocks[0].block[:-5], b""), *blocks[1:]),
            )
        )


class Perjurer(Byzantine):
    """Keeps the rules, but gives false words, or none, to members that ask for its word (S10)."""

    def outgoing(self, peer: SimPeer, message: Message) -> Iterable[Message]:
        """Deny every vote and claim to know nothing, show a forged vote, or say nothing."""
        if not isinstance(message, WordAnswer):
            return (message,)
        asking = self.process.driver.committee.index_of(peer.key) or 0
        forged = Vote(Nullify(message.epoch, message.view), asking, FORGED)
        denied = WordAnswer(message.epoch, 1, 0, None)
        return self.chance.choice(((denied,), (denied,), (replace(message, vote=forged),), ()))

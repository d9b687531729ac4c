"""A validator that lies: ``python -m devnet.torture.liar LIE node run --config FILE``.

It is the real node with the real key; only what it says to its peers differs, and it says different
things to each half of them. The lies:

- ``equivocate``: as a leader it proposes two blocks of one view, one to each half;
- ``contradict``: with each vote goes one that excludes it;
- ``forge``: with each message go votes of others, certificates of nobody, heights that nobody has,
  answers that nobody asked for, and bytes that mean nothing;
- ``withhold``: it votes for its proposals and gives their blocks to nobody;
- ``replay``: with each message goes an old one, of this epoch or of an earlier one.
"""

import os
import random
import sys
from collections.abc import Sequence
from typing import Protocol

from prometheus_client import CollectorRegistry

from cli.main import main as aitbc
from consensus import Certificate, CertificateEntry, Notarize, Nullify, Statement, Vote
from consensus.messages import Finalize, signed_bytes
from ledger.block import CODEC as BLOCK_CODEC
from ledger.block import HEADER_CODEC, Block, Header, block_id
from ledger.codec import encode
from ledger.hashing import Tags
from ledger.keys import KeyPair
from ledger.types import Hash
from node import network_part
from node.p2p import (
    BlockAnswer,
    BlockRequest,
    BodyRequest,
    CertificateMessage,
    CertificatesRequest,
    CompactProposal,
    FinalBlock,
    Message,
    NodeIdentity,
    P2PConfig,
    Peer,
    PeerHandler,
    PeerNetwork,
    ProposalMessage,
    RangeAnswer,
    Role,
    StatusMessage,
    TransactionsMessage,
    VoteMessage,
)
from node.ports import Clock

FORGE_EVERY = 5
"""Every so many messages are accompanied by forged ones: a flood would only be slower."""

REMEMBERED = 2_000
"""Old messages that a replayer keeps."""

Halves = tuple[Sequence[Message], Sequence[Message]]
"""What each half of the peers is told."""


class Liar:
    """Tells the truth; subclasses do not."""

    def __init__(self, key: KeyPair, tags: Tags) -> None:
        """Sign lies with `key`."""
        self._key = key
        self._tags = tags
        self._rng = random.Random(os.urandom(8))

    def say(self, message: Message) -> Halves:
        """Return what is said in the place of a message to everybody."""
        return [message], [message]

    def hears(self, message: Message) -> bool:  # noqa: ARG002 - the honest answer
        """Return whether a peer's message is taken notice of."""
        return True

    def _vote(self, like: Vote, statement: Statement) -> Vote:
        return Vote(statement, like.signer, self._key.sign(signed_bytes(self._tags, statement)))


class Equivocate(Liar):
    """Two blocks of one view."""

    def say(self, message: Message) -> Halves:
        """Give the second half another block."""
        if isinstance(message, CompactProposal):
            header = self._later(HEADER_CODEC.decode(message.header))
            vote = self._for_block(message.vote, header)
            other = CompactProposal(vote, encode(header), message.references, message.placed)
            return [message], [other]
        if isinstance(message, ProposalMessage):
            block = BLOCK_CODEC.decode(message.block)
            header = self._later(block.header)
            vote = self._for_block(message.vote, header)
            return [message], [ProposalMessage(vote, encode(Block(header, block.transactions)))]
        return super().say(message)

    def _later(self, header: Header) -> Header:
        changed = {name: getattr(header, name) for name in header.__struct_fields__}
        return Header(**changed | {"timestamp_ms": header.timestamp_ms + 1})

    def _for_block(self, vote: Vote, header: Header) -> Vote:
        said = vote.statement
        assert isinstance(said, Notarize), "a proposal is a notarize vote"
        other = Notarize(said.epoch, said.view, said.parent_view, block_id(self._tags, header))
        return self._vote(vote, other)


class Contradict(Liar):
    """Votes that exclude each other."""

    def say(self, message: Message) -> Halves:
        """Add to each vote the one that it excludes."""
        if not isinstance(message, VoteMessage):
            return super().say(message)
        said = message.vote.statement
        other: Statement | None = None
        if isinstance(said, Notarize):
            other = Notarize(said.epoch, said.view, said.parent_view, self._rng.randbytes(32))
        elif isinstance(said, Finalize):
            other = Nullify(said.epoch, said.view)
        if other is None:
            return super().say(message)
        lie = VoteMessage(self._vote(message.vote, other))
        return [message, lie], [lie, message]


class Forge(Liar):
    """What no honest node can have sent."""

    _said = 0

    def say(self, message: Message) -> Halves:
        """Add a forged message now and then; each half gets another one."""
        self._said += 1
        if self._said % FORGE_EVERY or not isinstance(message, VoteMessage):
            return super().say(message)
        forged = self._forged(message.vote)
        return [message, self._rng.choice(forged)], [self._rng.choice(forged), message]

    def _forged(self, like: Vote) -> list[Message]:
        rng, said = self._rng, like.statement
        junk, other = rng.randbytes(200), (like.signer + 1) % 4
        entries = tuple(CertificateEntry(member, rng.randbytes(64)) for member in range(3))
        return [
            VoteMessage(Vote(said, other, rng.randbytes(64))),
            VoteMessage(Vote(Nullify(said.epoch, said.view + 1_000_000), other, like.signature)),
            CertificateMessage(Certificate(said, entries)),
            CertificateMessage(Certificate(said, ())),
            CertificatesRequest(said.epoch, tuple(range(1, 257))),
            StatusMessage(said.epoch, said.view, 2**40, rng.randbytes(32)),
            BlockAnswer(junk),
            RangeAnswer(0, (FinalBlock(junk, junk),), (junk,)),
            TransactionsMessage((junk, junk)),
            BlockRequest(rng.randbytes(32)),
        ]


class Withhold(Liar):
    """Proposals that nobody can see."""

    def say(self, message: Message) -> Halves:
        """Send the vote for a proposal, and not the proposal."""
        if isinstance(message, CompactProposal | ProposalMessage):
            return [VoteMessage(message.vote)], [VoteMessage(message.vote)]
        return super().say(message)

    def hears(self, message: Message) -> bool:
        """Be deaf to questions for blocks."""
        return not isinstance(message, BlockRequest | BodyRequest)


class Replay(Liar):
    """Words that were true once."""

    def __init__(self, key: KeyPair, tags: Tags) -> None:
        """Remember from now on."""
        super().__init__(key, tags)
        self._old: list[Message] = []

    def say(self, message: Message) -> Halves:
        """Add an old message."""
        if len(self._old) == REMEMBERED:
            del self._old[self._rng.randrange(REMEMBERED)]
        self._old.append(message)
        return [message, self._rng.choice(self._old)], [self._rng.choice(self._old), message]


LIES = {
    "equivocate": Equivocate,
    "contradict": Contradict,
    "forge": Forge,
    "withhold": Withhold,
    "replay": Replay,
}
"""Lies by their names."""


class _Ears:
    """The node's handler, without what the liar does not hear."""

    def __init__(self, handler: PeerHandler, liar: Liar) -> None:
        self._handler = handler
        self._liar = liar

    def connected(self, peer: Peer) -> None:
        self._handler.connected(peer)

    def disconnected(self, peer: Peer) -> None:
        self._handler.disconnected(peer)

    async def received(self, peer: Peer, message: Message) -> None:
        if self._liar.hears(message):
            await self._handler.received(peer, message)


class MakesLiar(Protocol):
    """Makes a liar of a key and a chain's tags."""

    def __call__(self, key: KeyPair, tags: Tags) -> Liar:
        """Return it."""


class LyingNetwork(PeerNetwork):
    """The real transport, with a liar between it and the node."""

    liar_of: MakesLiar = Liar
    """Set before the node is built."""

    def __init__(
        self,
        identity: NodeIdentity,
        genesis_digest: Hash,
        config: P2PConfig,
        *,
        clock: Clock,
        handler: PeerHandler,
        registry: CollectorRegistry,
        jitter: random.Random,
    ) -> None:
        """See `PeerNetwork`."""
        self._liar = type(self).liar_of(identity.keys, Tags(genesis_digest))
        super().__init__(
            identity,
            genesis_digest,
            config,
            clock=clock,
            handler=_Ears(handler, self._liar),
            registry=registry,
            jitter=jitter,
        )

    def broadcast(
        self, message: Message, *, to: Role | None = None, but: Peer | None = None
    ) -> None:
        """Tell each half of the peers what the liar wants it to believe."""
        halves = self._liar.say(message)
        for at, peer in enumerate(sorted(self.peers(), key=lambda each: each.key)):
            if peer is not but and (to is None or peer.role is to):
                for said in halves[at % 2]:
                    peer.send(said)


def main() -> None:
    """Run the `aitbc` command with a node whose transport lies."""
    lie = sys.argv.pop(1)
    LyingNetwork.liar_of = LIES[lie]
    # The composition root has one place where the transport is made; this program is the only one
    # that makes another.
    vars(network_part)["PeerNetwork"] = LyingNetwork
    aitbc()


if __name__ == "__main__":
    main()

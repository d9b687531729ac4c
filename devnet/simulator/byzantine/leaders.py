"""Members whose proposals are not what they should be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from consensus import Notarize, Vote
from devnet.simulator.byzantine.base import Byzantine
from devnet.simulator.wire import PROPOSING, vote_in
from ledger.block import CODEC, Block
from ledger.codec import encode
from ledger.types import TIMESTAMP_MS_MAX
from node.p2p import (
    BlockRequest,
    BodyRequest,
    Message,
    ProposalMessage,
    RangeRequest,
    VoteMessage,
)

if TYPE_CHECKING:
    from devnet.simulator.sim_peers import SimPeer

_ONES = b"\x11" * 32


def _header(block: Block, **changes: object) -> Block:
    return Block(replace(block.header, **changes), block.transactions)


SPOILS: tuple[Callable[[Block], Block], ...] = (
    lambda b: _header(b, state_root=_ONES),
    lambda b: _header(b, outcome_root=_ONES),
    lambda b: _header(b, outcome_count=b.header.outcome_count + 1),
    lambda b: _header(b, transaction_root=_ONES),
    lambda b: _header(b, transaction_count=b.header.transaction_count + 1),
    lambda b: _header(b, timestamp_ms=1),
    lambda b: _header(b, timestamp_ms=TIMESTAMP_MS_MAX),
    lambda b: _header(b, timestamp_ms=2**63 - 1),
    lambda b: _header(b, timestamp_ms=b.header.timestamp_ms + 5_000),
    lambda b: _header(b, height=b.header.height + 1),
    lambda b: _header(b, height=0),
    lambda b: _header(b, parent_id=_ONES),
    lambda b: _header(b, proposer=_ONES),
    lambda b: _header(b, validator_set_hash=_ONES),
    lambda b: _header(b, next_validator_set_hash=_ONES),
    lambda b: _header(b, chain_id="other-0000000000000000"),
    lambda b: _header(b, version=2),
    lambda b: Block(b.header, b.transactions * 2),
    lambda b: Block(b.header, b.transactions[1:]),
    lambda b: Block(b.header, tuple(replace(t, signature=bytes(64)) for t in b.transactions)),
)
"""Ways to make a block invalid: none leaves the id, the body and the execution in agreement."""

STRANGE_TIMES = (0, 1, TIMESTAMP_MS_MAX, TIMESTAMP_MS_MAX + 1, 2**63 - 1, 2**64 - 1)
"""Times at the ends of what can be written."""

MISPLACEMENTS: tuple[Callable[[Notarize], Notarize], ...] = (
    lambda n: replace(n, view=n.view + 1),
    lambda n: replace(n, parent_view=max(0, n.parent_view - 1)),
    lambda n: replace(n, parent_view=n.view),
    lambda n: replace(n, parent_view=0),
    lambda n: replace(n, epoch=n.epoch + 1),
    lambda n: replace(n, block_id=_ONES),
)
"""Ways to propose a sound block in a context that is not its own."""


class _Proposer(Byzantine):
    """Keeps the rules but for its own proposals."""

    def outgoing(self, _peer: SimPeer, message: Message) -> Iterable[Message]:
        """Put something else in the place of a proposal."""
        vote = vote_in(message)
        if vote is None or not isinstance(message, PROPOSING):
            return (message,)
        assert isinstance(vote.statement, Notarize)
        block = self.process.tree.get(vote.statement.block_id)
        if block is None:
            return (message,)
        return self.instead(vote, vote.statement, block.data)

    def instead(self, vote: Vote, statement: Notarize, block: bytes) -> Iterable[Message]:
        """Return what a peer gets in the place of a proposal."""
        raise NotImplementedError


class InvalidProposer(_Proposer):
    """Proposes blocks that no state allows, or that are no blocks."""

    def instead(self, vote: Vote, statement: Notarize, block: bytes) -> Iterable[Message]:
        """Spoil the block, and sign it as if it were right."""
        if self.chance.random() < 0.1:
            return (ProposalMessage(vote, block[:-7]),)
        spoilt = self.chance.choice(SPOILS)(CODEC.decode(block))
        signed = self.vote(replace(statement, block_id=self.id_of(spoilt)))
        return (ProposalMessage(signed, encode(spoilt)),)


class Misplacer(_Proposer):
    """Proposes sound blocks in a context that their header does not name."""

    def instead(self, vote: Vote, statement: Notarize, block: bytes) -> Iterable[Message]:
        """Sign another context."""
        wrong = ProposalMessage(self.vote(self.chance.choice(MISPLACEMENTS)(statement)), block)
        if self.chance.random() < 0.5:
            return (wrong,)
        return (ProposalMessage(vote, block), wrong)


class Withholder(_Proposer):
    """Proposes without the block, to some or to all, and gives nobody any block."""

    def instead(self, vote: Vote, _statement: Notarize, block: bytes) -> Iterable[Message]:
        """Keep the block back, mostly."""
        if self.chance.random() < 0.4:
            return (ProposalMessage(vote, block),)
        return (VoteMessage(vote),)

    def incoming(self, _peer: SimPeer, message: Message) -> bool:
        """Answer no question for blocks."""
        return not isinstance(message, BlockRequest | BodyRequest | RangeRequest)


class TimeTraveller(_Proposer):
    """Stamps its blocks with times that no clock shows."""

    proposed = 0
    """Blocks of strange times so far."""

    def instead(self, _vote: Vote, statement: Notarize, block: bytes) -> Iterable[Message]:
        """Change the time only, and sign as if it were right."""
        self.proposed += 1
        decoded = CODEC.decode(block)
        spoilt = _header(decoded, timestamp_ms=self.chance.choice(STRANGE_TIMES))
        signed = self.vote(replace(statement, block_id=self.id_of(spoilt)))
        return (ProposalMessage(signed, encode(spoilt)),)

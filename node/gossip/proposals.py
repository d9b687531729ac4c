"""Proposals between leader and validators, without the transactions that the validators have.

A validator rebuilds the block from its pool. What is missing it asks of the leader, once; the vote
waits for the answer, but not longer than Δ. Then, and whenever anything about the body is doubtful,
the vote goes on without a block, and consensus fetches the block by its id from whoever has it.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from consensus import Notarize, Vote
from ledger.errors import CodecError
from ledger.transaction import CODEC as TRANSACTION_CODEC
from ledger.transaction import IdentifiedTransaction, identify
from ledger.types import Hash
from node.arrived_block import ArrivedBlock
from node.block_tree import BlockTree
from node.gossip.compact import Rebuild, compact, start_rebuild
from node.gossip.metrics import GossipMetrics
from node.gossip.ports import Pool
from node.p2p import (
    BodyAnswer,
    BodyRequest,
    CompactProposal,
    Peer,
    PeerFault,
    PlacedTransaction,
    ProposalMessage,
    Role,
)
from node.pacing import paced
from node.pool_index import PooledTransaction
from node.references import reference_of

WHOLE_BYTES_MAX: Final = 2_048
"""Blocks up to this size are sent whole: about eight transfers, most of them new to everybody."""

PENDING_MAX: Final = 256
"""Proposals that wait for what is missing; a leader can have one in a view."""

Deliver = Callable[[Peer, Vote, ArrivedBlock | None], None]
"""Takes a leader's vote, with its block if that is known; may raise `PeerFault`."""


@dataclass(eq=False, slots=True)
class _Pending:
    """A proposal whose missing transactions were asked for."""

    vote: Vote
    rebuild: Rebuild
    timer: asyncio.TimerHandle


class Proposals:
    """Both sides of a compact proposal; used on the event loop."""

    def __init__(
        self,
        tree: BlockTree,
        pool: Pool,
        metrics: GossipMetrics,
        *,
        is_unsent: Callable[[bytes], bool],
        arriving: Callable[[bytes], bytes | None],
        is_due: Callable[[Vote], bool],
        deliver: Deliver,
    ) -> None:
        """Prepare.

        Args:
            tree: blocks that this node proposes and is asked about.
            pool: what blocks are rebuilt from.
            metrics: counts what happens.
            is_unsent: see `Gossip.is_unsent`.
            arriving: see `Gossip.arriving`.
            is_due: whether a vote's block is worth rebuilding: its vote may count, and is new.
            deliver: takes each proposal once.
        """
        self._tree = tree
        self._pool = pool
        self._metrics = metrics
        self._is_unsent = is_unsent
        self._arriving = arriving
        self._is_due = is_due
        self._deliver = deliver
        self._pending: dict[tuple[Peer, Hash], _Pending] = {}

    # ------------------------------------------------------------ the leader's side

    def form(self, vote: Vote, data: bytes) -> ProposalMessage | CompactProposal:
        """Return the message that a proposal goes out as.

        Args:
            vote: this node's notarize as leader.
            data: canonical bytes of the block that it names.
        """
        assert isinstance(vote.statement, Notarize), "a proposal is a notarize"
        block = self._tree.get(vote.statement.block_id)
        if block is None or len(data) <= WHOLE_BYTES_MAX:
            return ProposalMessage(vote, data)
        references = [_reference_of(signed) for signed in block.body]
        return compact(vote, block.block.header, block.body, references, self._is_unsent)

    def serve(self, peer: Peer, request: BodyRequest) -> None:
        """Send a validator transactions of a block that this node executed.

        Raises:
            PeerFault: it asks for what the block does not have.
        """
        block = self._tree.get(request.block_id)
        if block is None or peer.role is not Role.VALIDATOR:
            return
        body, positions = block.body, request.positions
        is_ascending = all(earlier < later for earlier, later in pairwise(positions))
        if not is_ascending or positions[-1] >= len(body):
            raise PeerFault("BODY_REQUEST_WRONG", provable=True)
        placed = (PlacedTransaction(at, body[at].data) for at in positions)
        peer.send(BodyAnswer(request.block_id, tuple(placed)))

    # ------------------------------------------------------------ the validators' side

    async def proposed(self, peer: Peer, message: CompactProposal) -> None:
        """Rebuild a proposal and deliver it, or ask for what is missing.

        Raises:
            PeerFault: it cannot be a proposal of the block that its vote names.
        """
        vote = message.vote
        if not self._is_due(vote):
            self._deliver(peer, vote, None)
            return
        rebuild = await paced(start_rebuild(self._tree.final_view.tags, message))
        await paced(rebuild.look_up(lambda references: self._find(references, rebuild)))
        missing = tuple(rebuild.missing)
        if not missing:
            await self._finish(peer, vote, rebuild)
            return
        self._metrics.missing.inc(len(missing))
        assert isinstance(vote.statement, Notarize)
        block_id = vote.statement.block_id
        if peer.send(BodyRequest(block_id, missing)) and len(self._pending) < PENDING_MAX:
            self._wait(peer, block_id, vote, rebuild)
        else:
            self._go_without(peer, vote)

    async def answered(self, peer: Peer, message: BodyAnswer) -> None:
        """Take what was missing, if it is still wanted.

        Raises:
            PeerFault: it is not what the peer's proposal named.
        """
        key = (peer, message.block_id)
        pending = self._pending.get(key)
        if pending is None:
            return
        await paced(pending.rebuild.fill(message.placed))
        # Meanwhile the time for the answer may have ended.
        if self._pending.get(key) is pending and not pending.rebuild.missing:
            self._pending.pop(key).timer.cancel()
            await self._finish(peer, pending.vote, pending.rebuild)

    async def verify_ahead(self, arrived: ArrivedBlock) -> None:
        """Verify what the pool does not know of a block."""
        await self._pool.verify_ahead(await paced(arrived.body(self._tree.final_view.tags)))

    def disconnected(self, peer: Peer) -> None:
        """Go on without the answers of a peer that is gone."""
        for key in [key for key in self._pending if key[0] is peer]:
            self._give_up(key)

    def _find(
        self, references: Sequence[bytes], rebuild: Rebuild
    ) -> list[IdentifiedTransaction | None]:
        """Return transactions of the pool, or those that are on their way there."""
        return [
            pooled or self._find_arriving(reference, rebuild)
            for pooled, reference in zip(
                self._pool.referred_to_each(references), references, strict=True
            )
        ]

    def _find_arriving(self, reference: bytes, rebuild: Rebuild) -> IdentifiedTransaction | None:
        data = self._arriving(reference)
        if data is None:
            return None
        try:
            signed = identify(rebuild.tags, TRANSACTION_CODEC.decode(data), data)
        except CodecError:
            return None
        rebuild.unverified.append(signed)
        return signed

    async def _finish(self, peer: Peer, vote: Vote, rebuild: Rebuild) -> None:
        """Deliver a block whose body is complete, its signatures verified off the loop first."""
        await self._pool.verify_ahead(rebuild.unverified)
        self._metrics.proposals.labels("rebuilt").inc()
        self._deliver(peer, vote, rebuild.block())

    def _wait(self, peer: Peer, block_id: Hash, vote: Vote, rebuild: Rebuild) -> None:
        key = (peer, block_id)
        if key in self._pending:  # The leader sent it again, and is asked again.
            self._pending.pop(key).timer.cancel()
        seconds = self._tree.final_view.parameters.delta_ms / 1_000
        timer = asyncio.get_running_loop().call_later(seconds, self._give_up, key)
        self._pending[key] = _Pending(vote, rebuild, timer)

    def _give_up(self, key: tuple[Peer, Hash]) -> None:
        pending = self._pending.pop(key)
        pending.timer.cancel()
        self._go_without(key[0], pending.vote)

    def _go_without(self, peer: Peer, vote: Vote) -> None:
        """Deliver the vote: consensus asks for the block by its id."""
        self._metrics.proposals.labels("incomplete").inc()
        self._deliver(peer, vote, None)


def _reference_of(signed: IdentifiedTransaction) -> bytes:
    if isinstance(signed, PooledTransaction):
        return signed.reference
    return reference_of(signed.data)

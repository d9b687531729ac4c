"""What consensus asks about blocks, answered by the ledger: build, verify, certify."""

from collections.abc import Callable, Sequence
from typing import ClassVar, Protocol

import structlog

from consensus import (
    BlockBuilt,
    BlockDeclined,
    BlockRef,
    Certified,
    Certify,
    Committee,
    Event,
    Finalize,
    Propose,
    Verdict,
    Verified,
    Verify,
)
from ledger.errors import ProtocolVersionUnknown
from ledger.transaction import IdentifiedTransaction
from ledger.views import ChainView
from node.block_tree import BlockTree, Judgement, TreeBlock
from node.pacing import paced
from node.ports import Clock, Network, Pool


class Blocks(Protocol):
    """What the answers come from; `node.chain.ChainNode` is one."""

    tree: BlockTree
    """Final view and what is above it."""
    pool: Pool
    """Transactions that wait."""


log = structlog.get_logger(__name__)


class FinalBlockInvalid(Exception):
    """A quorum made a block final that this node's ledger refuses."""

    code: ClassVar[str] = "FINAL_BLOCK_INVALID"

    def __init__(self, final: Finalize) -> None:
        """State the block."""
        super().__init__(f"block {final.block_id.hex()} of view {final.view} is final and invalid")


class Application:
    """The ledger's side of one epoch of consensus.

    A large block is built or executed in pieces, and others on the event loop have their turn
    between two of them. The tree does not move meanwhile.
    """

    def __init__(
        self,
        chain: Blocks,
        committee: Committee,
        clock: Clock,
        network: Network,
        count_crash: Callable[[], None] = lambda: None,
    ) -> None:
        """Answer for a chain.

        Args:
            chain: blocks, state and pool.
            committee: validators of the epoch.
            clock: both clocks of the node.
            network: where missing blocks are asked for.
            count_crash: is told of each proposal that this program could not judge or build.
        """
        self._chain = chain
        self._tree = chain.tree
        self._committee = committee
        self._clock = clock
        self._network = network
        self._count_crash = count_crash

    async def build(self, effect: Propose) -> Event:
        """Build the block of a view, from the pool unless it must be empty (E1).

        If this program fails on what the pool offers, the body is empty; if it fails on that, too,
        the view is declined.
        """
        async with self._tree.turn:
            parent = self._tree.view_of(effect.parent.block_id)
            if parent is None or parent.next_epoch != self._committee.epoch:
                return BlockDeclined(self._clock.monotonic_ms(), effect.view)
            block = await self._try_build(effect, self._candidates(effect, parent))
            # Which of the candidates it failed on is not known: the pool judges each alone.
            block = block or await self._try_build(effect, [])
        if block is None:
            return BlockDeclined(self._clock.monotonic_ms(), effect.view)
        return BlockBuilt(
            self._clock.monotonic_ms(), effect.view, block.view.block_id, block.view.ends_epoch
        )

    def _candidates(self, effect: Propose, parent: ChainView) -> Sequence[IdentifiedTransaction]:
        limit = 0 if effect.empty else parent.parameters.block_transactions_max
        return self._chain.pool.candidates(limit, self._tree.pending_ids(parent.block_id))

    async def _try_build(
        self, effect: Propose, candidates: Sequence[IdentifiedTransaction]
    ) -> TreeBlock | None:
        """Return the block; None if this program fails on it, and then all candidates are doubted.

        The node goes on as it does after a proposal on which it fails.
        """
        leader, wall_ms = self._committee.leader_key(effect.view), self._clock.wall_ms()
        try:
            block, refused = await paced(
                self._tree.build(effect.parent.block_id, effect.view, leader, wall_ms, candidates)
            )
        except ProtocolVersionUnknown:
            raise
        except Exception:
            log.exception("building_crashed", view=effect.view, candidates=len(candidates))
            self._count_crash()
            self._chain.pool.doubt([signed.transaction_id for signed in candidates])
            return None
        self._chain.pool.doubt(refused)
        return block

    async def verify(self, effect: Verify) -> Event:
        """Judge a proposal before voting.

        A proposal on which this program itself fails is refused, and the node goes on: no single
        peer may stop it. If a quorum takes the same block, `certify` fails, and that is fatal.
        """
        proposal = effect.proposal
        try:
            said = await self._judge(effect)
        except ProtocolVersionUnknown:
            raise
        except Exception:
            log.exception("proposal_crashed", view=proposal.view, block_id=proposal.block_id.hex())
            self._count_crash()
            said = Judgement(Verdict.INVALID)
        now_ms = self._clock.monotonic_ms()
        return Verified(now_ms, proposal.view, proposal.block_id, said.verdict, said.ends_epoch)

    async def _judge(self, effect: Verify) -> Judgement:
        leader = self._committee.leader_key(effect.proposal.view)
        wall_ms, verified = self._clock.wall_ms(), self._chain.pool.is_verified
        async with self._tree.turn:
            said = await paced(
                self._tree.verify(effect.proposal, effect.parent, leader, wall_ms, verified)
            )
        self._fetch_missing(said)
        return said

    async def certify(self, effect: Certify) -> Event:
        """Execute a notarized block."""
        ref = BlockRef(effect.notarized.view, effect.notarized.block_id)
        said = await self._execute(ref)
        now_ms = self._clock.monotonic_ms()
        return Certified(now_ms, ref.view, ref.block_id, said.verdict, said.ends_epoch)

    async def finalised(self, final: Finalize) -> list[TreeBlock] | None:
        """Return a final block and its ancestors above the durable head, oldest first.

        Returns:
            None if a block is missing; it was asked for.

        Raises:
            FinalBlockInvalid: this node's ledger refuses what a quorum made final.
        """
        said = await self._execute(BlockRef(final.view, final.block_id))
        if said.verdict is Verdict.INVALID:
            raise FinalBlockInvalid(final)
        if said.verdict is Verdict.UNKNOWN:
            return None
        return self._tree.path_to(final.block_id)

    async def _execute(self, ref: BlockRef) -> Judgement:
        async with self._tree.turn:
            said = await paced(self._tree.certify(ref, self._chain.pool.is_verified))
        self._fetch_missing(said)
        return said

    def _fetch_missing(self, said: Judgement) -> None:
        if said.missing:
            self._network.fetch_block(said.missing)

"""The blocks above the newest durable final one, and the states after them.

A block enters by its bytes (`offer`) or by being built (`build`), is executed once on its parent,
and leaves when finality passes it: the child that became final merges into the base, and whatever
does not descend from it is dropped. Until then siblings are normal: read by id, never by height.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

import structlog

from consensus import BlockRef, Notarize, Verdict
from ledger import (
    BlockContext,
    BlockResult,
    ChainView,
    IsVerified,
    apply_block,
    block_time,
    build_block,
    check_block_context,
)
from ledger.block import CODEC, Block, block_id
from ledger.block_steps import transaction_root
from ledger.codec import encode
from ledger.errors import BlockInvalid, BlockTooEarly
from ledger.hashing import Tags
from ledger.outcomes import Outcome
from ledger.state import StateDelta
from ledger.transaction import SignedTransaction, transaction_id_of_bytes
from ledger.transition import make_final
from ledger.types import Hash, PublicKey, TimestampMs, View

ARRIVED_MAX: Final = 32
"""Blocks held that were not executed yet; peers offer them, so the oldest go first."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TreeBlock:
    """An executed block above the final one."""

    view: ChainView
    """The block and the state after it."""
    block: Block
    """Header and body."""
    data: bytes
    """Canonical bytes of the block."""
    transaction_ids: tuple[Hash, ...]
    """Ids of the body, in order."""
    outcomes: tuple[Outcome, ...]
    """What it did (J28)."""
    delta: StateDelta
    """What it changed."""

    @property
    def parent_id(self) -> Hash:
        """Id of its parent."""
        return self.block.header.parent_id


@dataclass(frozen=True, slots=True)
class Judgement:
    """What execution says of a block that consensus asks about."""

    verdict: Verdict
    """As consensus takes it."""
    ends_epoch: bool = False
    """Whether the block is the last of its epoch; known once it is executed."""
    missing: Hash | None = None
    """The block that is lacking, if that is why the verdict is UNKNOWN."""


class BlockTree:
    """Executed and arrived blocks above the final one; implements `node.ports.Views`."""

    def __init__(self, final: ChainView) -> None:
        """Start with nothing above the final block."""
        self._final = final
        self._head_id = final.block_id
        self._blocks: dict[Hash, TreeBlock] = {}
        self._arrived: OrderedDict[Hash, Block] = OrderedDict()
        self._pending_ids: tuple[tuple[Hash, Hash], frozenset[Hash]] | None = None

    # ------------------------------------------------------------ reading

    @property
    def final_view(self) -> ChainView:
        """The newest durable final block and the state after it."""
        return self._final

    @property
    def head_view(self) -> ChainView:
        """The newest executed block, final or not, that the next block would extend."""
        return self.view_of(self._head_id) or self._final

    def view_of(self, wanted: Hash) -> ChainView | None:
        """Return the view of the final block or of an executed one above it."""
        if wanted == self._final.block_id:
            return self._final
        found = self._blocks.get(wanted)
        return found.view if found else None

    def get(self, wanted: Hash) -> TreeBlock | None:
        """Return an executed block above the final one."""
        return self._blocks.get(wanted)

    def holds(self, wanted: Hash) -> bool:
        """Return whether a block is the final one or above it, executed or not."""
        return self.view_of(wanted) is not None or wanted in self._arrived

    def path_to(self, wanted: Hash) -> list[TreeBlock]:
        """Return the executed blocks from the final one's child to this one, in order.

        The block must be executed; it is empty for the final block itself.
        """
        path: list[TreeBlock] = []
        while wanted != self._final.block_id:
            path.append(self._blocks[wanted])
            wanted = path[-1].parent_id
        path.reverse()
        return path

    def pending_ids(self, parent_id: Hash) -> Collection[Hash]:
        """Return the ids of all transactions from the final block, exclusive, to this one."""
        key = (self._final.block_id, parent_id)
        if self._pending_ids is None or self._pending_ids[0] != key:
            ids = frozenset(i for at in self.path_to(parent_id) for i in at.transaction_ids)
            self._pending_ids = (key, ids)
        return self._pending_ids[1]

    # ------------------------------------------------------------ growing

    def offer(self, data: bytes) -> Hash:
        """Take in the bytes of a block from elsewhere; return its id.

        Raises:
            CodecError: they are no block.
        """
        block = CODEC.decode(data)
        identity = block_id(self._final.tags, block.header)
        if identity not in self._blocks:
            self._arrived.setdefault(identity, block)
            self._arrived.move_to_end(identity)
            if len(self._arrived) > ARRIVED_MAX:
                self._arrived.popitem(last=False)
        return identity

    def build(
        self,
        parent_id: Hash,
        view: View,
        proposer: PublicKey,
        clock_ms: TimestampMs,
        candidates: Iterable[SignedTransaction],
    ) -> tuple[TreeBlock, list[Hash]]:
        """Build and execute a block on an executed parent (S5).

        Returns:
            The block, and the ids of candidates that its state refuses.
        """
        parent = self.view_of(parent_id)
        assert parent is not None, "consensus proposes on an executed block"
        context = BlockContext(parent.next_epoch, view, proposer, block_time(parent, clock_ms))
        built = build_block(parent, candidates, context)
        refused = [transaction_id for transaction_id, _ in built.refused]
        return self._add(built.block, built.result), refused

    def verify(
        self,
        proposal: Notarize,
        parent: BlockRef,
        leader: PublicKey,
        clock_ms: TimestampMs,
        verified: IsVerified,
    ) -> Judgement:
        """Judge a proposal before voting: context, the leader, the clock, then execution."""
        block = self._find(proposal.block_id)
        parent_view = self.view_of(parent.block_id)
        if block is None:
            return Judgement(Verdict.UNKNOWN, missing=proposal.block_id)
        if parent_view is None:
            return Judgement(Verdict.UNKNOWN, missing=parent.block_id)
        if (block.header.epoch, block.header.view) != (proposal.epoch, proposal.view):
            log.warning("proposal_invalid", reason="of another epoch or view than its header")
            return Judgement(Verdict.INVALID)
        try:
            check_block_context(parent_view, block, clock_ms, leader)
        except BlockTooEarly:
            return Judgement(Verdict.UNKNOWN)
        except BlockInvalid as reason:
            return _invalid(proposal.block_id, reason)
        return self._execute(proposal.block_id, block, verified)

    def certify(self, block_ref: BlockRef, verified: IsVerified) -> Judgement:
        """Execute a notarized or final block, with its ancestors, whatever the clock says (S5).

        The last block of an epoch may be notarized in a later view than its own (E7).
        """
        chain = self._unexecuted(block_ref.block_id)
        if isinstance(chain, bytes):
            return Judgement(Verdict.UNKNOWN, missing=chain)
        for identity, block in chain:
            judgement = self._execute(identity, block, verified)
            if judgement.verdict is not Verdict.VALID:
                return judgement
        view = self.view_of(block_ref.block_id)
        assert view is not None
        is_own_view = view.header.view == block_ref.view
        if not is_own_view and not (view.ends_epoch and view.header.view < block_ref.view):
            log.warning("notarized_block_invalid", reason="of another view than its header")
            return Judgement(Verdict.INVALID)
        return Judgement(Verdict.VALID, view.ends_epoch)

    def execute_final(
        self, identity: Hash, block: Block, data: bytes, verified: IsVerified
    ) -> TreeBlock:
        """Execute a block that is known to be final, on its parent, which must be here.

        Raises:
            BlockInvalid: this node's ledger refuses what a quorum made final.
        """
        executed = self._blocks.get(identity)
        if executed is None:
            parent = self.view_of(block.header.parent_id)
            assert parent is not None, "final blocks are executed in order"
            executed = self._add(block, apply_block(parent, block, verified=verified), data)
        return executed

    def _unexecuted(self, wanted: Hash) -> list[tuple[Hash, Block]] | Hash:
        """Return what must be executed to have a block, oldest first, or the id that is lacking."""
        chain: list[tuple[Hash, Block]] = []
        while self.view_of(wanted) is None:
            block = self._arrived.get(wanted)
            if block is None:
                return wanted
            chain.append((wanted, block))
            wanted = block.header.parent_id
        chain.reverse()
        return chain

    def _find(self, wanted: Hash) -> Block | None:
        executed = self._blocks.get(wanted)
        return executed.block if executed else self._arrived.get(wanted)

    def _execute(self, identity: Hash, block: Block, verified: IsVerified) -> Judgement:
        executed = self._blocks.get(identity)
        if executed is None:
            parent = self.view_of(block.header.parent_id)
            assert parent is not None
            try:
                executed = self._add(block, apply_block(parent, block, verified=verified))
            except BlockInvalid as reason:
                if _has_own_body(self._final.tags, block):
                    return _invalid(identity, reason)
                # A peer put another body under this header, which says nothing about the block.
                self._arrived.pop(identity, None)
                log.warning("block_body_wrong", block_id=identity.hex())
                return Judgement(Verdict.UNKNOWN, missing=identity)
        return Judgement(Verdict.VALID, executed.view.ends_epoch)

    def _add(self, block: Block, result: BlockResult, data: bytes = b"") -> TreeBlock:
        added = TreeBlock(
            view=result.view,
            block=block,
            data=data or encode(block),
            transaction_ids=result.transaction_ids,
            outcomes=result.outcomes,
            delta=result.delta,
        )
        self._blocks[result.view.block_id] = added
        self._arrived.pop(result.view.block_id, None)
        return added

    # ------------------------------------------------------------ moving

    def set_head(self, head_id: Hash) -> None:
        """Note which block the next one would extend."""
        self._head_id = head_id

    def advance(self, child: TreeBlock) -> list[TreeBlock]:
        """Make a child of the final block, durable in the store, the final block.

        Returns:
            The executed blocks that cannot become final any more.
        """
        assert child.parent_id == self._final.block_id, "blocks become final one by one"
        self._final = make_final(self._final, child.view)
        kept: dict[Hash, TreeBlock] = {}
        for identity, block in self._blocks.items():  # Parents were added before children.
            if block.parent_id == self._final.block_id or block.parent_id in kept:
                kept[identity] = block
        gone = self._blocks.keys() - kept.keys() - {child.view.block_id}
        abandoned = [self._blocks[identity] for identity in gone]
        self._blocks = kept
        self._pending_ids = None
        return abandoned


def _has_own_body(tags: Tags, block: Block) -> bool:
    """Return whether a block's body is the one that its header, and so its id, commits to."""
    ids = [transaction_id_of_bytes(tags, encode(signed)) for signed in block.transactions]
    return transaction_root(ids, block.transactions) == block.header.transaction_root


def _invalid(identity: Hash, reason: BlockInvalid) -> Judgement:
    log.warning("block_invalid", block_id=identity.hex(), code=reason.code, reason=str(reason))
    return Judgement(Verdict.INVALID)

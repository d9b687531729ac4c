"""The blocks above the newest durable final one, and the states after them.

A block enters by its bytes (`offer`) or by being built (`build`), is executed once on its parent,
and leaves when finality passes it: the child that became final merges into the base, and whatever
does not descend from it is dropped. Until then siblings are normal: read by id, never by height.

What takes long is done in steps (`ledger.steps`). Nothing else may move the tree between two of
them, so whoever lets others on the event loop have their turn in between holds `turn`.
"""

import asyncio
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
    apply_in_steps,
    block_time,
    build_in_steps,
    check_block_context,
)
from ledger.block import Block, Header, block_id, encode_block
from ledger.block_steps import root_in_steps
from ledger.errors import BlockInvalid, BlockTooEarly
from ledger.outcomes import Outcome
from ledger.state import StateDelta
from ledger.steps import Steps
from ledger.transaction import IdentifiedTransaction
from ledger.transition import make_final
from ledger.types import Hash, PublicKey, TimestampMs, View
from node.arrived_block import ArrivedBlock, Body

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
    body: Body
    """Its transactions with bytes and ids, in order."""
    outcomes: tuple[Outcome, ...]
    """What it did (J28)."""
    delta: StateDelta
    """What it changed."""

    @property
    def parent_id(self) -> Hash:
        """Id of its parent."""
        return self.block.header.parent_id

    @property
    def transaction_ids(self) -> tuple[Hash, ...]:
        """Ids of the body, in order."""
        return tuple(signed.transaction_id for signed in self.body)


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
        self._arrived: OrderedDict[Hash, ArrivedBlock] = OrderedDict()
        self._pending_ids: tuple[tuple[Hash, Hash], frozenset[Hash]] | None = None
        self.turn = asyncio.Lock()
        """Held by whoever moves this tree: the steps of an execution, and `advance`."""

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

    def id_of(self, header: Header) -> Hash:
        """Return the id of the block with a header."""
        return block_id(self._final.tags, header)

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
            path = self.path_to(parent_id)
            ids = frozenset(signed.transaction_id for at in path for signed in at.body)
            self._pending_ids = (key, ids)
        return self._pending_ids[1]

    # ------------------------------------------------------------ growing

    def offer(self, data: bytes | ArrivedBlock) -> Hash:
        """Take in a block from elsewhere, or its bytes; return its id.

        Raises:
            CodecError: they are no block.
        """
        arrived = ArrivedBlock.read(data) if isinstance(data, bytes) else data
        identity = self.id_of(arrived.block.header)
        if identity not in self._blocks:
            self._arrived.setdefault(identity, arrived)
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
        candidates: Iterable[IdentifiedTransaction],
    ) -> Steps[tuple[TreeBlock, list[Hash]]]:
        """Build and execute a block on an executed parent (S5).

        Returns:
            The block, and the ids of candidates that its state refuses.
        """
        parent = self.view_of(parent_id)
        assert parent is not None, "consensus proposes on an executed block"
        context = BlockContext(parent.next_epoch, view, proposer, block_time(parent, clock_ms))
        built = yield from build_in_steps(parent, candidates, context)
        refused = [transaction_id for transaction_id, _ in built.refused]
        return self._add(built.block, built.result), refused

    def verify(
        self,
        proposal: Notarize,
        parent: BlockRef,
        leader: PublicKey,
        clock_ms: TimestampMs,
        verified: IsVerified,
    ) -> Steps[Judgement]:
        """Judge a proposal before voting: context, the leader, the clock, then execution."""
        found = self._blocks.get(proposal.block_id) or self._arrived.get(proposal.block_id)
        parent_view = self.view_of(parent.block_id)
        if found is None:
            return Judgement(Verdict.UNKNOWN, missing=proposal.block_id)
        if parent_view is None:
            return Judgement(Verdict.UNKNOWN, missing=parent.block_id)
        block = found.block
        if (block.header.epoch, block.header.view) != (proposal.epoch, proposal.view):
            log.warning("proposal_invalid", reason="of another epoch or view than its header")
            return Judgement(Verdict.INVALID)
        try:
            check_block_context(parent_view, block, clock_ms, leader)
        except BlockTooEarly:
            return Judgement(Verdict.UNKNOWN)
        except BlockInvalid as reason:
            return _invalid(proposal.block_id, reason)
        return (yield from self._execute(proposal.block_id, found, verified))

    def certify(self, block_ref: BlockRef, verified: IsVerified) -> Steps[Judgement]:
        """Execute a notarized or final block, with its ancestors, whatever the clock says (S5).

        The last block of an epoch may be notarized in a later view than its own (E7).
        """
        chain = self._unexecuted(block_ref.block_id)
        if isinstance(chain, bytes):
            return Judgement(Verdict.UNKNOWN, missing=chain)
        for identity, arrived in chain:
            judgement = yield from self._execute(identity, arrived, verified)
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
        self, identity: Hash, arrived: ArrivedBlock, verified: IsVerified
    ) -> Steps[TreeBlock]:
        """Execute a block that is known to be final, on its parent, which must be here.

        Raises:
            BlockInvalid: this node's ledger refuses what a quorum made final.
        """
        executed = self._blocks.get(identity)
        if executed is None:
            assert self.view_of(arrived.block.header.parent_id), "final blocks come in order"
            executed = yield from self._apply(arrived, verified)
        return executed

    def _unexecuted(self, wanted: Hash) -> list[tuple[Hash, ArrivedBlock]] | Hash:
        """Return what must be executed to have a block, oldest first, or the id that is lacking."""
        chain: list[tuple[Hash, ArrivedBlock]] = []
        while self.view_of(wanted) is None:
            arrived = self._arrived.get(wanted)
            if arrived is None:
                return wanted
            chain.append((wanted, arrived))
            wanted = arrived.block.header.parent_id
        chain.reverse()
        return chain

    def _execute(
        self, identity: Hash, found: ArrivedBlock | TreeBlock, verified: IsVerified
    ) -> Steps[Judgement]:
        executed = self._blocks.get(identity)
        if executed is None:
            assert isinstance(found, ArrivedBlock), "an executed block is in the tree"
            try:
                executed = yield from self._apply(found, verified)
            except BlockInvalid as reason:
                body = yield from found.body(self._final.tags)
                if (yield from root_in_steps(body)) == found.block.header.transaction_root:
                    return _invalid(identity, reason)
                # A peer put another body under this header, which says nothing about the block.
                self._arrived.pop(identity, None)
                log.warning("block_body_wrong", block_id=identity.hex())
                return Judgement(Verdict.UNKNOWN, missing=identity)
        return Judgement(Verdict.VALID, executed.view.ends_epoch)

    def _apply(self, arrived: ArrivedBlock, verified: IsVerified) -> Steps[TreeBlock]:
        """Execute a block on its parent, which must be here."""
        parent = self.view_of(arrived.block.header.parent_id)
        assert parent is not None
        body = yield from arrived.body(parent.tags)
        result = yield from apply_in_steps(parent, arrived.block, body, verified=verified)
        return self._add(arrived.block, result, arrived.data)

    def _add(self, block: Block, result: BlockResult, data: bytes = b"") -> TreeBlock:
        added = TreeBlock(
            view=result.view,
            block=block,
            data=data or encode_block(block.header, [signed.data for signed in result.body]),
            body=result.body,
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


def _invalid(identity: Hash, reason: BlockInvalid) -> Judgement:
    log.warning("block_invalid", block_id=identity.hex(), code=reason.code, reason=str(reason))
    return Judgement(Verdict.INVALID)

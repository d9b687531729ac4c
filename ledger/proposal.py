"""Building a block: the leader's side of `ledger.transition`, with the same steps.

The result holds what the block does, so that a proposer need not apply its own block. The caller
decides when there is something to build: transactions in the pool, automatic work
(`ChainView.next_due_ms`), the end of an epoch, or a heartbeat.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ledger.block import Block, Header
from ledger.block_steps import (
    BlockResult,
    apply_automatic,
    automatic_weight,
    check_protocol_known,
    check_transaction_here,
    credit_fees,
    next_set_hash,
    outcome_root,
    proposer_of,
    result_of,
    root_in_steps,
    weight_of,
)
from ledger.environment import Environment
from ledger.errors import TransactionRejected
from ledger.fast_transfer import apply_identified
from ledger.opening import open_block
from ledger.params import HEADER_VERSION
from ledger.steps import UNITS_PER_STEP, Steps, at_once
from ledger.sweep import due_keys
from ledger.transaction import IdentifiedTransaction, SignedTransaction, identify
from ledger.types import TIMESTAMP_MS_MAX, Epoch, Hash, PublicKey, TimestampMs, View
from ledger.views import ChainView, validator_set_hash


@dataclass(frozen=True, slots=True)
class BlockContext:
    """What consensus and the clock give a new block."""

    epoch: Epoch
    """Epoch that it is proposed in: `ChainView.next_epoch` of the parent."""
    view: View
    """View that it is proposed in."""
    proposer: PublicKey
    """Consensus key of the leader, a member of the epoch's set."""
    timestamp_ms: TimestampMs
    """max(parent's time + 1, the leader's clock), see `block_time` (S5)."""


@dataclass(frozen=True, slots=True)
class BuiltBlock:
    """A new block and what it does."""

    block: Block
    """The block, valid on its parent."""
    result: BlockResult
    """What `apply_block` would return for it."""
    refused: tuple[tuple[Hash, TransactionRejected], ...]
    """Ids of candidates that this state refuses, and why; those that did not fit are not here."""


def block_time(parent: ChainView, clock_ms: TimestampMs) -> TimestampMs:
    """Return the honest time of a child: the clock, but later than the parent (S5)."""
    return max(parent.header.timestamp_ms + 1, clock_ms)


def build_block(
    parent: ChainView, candidates: Iterable[SignedTransaction], context: BlockContext
) -> BuiltBlock:
    """Build a block from the automatic work that is due and as many candidates as fit.

    Args:
        parent: the view to build on.
        candidates: admitted transactions, signatures verified, in the order of preference; an
            empty iterable beyond the soft unfinalized depth (E1).
        context: what consensus and the clock say.

    Raises:
        ProtocolVersionUnknown: this program does not know the rules in force (S13).
    """
    identified = (identify(parent.tags, candidate) for candidate in candidates)
    return at_once(build_in_steps(parent, identified, context))


def build_in_steps(
    parent: ChainView, candidates: Iterable[IdentifiedTransaction], context: BlockContext
) -> Steps[BuiltBlock]:
    """Do what `build_block` does, in steps of candidates and changed keys.

    Between two steps the parent may become final; no block beside it may.
    """
    check_protocol_known(parent)
    assert context.epoch == parent.next_epoch, "the parent decides the epoch"
    assert context.timestamp_ms > parent.header.timestamp_ms, "block time rises"
    # A clock beyond the end of time stops the proposer, before its block is one nobody can read.
    assert context.timestamp_ms <= TIMESTAMP_MS_MAX, "block time is a timestamp (S5)"
    due = due_keys(parent, context.timestamp_ms)
    env = open_block(parent, context.timestamp_ms)
    apply_automatic(parent, env, due)
    yield len(due)
    room = _Body(parent, env, automatic_weight(parent, context.timestamp_ms, len(due)))
    for number, candidate in enumerate(candidates, start=1):
        if not room.offer(candidate):
            break
        if number % UNITS_PER_STEP == 0:
            yield UNITS_PER_STEP
    credit_fees(env, proposer_of(parent.validators, context.proposer))
    delta = yield from env.state.seal_in_steps()
    body = tuple(room.body)
    root = yield from root_in_steps(body)
    header = _header(parent, context, env, root, len(body))
    block = Block(header, tuple(signed.content for signed in body))
    result = result_of(parent, env, delta, header, body)
    return BuiltBlock(block, result, tuple(room.refused))


class _Body:
    """The transactions of a block that is being built, and the room that is left."""

    __slots__ = (
        "_bytes_left",
        "_count_left",
        "_env",
        "_parent",
        "_seen_here",
        "_weight_left",
        "body",
        "refused",
    )

    def __init__(self, parent: ChainView, env: Environment, automatic_us: int) -> None:
        parameters = env.parameters
        self._parent = parent
        self._env = env
        self._count_left = parameters.block_transactions_max
        self._bytes_left = parameters.block_bytes_max
        self._weight_left = parameters.block_weight_max - automatic_us
        self._seen_here: set[Hash] = set()
        self.body: list[IdentifiedTransaction] = []
        self.refused: list[tuple[Hash, TransactionRejected]] = []

    def offer(self, signed: IdentifiedTransaction) -> bool:
        """Apply a candidate if the state takes it; return False once the block is full."""
        size, weight = len(signed.data), weight_of(signed.content)
        if not self._count_left or size > self._bytes_left or weight > self._weight_left:
            return False
        try:
            check_transaction_here(self._parent, self._env, signed, self._seen_here)
            apply_identified(self._env, signed)
        except TransactionRejected as reason:
            self.refused.append((signed.transaction_id, reason))
            return True
        self._count_left -= 1
        self._bytes_left -= size
        self._weight_left -= weight
        self._seen_here.add(signed.transaction_id)
        self.body.append(signed)
        return True


def _header(
    parent: ChainView, context: BlockContext, env: Environment, root: Hash, count: int
) -> Header:
    """Return the header of a block whose state is sealed."""
    return Header(
        version=HEADER_VERSION,
        chain_id=parent.header.chain_id,
        epoch=context.epoch,
        view=context.view,
        height=parent.header.height + 1,
        parent_id=parent.block_id,
        parent_view=parent.next_parent_view,
        timestamp_ms=context.timestamp_ms,
        proposer=context.proposer,
        transaction_root=root,
        transaction_count=count,
        outcome_root=outcome_root(env.outcomes),
        outcome_count=len(env.outcomes),
        state_root=env.state.root,
        validator_set_hash=validator_set_hash(parent.tags, parent.validators),
        next_validator_set_hash=next_set_hash(parent, env),
    )

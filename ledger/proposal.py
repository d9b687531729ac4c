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
    transaction_root,
    weight_of,
)
from ledger.codec import encode
from ledger.environment import Environment
from ledger.errors import TransactionRejected
from ledger.execution import apply_transaction
from ledger.opening import open_block
from ledger.params import HEADER_VERSION
from ledger.sweep import due_keys
from ledger.transaction import SignedTransaction, transaction_id_of_bytes
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
    check_protocol_known(parent)
    assert context.epoch == parent.next_epoch, "the parent decides the epoch"
    assert context.timestamp_ms > parent.header.timestamp_ms, "block time rises"
    # A clock beyond the end of time stops the proposer, before its block is one nobody can read.
    assert context.timestamp_ms <= TIMESTAMP_MS_MAX, "block time is a timestamp (S5)"
    due = due_keys(parent, context.timestamp_ms)
    env = open_block(parent, context.timestamp_ms)
    apply_automatic(parent, env, due)
    body = _Body(parent, env, automatic_weight(parent, context.timestamp_ms, len(due)))
    for candidate in candidates:
        if not body.offer(candidate):
            break
    credit_fees(env, proposer_of(parent.validators, context.proposer))
    delta = env.state.seal()
    header = _header(parent, context, env, body)
    block = Block(header, tuple(body.transactions))
    result = result_of(parent, env, delta, block, body.ids)
    return BuiltBlock(block, result, tuple(body.refused))


class _Body:
    """The transactions of a block that is being built, and the room that is left."""

    __slots__ = (
        "_bytes_left",
        "_count_left",
        "_env",
        "_parent",
        "_seen_here",
        "_weight_left",
        "ids",
        "refused",
        "transactions",
    )

    def __init__(self, parent: ChainView, env: Environment, automatic_us: int) -> None:
        parameters = env.parameters
        self._parent = parent
        self._env = env
        self._count_left = parameters.block_transactions_max
        self._bytes_left = parameters.block_bytes_max
        self._weight_left = parameters.block_weight_max - automatic_us
        self._seen_here: set[Hash] = set()
        self.ids: list[Hash] = []
        self.transactions: list[SignedTransaction] = []
        self.refused: list[tuple[Hash, TransactionRejected]] = []

    def offer(self, signed: SignedTransaction) -> bool:
        """Apply a candidate if the state takes it; return False once the block is full."""
        data = encode(signed)
        weight = weight_of(signed)
        if not self._count_left or len(data) > self._bytes_left or weight > self._weight_left:
            return False
        transaction_id = transaction_id_of_bytes(self._parent.tags, data)
        try:
            check_transaction_here(self._parent, self._env, signed, transaction_id, self._seen_here)
            apply_transaction(self._env, signed.transaction, transaction_id, len(data))
        except TransactionRejected as reason:
            self.refused.append((transaction_id, reason))
            return True
        self._count_left -= 1
        self._bytes_left -= len(data)
        self._weight_left -= weight
        self._seen_here.add(transaction_id)
        self.ids.append(transaction_id)
        self.transactions.append(signed)
        return True


def _header(parent: ChainView, context: BlockContext, env: Environment, body: _Body) -> Header:
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
        transaction_root=transaction_root(body.ids, body.transactions),
        transaction_count=len(body.transactions),
        outcome_root=outcome_root(env.outcomes),
        outcome_count=len(env.outcomes),
        state_root=env.state.root,
        validator_set_hash=validator_set_hash(parent.tags, parent.validators),
        next_validator_set_hash=next_set_hash(parent, env),
    )

"""Blocks: what makes one valid on its parent, and the state after it.

`apply_block` is the ledger in one function. It is pure: parent view and block in, a new view out;
nothing it was given changes, and no clock, randomness or order of a set plays a part. The three
stages of checks are `check_block_sanity` (bytes alone), `check_block_context` (the voter's clock
and the view's leader: voting only, never certification or replay) and `apply_block`, which
repeats the first and judges everything that follows from the parent. `proposal.build_block` makes
blocks with the same steps.

An epoch is a span of block time (E3): the first block at or after `epoch_start_ms + epoch_ms` is
its last and names the next epoch's validator set (S13); that block's child has epoch + 1 and
parent view 0. `ChainView.next_epoch`, `next_parent_view` and `next_block_ends_epoch` say which.
"""

from collections.abc import Callable, Sequence

from ledger.authorities import has_pending
from ledger.block import Block, Header
from ledger.block_errors import (
    BlockLimitExceeded,
    BlockTimeNotRising,
    BlockTransactionRefused,
    HeaderFieldInvalid,
    HeaderMismatch,
)
from ledger.block_steps import (
    BlockResult,
    apply_automatic,
    automatic_weight,
    check_protocol_known,
    check_transaction_here,
    credit_fees,
    identify_in_steps,
    next_set_hash,
    outcome_root,
    proposer_of,
    result_of,
    root_in_steps,
    weight_of,
)
from ledger.environment import Environment
from ledger.errors import BlockTooEarly, LedgerError
from ledger.fast_transfer import apply_identified
from ledger.opening import open_block
from ledger.params import HEADER_VERSION, TIMESTAMP_DRIFT_MS
from ledger.proposal import BlockContext, BuiltBlock, build_block, build_in_steps
from ledger.steps import UNITS_PER_STEP, Steps, at_once
from ledger.sweep import due_keys
from ledger.transaction import IdentifiedTransaction, verify_signature
from ledger.types import Hash, PublicKey, TimestampMs
from ledger.views import ChainView, genesis_view, make_final, restored_view, validator_set_hash

__all__ = [
    "BlockContext",
    "BlockResult",
    "BuiltBlock",
    "ChainView",
    "IsVerified",
    "apply_block",
    "apply_in_steps",
    "build_block",
    "build_in_steps",
    "check_block_context",
    "check_block_sanity",
    "genesis_view",
    "is_quiet",
    "make_final",
    "restored_view",
]

IsVerified = Callable[[IdentifiedTransaction], bool]
"""Whether exactly these signed bytes verified before; a cache keyed by them (T3)."""


def check_block_sanity(block: Block) -> None:
    """Check what the block alone shows; follows decoding.

    Raises:
        HeaderFieldInvalid: a field has a value that no parent could make valid.
        HeaderMismatch: the header counts another number of transactions than the body has.
    """
    header = block.header
    if header.version != HEADER_VERSION:
        raise HeaderFieldInvalid("version", header.version, f"is not {HEADER_VERSION}")
    if header.height == 0:
        raise HeaderFieldInvalid("height", header.height, "is genesis, which nobody proposes")
    if header.view <= header.parent_view:
        raise HeaderFieldInvalid("view", header.view, f"is not after {header.parent_view}")
    _check_field("transaction_count", header.transaction_count, len(block.transactions))


def check_block_context(
    parent: ChainView, block: Block, now_ms: TimestampMs, leader: PublicKey
) -> None:
    """Check a proposal against the voter's clock and the view's leader, before voting only.

    Follows `check_block_sanity`. Certification and replay skip it: a time that was ahead once is
    not wrong for ever.

    Args:
        parent: the view that the block names as its parent.
        block: the proposal.
        now_ms: this node's wall clock.
        leader: consensus key of the leader of the header's epoch and view.

    Raises:
        HeaderMismatch, BlockTimeNotRising, ProposerUnknown: its place on the parent is wrong.
        BlockTooEarly: its time is more than the drift ahead of the clock: wait (S5).
    """
    _check_place(parent, block.header)
    _check_field("proposer", block.header.proposer, leader)
    if block.header.timestamp_ms > now_ms + TIMESTAMP_DRIFT_MS:
        raise BlockTooEarly(block.header.timestamp_ms, now_ms)


def apply_block(
    parent: ChainView,
    block: Block,
    *,
    verified: IsVerified | None = None,
    body: tuple[IdentifiedTransaction, ...] | None = None,
) -> BlockResult:
    """Validate a block on its parent and return what it does.

    Args:
        parent: the view that the block names as its parent.
        block: the decoded block.
        verified: says which signatures need no second verification; none by default.
        body: the block's transactions with bytes and ids, if the caller has them.

    Raises:
        BlockInvalid: one of `ledger.block_errors`; the block is invalid for ever.
        ProtocolVersionUnknown: a newer program may judge the block, this one stops (S13).
    """
    if body is None:
        body = at_once(identify_in_steps(parent.tags, block.transactions))
    return at_once(apply_in_steps(parent, block, body, verified=verified))


def apply_in_steps(
    parent: ChainView,
    block: Block,
    body: tuple[IdentifiedTransaction, ...],
    *,
    verified: IsVerified | None = None,
) -> Steps[BlockResult]:
    """Do what `apply_block` does, in steps of transactions and changed keys.

    Between two steps the parent may become final; no block beside it may.
    """
    header = block.header

    # 0. This program knows the rules that are in force (S13).
    check_protocol_known(parent)

    # 1. The header's fields agree with the body's size, and with the parent (S5, E3).
    check_block_sanity(block)
    _check_place(parent, header)

    # 2. The block is within the parent's limits, before anything in it is looked at (S6, S7).
    assert len(body) == len(block.transactions), "a body is the block's"
    due = due_keys(parent, header.timestamp_ms)
    automatic_us = automatic_weight(parent, header.timestamp_ms, len(due))
    _check_limits(parent, body, automatic_us)

    # 3. The header commits to exactly this body (T1).
    root = yield from root_in_steps(body)
    _check_field("transaction_root", header.transaction_root, root)

    # 4. A halt is recorded (J12); then automatic work comes first, and is mandatory (J17, S4).
    env = open_block(parent, header.timestamp_ms)
    apply_automatic(parent, env, due)
    yield len(due)

    # 5. Every transaction is valid where it stands (decision 6).
    yield from _apply_body(parent, env, body, verified)

    # 6. The fees go to the proposer, once (T9).
    credit_fees(env, proposer_of(parent.validators, header.proposer))

    # 7. What the block did is what its header says (J28, S13).
    delta = yield from env.state.seal_in_steps()
    _check_field("outcome_count", header.outcome_count, len(env.outcomes))
    _check_field("outcome_root", header.outcome_root, outcome_root(env.outcomes))
    _check_field("state_root", header.state_root, env.state.root)
    next_hash = next_set_hash(parent, env)
    _check_field("next_validator_set_hash", header.next_validator_set_hash, next_hash)
    return result_of(parent, env, delta, header, body)


def _apply_body(
    parent: ChainView,
    env: Environment,
    body: Sequence[IdentifiedTransaction],
    verified: IsVerified | None,
) -> Steps[None]:
    """Carry out the transactions of a block in order."""
    seen_here: set[Hash] = set()
    for index, signed in enumerate(body):
        try:
            check_transaction_here(parent, env, signed, seen_here)
            if verified is None or not verified(signed):
                verify_signature(parent.tags, signed.transaction_id, signed.content)
            apply_identified(env, signed)
        except LedgerError as reason:
            raise BlockTransactionRefused(index, signed.transaction_id, reason) from reason
        seen_here.add(signed.transaction_id)
        if index % UNITS_PER_STEP == UNITS_PER_STEP - 1:
            yield UNITS_PER_STEP


def is_quiet(parent: ChainView, block: Block) -> bool:
    """Return whether a block does nothing, so that its state root is its parent's (S2).

    Recording a halt is work (J12); so is clearing it, which is due like anything else, and ending
    an epoch with something pending (E3).
    """
    now_ms = block.header.timestamp_ms
    records_halt = parent.gap_at(now_ms) != parent.state.gap
    decides = parent.next_block_ends_epoch(now_ms) and has_pending(parent.state)
    return not (block.transactions or due_keys(parent, now_ms) or records_halt or decides)


def _check_field(field: str, claimed: object, computed: object) -> None:
    """Compare a header's field with what it must be."""
    if claimed != computed:
        raise HeaderMismatch(field, claimed, computed)


def _check_place(parent: ChainView, header: Header) -> None:
    """Check what the parent makes of chain, height, epoch, view, time, set and proposer."""
    _check_field("chain_id", header.chain_id, parent.header.chain_id)
    _check_field("parent_id", header.parent_id, parent.block_id)
    _check_field("height", header.height, parent.header.height + 1)
    _check_field("epoch", header.epoch, parent.next_epoch)
    _check_field("parent_view", header.parent_view, parent.next_parent_view)
    if header.timestamp_ms <= parent.header.timestamp_ms:
        raise BlockTimeNotRising(header.timestamp_ms, parent.header.timestamp_ms)
    validators = parent.validators
    set_hash = validator_set_hash(parent.tags, validators)
    _check_field("validator_set_hash", header.validator_set_hash, set_hash)
    proposer_of(validators, header.proposer)


def _check_limits(
    parent: ChainView, body: Sequence[IdentifiedTransaction], automatic_us: int
) -> None:
    """Check the body against the parent's parameters (S6, S7)."""
    parameters = parent.parameters
    weight = automatic_us + sum(weight_of(signed.content) for signed in body)
    for what, value, limit in (
        ("transactions", len(body), parameters.block_transactions_max),
        ("bytes", sum(len(signed.data) for signed in body), parameters.block_bytes_max),
        ("weight", weight, parameters.block_weight_max),
    ):
        if value > limit:
            raise BlockLimitExceeded(what, value, limit)

"""A block and the state after it: what rules, the pool and the proposer read.

`ChainView` is one block of the tree of blocks above the newest final one. The views of a chain
share their base: `make_final` moves it forward, and views beside the new final block are stale
from then on.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ledger.authorities import has_pending, parameters_of, validators_of
from ledger.block import ZERO_HASH, Header, block_id
from ledger.codec import encode
from ledger.due import whole_second_ms
from ledger.gap import ends_halt, gap_after
from ledger.hashing import Purpose, Tags
from ledger.merkle import EMPTY_ROOT
from ledger.params import HEADER_VERSION, Parameters, receipt_grace_ms
from ledger.records import Gap, Record, ValidatorSet
from ledger.seen import SeenIds, SeenOverlay
from ledger.state import FinalState, Overlay, StateRootMismatch
from ledger.types import ChainId, DurationMs, Epoch, Hash, TimestampMs, View

__all__ = [
    "ChainView",
    "StateRootMismatch",
    "genesis_view",
    "make_final",
    "parameters_of",
    "restored_view",
    "validator_set_hash",
    "validators_of",
]


def validator_set_hash(tags: Tags, validators: ValidatorSet) -> Hash:
    """Return SHA-256(tag("validator-set") ‖ canonical bytes)."""
    return tags.digest(Purpose.VALIDATOR_SET, encode(validators))


@dataclass(frozen=True, slots=True)
class ChainView:
    """One block and the state after it."""

    tags: Tags
    """Tags of the chain."""
    block_id: Hash
    """The block's id."""
    header: Header
    """The block's header."""
    state: FinalState | Overlay
    """The state after the block."""
    seen: SeenIds | SeenOverlay
    """Ids of the block and its ancestors that later blocks may not repeat (T1)."""
    epoch_start_ms: TimestampMs
    """Time of the block at view 0 of this block's epoch: the previous epoch's last (E3)."""

    @property
    def parameters(self) -> Parameters:
        """Parameters that the next block is judged by (S6)."""
        return parameters_of(self.state)

    @property
    def validators(self) -> ValidatorSet:
        """Validator set of the next block's epoch."""
        return validators_of(self.state)

    @property
    def receipt_grace_ms(self) -> DurationMs:
        """Receipt grace of jobs that the next block locks (J11)."""
        return receipt_grace_ms(self.parameters, len(self.validators.members))

    @property
    def ends_epoch(self) -> bool:
        """Whether the block is the last of its epoch (S13)."""
        return self.header.next_validator_set_hash != ZERO_HASH

    @property
    def next_epoch(self) -> Epoch:
        """Epoch of the next block."""
        return self.header.epoch + 1 if self.ends_epoch else self.header.epoch

    @property
    def next_parent_view(self) -> View:
        """View of this block as the next block's header names it: 0 at an epoch's start."""
        return 0 if self.ends_epoch else self.header.view

    @property
    def next_epoch_start_ms(self) -> TimestampMs:
        """Time from which the next block's epoch counts."""
        return self.header.timestamp_ms if self.ends_epoch else self.epoch_start_ms

    @property
    def next_due_ms(self) -> TimestampMs | None:
        """When automatic work is due next, None if never: pending work once it is past (S3).

        The end of the epoch is such work while something waits for it (E3).
        """
        due_ms = self.state.next_due_ms()
        if not has_pending(self.state):
            return due_ms
        end_ms = whole_second_ms(self.next_epoch_start_ms + self.parameters.epoch_ms)
        return end_ms if due_ms is None else min(due_ms, end_ms)

    def gap_at(self, timestamp_ms: TimestampMs) -> Gap | None:
        """Return the record of a halt that a child with this time works under (J12)."""
        known, parameters, parent_ms = self.state.gap, self.parameters, self.header.timestamp_ms
        if not ends_halt(parameters, parent_ms, timestamp_ms) or not self.state.has_jobs:
            return known
        return gap_after(known, parameters, parent_ms, timestamp_ms)

    def next_block_ends_epoch(self, timestamp_ms: TimestampMs) -> bool:
        """Return whether a child with this time is the last block of its epoch (E3)."""
        return timestamp_ms >= self.next_epoch_start_ms + self.parameters.epoch_ms


def genesis_view(
    tags: Tags,
    chain_id: ChainId,
    records: Mapping[bytes, Record],
    timestamp_ms: TimestampMs,
    buckets: int,
) -> ChainView:
    """Return block 0 with the state after it; `genesis` has checked all that is given (S14).

    Args:
        tags: of the genesis digest.
        chain_id: of the genesis digest.
        records: state 0 by state key; parameters and validator set among them.
        timestamp_ms: genesis time; epoch 0 counts from it.
        buckets: size of the state tree.
    """
    state = FinalState(records, buckets)
    header = Header(
        version=HEADER_VERSION,
        chain_id=chain_id,
        epoch=0,
        view=0,
        height=0,
        parent_id=ZERO_HASH,
        parent_view=0,
        timestamp_ms=timestamp_ms,
        proposer=ZERO_HASH,
        transaction_root=EMPTY_ROOT,
        transaction_count=0,
        outcome_root=EMPTY_ROOT,
        outcome_count=0,
        state_root=state.root,
        validator_set_hash=validator_set_hash(tags, validators_of(state)),
        next_validator_set_hash=ZERO_HASH,
    )
    return ChainView(tags, block_id(tags, header), header, state, SeenIds(), timestamp_ms)


def restored_view(
    *,
    tags: Tags,
    header: Header,
    records: dict[bytes, bytes],
    seen: SeenIds,
    epoch_start_ms: TimestampMs,
    buckets: int,
) -> ChainView:
    """Return the view of a final block from what a store kept.

    Args:
        tags: of the chain.
        header: of the newest final block.
        records: canonical records of the state after it, by state key; given away, it is empty
            when this returns.
        seen: ids of final transactions whose `valid_until` is not before the header's time.
        epoch_start_ms: time of the newest final block of an earlier epoch, or of block 0. Epochs
            rise with height, so a store finds it by bisection.
        buckets: size of the state tree.

    Raises:
        StateRootMismatch: the records are not the state that the header commits to.
    """
    state = FinalState.restored(records, header.state_root, buckets)
    return ChainView(tags, block_id(tags, header), header, state, seen, epoch_start_ms)


def make_final(final: ChainView, child: ChainView) -> ChainView:
    """Merge a child of the newest final block into the base, and return the child's view on it.

    Views above the child stay valid, and their chains of overlays get shorter by one. The old
    final view and views beside the child must not be read any more.
    """
    state, seen = final.state, final.seen
    assert isinstance(state, FinalState)
    assert isinstance(seen, SeenIds)
    assert isinstance(child.state, Overlay)
    assert isinstance(child.seen, SeenOverlay)
    assert child.header.parent_id == final.block_id, "blocks become final one by one"
    state.absorb(child.state)
    seen.absorb(child.seen)
    seen.prune(child.header.timestamp_ms)
    return ChainView(child.tags, child.block_id, child.header, state, seen, child.epoch_start_ms)

"""What a final block holds, for proofs of inclusion: of a whole block or of its summary (S11)."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from ledger.codec import encode
from ledger.store import ChainReader, StoredBlock
from ledger.store.summaries import LEAF_BYTES, Summary, leaves_of
from ledger.types import Epoch, Hash, Height
from node.proofs.errors import ProofPruned

_RECORDS: msgspec.msgpack.Decoder[list[msgspec.Raw]] = msgspec.msgpack.Decoder(list[msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Contents:
    """A final block's leaves, transactions and outcomes, as far as they are kept."""

    epoch: Epoch
    """The block's epoch."""
    leaves: Sequence[bytes] | None
    """Leaves of its transactions; None if they are not kept."""
    signed: Sequence[bytes | None]
    """Signed bytes of its transactions; None where they are not kept. Empty if none are."""
    outcomes: Sequence[bytes] | None
    """Canonical bytes of its outcomes; None if they are not kept."""

    def index_of(self, transaction_id: Hash) -> int | None:
        """Return the position of a transaction; None if the block does not hold it."""
        for at, leaf in enumerate(self.leaves or ()):
            if leaf.startswith(transaction_id):
                return at
        return None


def contents_of(store: ChainReader, height: Height) -> Contents:
    """Return what is kept of the final block at a height.

    Raises:
        ProofPruned: nothing is.
    """
    block = store.block_at(height)
    if block is not None:
        return _of_block(block)
    summary = store.summary_at(height)
    if summary is None:
        raise ProofPruned(f"This node does not hold block {height}: it started with a later one")
    return _of_summary(summary)


def _of_block(block: StoredBlock) -> Contents:
    outcomes = [encode(outcome) for outcome in block.outcomes]
    return Contents(block.header.epoch, _split(leaves_of(block)), block.signed, outcomes)


def _of_summary(summary: Summary) -> Contents:
    leaves = None if summary.leaves is None else _split(summary.leaves)
    signed: list[bytes | None] = [None] * len(leaves or ())
    for at, data in summary.kept:
        signed[at] = data
    packed = summary.outcomes
    outcomes = None if packed is None else [bytes(raw) for raw in _RECORDS.decode(packed)]
    return Contents(summary.header.epoch, leaves, signed, outcomes)


def _split(leaves: bytes) -> list[bytes]:
    return [leaves[at : at + LEAF_BYTES] for at in range(0, len(leaves), LEAF_BYTES)]

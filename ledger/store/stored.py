"""What the block store takes, and what it gives back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledger.block import Block, Header
from ledger.outcomes import Outcome
from ledger.transaction import SignedTransaction
from ledger.types import Epoch, Hash, Height, TimestampMs


@dataclass(frozen=True, slots=True)
class NewBlock:
    """A final block that is to become durable."""

    block_id: Hash
    """Id of its header; computed by the caller, who needs it anyway."""
    block: Block
    """Header and body."""
    certificate: bytes
    """Its finality certificate, as consensus made it; empty where a later block's covers it."""
    outcomes: Sequence[Outcome]
    """What applying it gave, as its header commits to them."""
    delta: Mapping[bytes, bytes | None]
    """State key to canonical record bytes after the block, None where it was deleted."""
    data: bytes
    """Canonical bytes of the block, which whoever executed it has."""
    ids: Sequence[tuple[Hash, TimestampMs]]
    """(id, valid_until_ms) of its transactions, in order."""


@dataclass(frozen=True, slots=True)
class StoredHead:
    """The newest durable block."""

    height: Height
    """Its height."""
    block_id: Hash
    """Its id."""
    header: Header
    """Its header; the state root is what loaded records must hash to."""
    certificate: bytes
    """Its finality certificate, as consensus made it; empty for genesis."""


@dataclass(frozen=True, slots=True)
class EpochEnd:
    """Where an epoch ended."""

    epoch: Epoch
    """The epoch."""
    height: Height
    """Height of its last block."""
    next_set: bytes
    """Canonical `ValidatorSet` that the next epoch changed to; empty if the set stayed."""


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """A durable block with everything that belongs to it."""

    height: Height
    """Its height."""
    block_id: Hash
    """Its id."""
    header: Header
    """Its header."""
    transactions: tuple[SignedTransaction, ...]
    """Its body, in order."""
    signed: tuple[bytes, ...]
    """The same as canonical signed bytes."""
    transaction_ids: tuple[Hash, ...]
    """Ids of the body, in order."""
    outcomes: tuple[Outcome, ...]
    """Its outcome records, in order."""
    certificate: bytes
    """Its finality certificate; empty for genesis."""

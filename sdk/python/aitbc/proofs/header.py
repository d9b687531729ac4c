"""Headers of blocks: what a block commits to, from its canonical bytes."""

from dataclasses import dataclass
from typing import Final

from aitbc.digests import ChainTags
from aitbc.field_checks import AMOUNT, HASH, TIME, Check, fixed_array, integer_to, text_like
from aitbc.proofs.canonical import decode

HEADER_BYTES_MAX: Final = 1_024
"""A header takes about 420 bytes."""

NO_HASH: Final = bytes(32)
"""Stands for the next epoch's set in headers that do not end one (S13)."""

_FIELDS: Final[dict[str, Check]] = {
    "version": integer_to(1, 1),
    "chain_id": text_like("[a-z0-9-]{18,}", 49),
    "epoch": AMOUNT,
    "view": AMOUNT,
    "height": AMOUNT,
    "parent_id": HASH,
    "parent_view": AMOUNT,
    "timestamp_ms": TIME,
    "proposer": HASH,
    "transaction_root": HASH,
    "transaction_count": AMOUNT,
    "outcome_root": HASH,
    "outcome_count": AMOUNT,
    "state_root": HASH,
    "validator_set_hash": HASH,
    "next_validator_set_hash": HASH,
}
"""Fields in wire order."""

_HEADER: Final = fixed_array(_FIELDS)


@dataclass(frozen=True)
class Header:
    """A block's header."""

    block_id: bytes
    """SHA-256 over the chain's tag ``header`` and the bytes."""
    version: int
    """Version of the format."""
    chain_id: str
    """The chain."""
    epoch: int
    """Epoch of the set that agrees on it."""
    view: int
    """View in which it was first proposed."""
    height: int
    """Parent's height + 1."""
    parent_id: bytes
    """Id of the parent's header."""
    parent_view: int
    """View of the parent in this epoch."""
    timestamp_ms: int
    """Proposer's clock."""
    proposer: bytes
    """Key of the view's leader."""
    transaction_root: bytes
    """Root over the transactions' leaves (T1)."""
    transaction_count: int
    """Leaves of that tree."""
    outcome_root: bytes
    """Root over the outcome records (J28)."""
    outcome_count: int
    """Leaves of that tree."""
    state_root: bytes
    """Root of the state after the block (S1)."""
    validator_set_hash: bytes
    """The set of this epoch."""
    next_validator_set_hash: bytes
    """The next epoch's set; zero except in an epoch's last block."""

    @property
    def ends_epoch(self) -> bool:
        """Whether it is its epoch's last."""
        return self.next_validator_set_hash != NO_HASH


def read_header(tags: ChainTags, data: bytes) -> Header:
    """Return the header that canonical bytes say, whatever chain it names.

    Raises:
        InvalidValue: they say none.
    """
    values = _HEADER("header", decode("header", data, HEADER_BYTES_MAX))
    named = dict(zip(_FIELDS, values, strict=True))
    return Header(tags.digest("header", data), **named)  # type: ignore[arg-type]  # checked above

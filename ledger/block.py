"""Blocks: header, body, id (see `ledger.transition` for the checks)."""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from ledger.codec import Codec, encode
from ledger.hashing import Purpose, Tags
from ledger.params import BLOCK_BYTES_MAX, BLOCK_TRANSACTIONS_MAX
from ledger.transaction import SignedTransaction
from ledger.types import ChainId, Count, Epoch, Hash, Height, PublicKey, TimestampMs, View

ZERO_HASH: Final = bytes(32)
"""Stands where there is no hash: the genesis parent, the next-set hash inside an epoch (S13)."""


class Header(msgspec.Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True):
    """What a block commits to. Its id is SHA-256(tag("header") ‖ bytes)."""

    version: int
    """Format version, `HEADER_VERSION`."""
    chain_id: ChainId
    """The chain."""
    epoch: Epoch
    """Epoch of the set that agrees on it."""
    view: View
    """View in which it was first proposed."""
    height: Height
    """Parent's height + 1."""
    parent_id: Hash
    """Id of the parent's header; zero for genesis."""
    parent_view: View
    """View of the parent in this epoch."""
    timestamp_ms: TimestampMs
    """Proposer's clock, later than the parent's time (S5)."""
    proposer: PublicKey
    """Consensus key of the view's leader; zero for genesis."""
    transaction_root: Hash
    """RFC 6962 root over the leaves of T1."""
    transaction_count: Count
    """Leaves of the transaction tree."""
    outcome_root: Hash
    """RFC 6962 root over canonical outcome records (J28)."""
    outcome_count: Count
    """Leaves of the outcome tree."""
    state_root: Hash
    """Root of the bucket tree after this block."""
    validator_set_hash: Hash
    """SHA-256(tag("validator-set") ‖ bytes) of this epoch's set."""
    next_validator_set_hash: Hash
    """The next epoch's set; zero except in an epoch's last block (S13)."""


class Block(msgspec.Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True):
    """A header and its signed transactions."""

    header: Header
    """What the block commits to."""
    transactions: Annotated[
        tuple[SignedTransaction, ...], msgspec.Meta(max_length=BLOCK_TRANSACTIONS_MAX)
    ]
    """The body, in order of execution."""


HEADER_BYTES_MAX: Final = 1_024
"""A header takes about 420 bytes."""

CODEC: Final = Codec(Block, BLOCK_BYTES_MAX + HEADER_BYTES_MAX, "block")

HEADER_CODEC: Final = Codec(Header, HEADER_BYTES_MAX, "header")


_BLOCK_HEAD: Final = b"\x92"
"""A block is the array of its header and its body."""

BLOCK_HEAD_BYTES: Final = len(_BLOCK_HEAD)
"""Bytes of a block before those of its header, which those of its body follow."""


def encode_block(header: Header, signed: Sequence[bytes]) -> bytes:
    """Return the canonical bytes of a block whose transactions are encoded already."""
    return b"".join((_BLOCK_HEAD, encode(header), _array_head(len(signed)), *signed))


def _array_head(count: int) -> bytes:
    """Return how MessagePack begins an array of this many elements."""
    if count < 16:
        return bytes((0x90 | count,))
    return b"\xdc" + count.to_bytes(2, "big")  # A block has at most 10,000.


def block_id(tags: Tags, header: Header) -> Hash:
    """Return the id of the block with this header."""
    return tags.digest(Purpose.HEADER, encode(header))

"""What the indexer makes sure of before it believes a stored block (K2)."""

from collections.abc import Sequence
from typing import Protocol

from ledger.block import ZERO_HASH, block_id
from ledger.codec import encode
from ledger.hashing import Tags
from ledger.merkle import merkle_root, root_of_hashes, transaction_leaf_hashes
from ledger.store.errors import IndexRefused
from ledger.store.stored import StoredBlock
from ledger.types import Hash, Height


class IndexedBlock(Protocol):
    """The newest indexed block."""

    @property
    def height(self) -> Height:
        """Its height."""

    @property
    def block_id(self) -> Hash:
        """Its id."""


def check_blocks(tags: Tags, blocks: Sequence[StoredBlock], newest: IndexedBlock | None) -> None:
    """Refuse blocks that do not follow each other, or are not what their headers commit to.

    Args:
        tags: of the chain.
        blocks: consecutive, as the store gave them.
        newest: what they have to follow; None if nothing is indexed yet.

    Raises:
        IndexRefused: the text names the block, and what of it does not fit.
    """
    for block in blocks:
        _check_link(block, newest)
        _check_hash(block, "id", block.block_id, block_id(tags, block.header))
        leaves = [
            (each, signed.transaction.valid_until_ms, signed.signature)
            for each, signed in zip(block.transaction_ids, block.transactions, strict=True)
        ]
        root = root_of_hashes(transaction_leaf_hashes(leaves))
        _check_hash(block, "transaction root", block.header.transaction_root, root)
        root = block.header.outcome_root
        _check_hash(block, "outcome root", root, merkle_root([*map(encode, block.outcomes)]))
        newest = block


def _check_link(block: StoredBlock, newest: IndexedBlock | None) -> None:
    if newest is None and block.height > 0:
        return  # The chain begins here: nobody has what is before it.
    height, parent_id = (0, ZERO_HASH) if newest is None else (newest.height + 1, newest.block_id)
    if block.height != height or block.header.height != height:
        raise IndexRefused(f"block {height} is missing: the store goes on with {block.height}")
    _check_hash(block, "parent", block.header.parent_id, parent_id)


def _check_hash(block: StoredBlock, what: str, claimed: Hash, computed: Hash) -> None:
    if claimed != computed:
        raise IndexRefused(
            f"{what} of block {block.height} is {claimed.hex()} in the store, but its contents "
            f"give {computed.hex()}; restore the chain database from a copy"
        )

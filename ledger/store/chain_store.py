"""The durable chain: blocks, and the state that they lead to.

A commit is one transaction with one block row and one state-delta blob, so its cost does not grow
with the state. The state table follows lazily (`checkpoint`), and is completed from the deltas
when the node starts (`load_records`).

One thread writes (`initialise`, `commit`, `checkpoint`); any thread reads.
"""

from collections.abc import Mapping, Sequence

from ledger.block import Block
from ledger.hashing import Tags
from ledger.outcomes import Outcome
from ledger.store.stored import StoredBlock, StoredHead
from ledger.types import Hash, Height, TimestampMs


class ChainStore:
    """Blocks, certificates and state of one chain in one database."""

    @classmethod
    def open(cls, url: str) -> "ChainStore":
        """Open the store at an SQLAlchemy URL such as ``sqlite:////var/lib/aitbc/chain.db``.

        Makes the database if there is none (its folder must exist) and upgrades an older schema.

        Raises:
            StoreUnusable: a subclass that says what to do.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Give the connections back; nothing is pending, since a commit returns when durable."""
        raise NotImplementedError

    def initialise(self, tags: Tags, genesis: Block, records: Mapping[bytes, bytes]) -> None:
        """Store block 0 and the records of state 0; does nothing if they are there already.

        Raises:
            WrongChain: the store was made from another genesis.
        """
        raise NotImplementedError

    def head(self) -> StoredHead | None:
        """Return the newest durable block; None before `initialise`."""
        raise NotImplementedError

    def commit(
        self,
        block_id: Hash,
        block: Block,
        certificate: bytes,
        outcomes: Sequence[Outcome],
        delta: Mapping[bytes, bytes | None],
    ) -> None:
        """Make a final block durable; on return it survives power loss.

        Committing a stored block again does nothing, so recovery may replay.

        Args:
            block_id: id of the block's header; computed by the caller, who needs it anyway.
            block: the block that the certificate finalizes.
            certificate: bytes that consensus understands; opaque here.
            outcomes: what applying it gave, as its header commits to them.
            delta: state key to canonical record bytes after the block, None where it was deleted.

        Raises:
            NotInitialised: there is no genesis block.
            BlockGap: it lies above the next height.
            BlockConflict: another block is final at its height, or its parent is not the head.
        """
        raise NotImplementedError

    def load_records(self) -> tuple[StoredHead, dict[bytes, bytes]]:
        """Return the head and all records of the state after it.

        The caller builds the state from them and compares its root with the head's header: the
        store keeps bytes, and does not judge them.
        """
        raise NotImplementedError

    def checkpoint(self, keys: int = 1_000, *, force: bool = False) -> bool:
        """Carry one bounded slice of the deltas over into the state table.

        Call it between commits. It does nothing while few deltas wait, unless `force` is set.

        Args:
            keys: most records to write; 1,000 hold the writer for about 20 ms.
            force: begin although few deltas wait.

        Returns:
            Whether a slice was written, so that another call may have more to do.
        """
        raise NotImplementedError

    def final_blocks(self, after_height: int, limit: int) -> list[StoredBlock]:
        """Return blocks after_height+1 …, in order: at most `limit`, fewer if they are large."""
        raise NotImplementedError

    def block_at(self, height: Height) -> StoredBlock | None:
        """Return the block at a height."""
        raise NotImplementedError

    def block_by_id(self, block_id: Hash) -> StoredBlock | None:
        """Return the block of an id."""
        raise NotImplementedError

    def recent_ids(self, now_ms: TimestampMs) -> list[tuple[Hash, TimestampMs]]:
        """Return (id, valid_until_ms) of transactions with valid_until_ms ≥ now_ms (T1)."""
        raise NotImplementedError
